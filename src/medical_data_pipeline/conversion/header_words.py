"""The English words a column's header is made of, however it was written and in whichever common language."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

from medical_data_pipeline.conversion.header_vocabulary import FOREIGN, WORDS

_PIECE = re.compile(r"[^\W\d_]+|\d+")
_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+")
MAX_HEADER = 200
MIN_RUN_TOGETHER = 4


def fold(text: str) -> str:
    """Lower case without accents: `Prénom` and `PRENOM` are one word."""
    decomposed = unicodedata.normalize("NFKD", text.replace("ß", "ss").casefold())
    return "".join(mark for mark in decomposed if not unicodedata.combining(mark))


@lru_cache(maxsize=8192)
def header_words(header: str) -> tuple[str, ...]:
    """The words of a header in their order, lower-case, known foreign ones in English; digits are words."""
    words: list[str] = []
    for piece in _PIECE.findall(header[:MAX_HEADER]):
        words.extend(_piece_words(piece))
    return tuple(words)


def _piece_words(piece: str) -> Iterable[str]:
    whole = fold(piece)
    if whole in FOREIGN or whole in WORDS or whole.isdigit() or not piece.isascii():
        return _english(whole)
    parts = _CAMEL.findall(piece)
    if len(parts) > 1 and max(map(len, parts)) > 2:
        return [word for part in parts for word in _english(fold(part))]
    return _english(whole)


def _english(word: str) -> tuple[str, ...]:
    if word in FOREIGN:
        return FOREIGN[word]
    if word in WORDS or len(word) < MIN_RUN_TOGETHER or not word.isascii():
        return (word,)
    pieces = _run_together(word)
    return tuple(english for piece in pieces for english in FOREIGN.get(piece, (piece,)))


def _run_together(word: str) -> tuple[str, ...]:
    """`patientid` is `patient id`: the fewest known words that make up the whole, or the word itself."""
    best: list[tuple[str, ...] | None] = [(), *[None] * len(word)]
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - 16), end):
            before, piece = best[start], word[start:end]
            if before is None or not _may_be_a_piece(piece):
                continue
            so_far = best[end]
            if so_far is None or len(before) + 1 < len(so_far):
                best[end] = (*before, piece)
    return best[-1] or (word,)


def _may_be_a_piece(piece: str) -> bool:
    # Short foreign words are in the middle of too many English ones ("lat", "sin", "str").
    return piece in WORDS or (len(piece) >= MIN_RUN_TOGETHER and piece in FOREIGN)
