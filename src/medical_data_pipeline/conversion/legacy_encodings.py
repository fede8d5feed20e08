"""Which encoding of before Unicode some bytes are in, by the letters that the languages write."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from charset_normalizer import from_bytes

_MAX_WORDS = 1000
_MAX_BYTES = 1 << 18
_WHOLE_LINES = 20
_FEW_LETTERS = 4
# How well another reading has to fit, and how much better than the Western one, to be believed.
_FITS = 0.95
_FITS_BETTER = 0.1
_FITS_ASIA = 0.9
_ENOUGH_TELLING = 0.05
_RUN = re.compile(rb"[\x80-\xff]{3,}")
_MIXED_WORD = re.compile(rb"[A-Za-z\x80-\xff]*[\x80-\xff][A-Za-z\x80-\xff]*")


@dataclass(frozen=True)
class _Writing:
    """Small letters beyond ASCII that neighbours write, and the encodings in which they may stand."""

    letters: frozenset[str]
    encodings: tuple[str, ...]


def _writing(letters: str, *encodings: str) -> _Writing:
    return _Writing(frozenset(letters), encodings)


_WESTERN_ENCODINGS = ("cp1252", "cp850", "mac_roman")
_CENTRAL_ENCODINGS = ("cp1250", "iso8859_2")
# Neighbours are taken together, as hospitals on a border have patients of both.
_WRITINGS = (
    _writing("àâäæçéèêëîïìòôöœùûüÿß", *_WESTERN_ENCODINGS),
    _writing("áàâãçéêíïñóôõòèúü·ªº", *_WESTERN_ENCODINGS),
    _writing("åäöæøéüßõšž", *_WESTERN_ENCODINGS),
    _writing("áéíóúýðþæö", *_WESTERN_ENCODINGS),
    _writing("ąćęłńóśźż", *_CENTRAL_ENCODINGS),
    _writing("áäčďéěíĺľňóôŕřšťúůýž", *_CENTRAL_ENCODINGS),
    _writing("áéíóöőúüű", *_CENTRAL_ENCODINGS),
    _writing("čćđšž", *_CENTRAL_ENCODINGS),
    _writing("ăâîşţ", *_CENTRAL_ENCODINGS),
    _writing("âçğıİîöşüû", "cp1254"),
    _writing("āąčēęėģīįķļņšųūž", "cp1257"),
)
# Marks that stand beside letters in any language, or between two of them: they say nothing of it.
_BESIDE = frozenset("‘“”„‚«»…•°®™©§\u00a0\u00ad")  # noqa: RUF001
_BETWEEN = frozenset("’–—·µ")  # noqa: RUF001
# Encodings of Western text differ in so few letters that statistics cannot tell them apart.
_WESTERN_GUESSES = frozenset({"latin_1", "iso8859_15", "cp437", "cp858", "cp1140", "cp500", "ascii", "utf_8"})
# What has been looked for already, and what nobody's extract is in.
_NOT_GUESSED = (
    *("shift_jis", "shift_jis_2004", "shift_jisx0213", "cp932", "euc_jp", "euc_jis_2004", "euc_jisx0213"),
    *("cp949", "euc_kr", "johab", "gb2312", "gbk", "gb18030", "hz", "big5", "big5hkscs", "cp950"),
    *("ptcp154", "kz1048", "cp1006", "cp1125", "hp_roman8", "tis_620"),
)


def detect_legacy(sample: bytes) -> str:
    """The likeliest encoding of bytes that are not UTF-8; what Windows writes in the West if in doubt."""
    text = _telling_lines(sample)
    if asian := _asian(text):
        return _chinese_or_japanese(text) if asian == "gb18030" else asian
    if _is_foreign(text):
        return _guessed(text)
    words = sorted(set(_MIXED_WORD.findall(text)[: 10 * _MAX_WORDS]))[:_MAX_WORDS]
    best = _best_writing(words)
    return best if _decodes(text, best) else "latin-1"


def _telling_lines(sample: bytes) -> bytes:
    """The whole lines that are not ASCII; a character may be cut in two at either end of a sample."""
    lines = sample.splitlines()
    if len(lines) > _WHOLE_LINES:
        lines = lines[1:-1]
    chosen: list[bytes] = []
    size = 0
    for line in lines:
        if size < _MAX_BYTES and not line.isascii():
            chosen.append(line)
            size += len(line)
    return b"\n".join(chosen)


def _decodes(data: bytes, encoding: str) -> bool:
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _is_foreign(text: bytes) -> bool:
    """Whether bytes beyond ASCII make up whole words, as in Russian or Greek, and are not the odd accent."""
    beyond = sum(byte > 127 for byte in text)
    return sum(map(len, _RUN.findall(text))) > beyond / 2


def _guessed(text: bytes) -> str:
    best = from_bytes(b" ".join(_RUN.findall(text)), cp_exclusion=list(_NOT_GUESSED)).best()
    guess = best.encoding if best is not None else "cp1252"
    return "cp1252" if guess in _WESTERN_GUESSES else guess


def _best_writing(words: Sequence[bytes]) -> str:
    shares: dict[str, float] = {}
    for encoding in dict.fromkeys(encoding for writing in _WRITINGS for encoding in writing.encodings):
        decoded = [word.decode(encoding, "replace") for word in words]
        letters = [letter for word in decoded for letter in _foreign_letters(word)]
        if len(letters) < _FEW_LETTERS and encoding not in _WESTERN_ENCODINGS:
            continue
        shares[encoding] = max(
            (_share(letters, w.letters) for w in _WRITINGS if encoding in w.encodings), default=0.0
        )
    western = shares["cp1252"]
    best = max(shares, key=lambda encoding: shares[encoding])
    return best if shares[best] >= _FITS and shares[best] >= western + _FITS_BETTER else "cp1252"


def _foreign_letters(word: str) -> Iterable[str]:
    """The letters beyond ASCII in lower case; one that cannot stand there is left and fits nowhere."""
    for index, letter in enumerate(word):
        before, after = word[max(0, index - 1) : index], word[index + 1 : index + 2]
        is_inside = before.isalpha() and after.isalpha()
        if letter.isascii() or letter in _BETWEEN or (letter in _BESIDE and not is_inside):
            continue
        is_misplaced = letter.isupper() and before.islower()
        yield letter if is_misplaced or letter == "İ" else letter.lower()


def _share(letters: Sequence[str], known: frozenset[str]) -> float:
    return sum(letter in known for letter in letters) / len(letters) if letters else 1.0


@dataclass(frozen=True)
class _Characters:
    """The common characters of a language in one encoding, as ranges of their first and second byte.

    `telling` ones, of which a few are enough, are hardly met in the other languages.
    """

    encoding: str
    common: re.Pattern[bytes]
    telling: re.Pattern[bytes] | None = None


_PAIR_OR_BYTE = rb"[\x80-\xff][\x40-\xff]|[\x80-\xff]"
# From the most particular: what is common Korean is common Chinese too, but hardly the other way round.
_ASIAN = (
    _Characters(
        "cp932",
        re.compile(rb"[\x81-\x83\x88-\x97][\x40-\xfc]|[\xa6-\xdf]{1,2}"),
        re.compile(rb"[\x82\x83\x88-\x97][\x40-\xfc]"),
    ),
    _Characters(
        "euc_jp",
        re.compile(rb"[\xa1-\xa5\xb0-\xcf][\xa1-\xfe]"),
        re.compile(rb"[\xa4\xa5][\xa1-\xf6]"),
    ),
    _Characters("cp949", re.compile(rb"[\xa1-\xa3\xb0-\xc8][\xa1-\xfe]")),
    _Characters("gb18030", re.compile(rb"[\xa1-\xa3\xb0-\xd7][\xa1-\xfe]")),
    _Characters("big5", re.compile(rb"[\xa1-\xa3\xa4-\xc6][\x40-\x7e\xa1-\xfe]")),
)


def _asian(text: bytes) -> str:
    """The encoding of Japanese, Korean or Chinese in which nearly all characters are common ones, or ""."""
    for characters in _ASIAN:
        if not _decodes(text, characters.encoding):
            continue
        pairs = re.findall(_PAIR_OR_BYTE, text)
        if characters.telling and _count(characters.telling, pairs) < _ENOUGH_TELLING * len(pairs):
            continue
        if pairs and _count(characters.common, pairs) >= _FITS_ASIA * len(pairs):
            return characters.encoding
    return ""


def _chinese_or_japanese(text: bytes) -> str:
    """Without kana the two have the same bytes in part; then statistics have to say it."""
    best = from_bytes(text, cp_isolation=["euc_jp", "gb18030"]).best()
    return best.encoding if best is not None else "gb18030"


def _count(pattern: re.Pattern[bytes], pairs: Sequence[bytes]) -> int:
    return sum(pattern.fullmatch(pair) is not None for pair in pairs)
