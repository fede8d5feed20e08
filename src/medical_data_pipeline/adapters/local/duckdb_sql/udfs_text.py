"""Text functions that DuckDB lacks: distances, Soundex, padding rules, formats, URLs."""

import re
import unicodedata
from decimal import ROUND_HALF_UP, Decimal
from urllib.parse import quote_plus, unquote_plus

from medical_data_pipeline.adapters.local.duckdb_sql.python_function import MAX_TEXT, register


@register("chr", "BIGINT -> VARCHAR")
def chr_(code: int) -> str:
    if not 0 < code < 0x110000 or 0xD800 <= code < 0xE000:
        raise ValueError("not a code point")
    return chr(code)


@register("codepoint", "VARCHAR -> INTEGER")
def codepoint(text: str) -> int:
    if len(text) != 1:
        raise ValueError("input string must be a single character string")
    return ord(text)


@register("reverse", "VARCHAR -> VARCHAR")
def reverse(text: str) -> str:
    return text[::-1]


@register("hamming", "VARCHAR, VARCHAR -> BIGINT")
def hamming(a: str, b: str) -> int:
    if len(a) != len(b):
        raise ValueError("the input strings must have the same length")
    return sum(x != y for x, y in zip(a, b, strict=True))


@register("levenshtein", "VARCHAR, VARCHAR -> BIGINT")
def levenshtein(a: str, b: str) -> int:
    if len(a) * len(b) > MAX_TEXT:
        raise ValueError("the combined inputs are too large")
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return row[len(b)]


@register("luhn_check", "VARCHAR -> BOOLEAN")
def luhn_check(digits: str) -> bool:
    if not digits.isascii() or not digits.isdigit():
        raise ValueError("input contains a character that is not a digit")
    doubled = [int(d) * 2 if i % 2 else int(d) for i, d in enumerate(reversed(digits))]
    return sum(d - 9 if d > 9 else d for d in doubled) % 10 == 0


_SOUNDEX = {c: d for d, letters in enumerate(("BFPV", "CGJKQSXZ", "DT", "L", "MN", "R"), 1) for c in letters}


@register("soundex", "VARCHAR -> VARCHAR")
def soundex(text: str) -> str:
    letters = [c for c in text.upper() if c.isalpha()]
    if any(not c.isascii() for c in letters):
        raise ValueError("the input has a character that is not mapped")
    if not letters:
        return ""
    code, last = letters[0], _SOUNDEX.get(letters[0])
    for letter in letters[1:]:
        digit = _SOUNDEX.get(letter)
        if digit is not None and digit != last:
            code += str(digit)
        if letter not in "HW":
            last = digit
    return (code + "000")[:4]


@register("split_limit", "VARCHAR, VARCHAR, BIGINT -> VARCHAR[]")
def split_limit(text: str, delimiter: str, limit: int) -> list[str]:
    if limit <= 0 or not delimiter:
        raise ValueError("limit must be positive and the delimiter not empty")
    return text.split(delimiter, limit - 1)


def _entries(text: str, entry: str, pair: str) -> list[tuple[str, str]]:
    if not entry or not pair or entry == pair:
        raise ValueError("delimiters must differ and not be empty")
    if not text:
        return []
    parts = [part.split(pair) for part in text.removesuffix(entry).split(entry)]
    if any(len(part) != 2 for part in parts):
        raise ValueError("key-value delimiter must appear exactly once in each entry")
    return [(part[0], part[1]) for part in parts]


@register("split_to_map", "VARCHAR, VARCHAR, VARCHAR -> MAP(VARCHAR, VARCHAR)")
def split_to_map(text: str, entry: str, pair: str) -> dict[str, str]:
    entries = _entries(text, entry, pair)
    if len(dict(entries)) != len(entries):
        raise ValueError("duplicate keys are not allowed")
    return dict(entries)


@register("split_to_multimap", "VARCHAR, VARCHAR, VARCHAR -> MAP(VARCHAR, VARCHAR[])")
def split_to_multimap(text: str, entry: str, pair: str) -> dict[str, list[str]]:
    made: dict[str, list[str]] = {}
    for key, value in _entries(text, entry, pair):
        made.setdefault(key, []).append(value)
    return made


@register("strpos", "VARCHAR, VARCHAR, BIGINT -> BIGINT")
def strpos(text: str, part: str, instance: int) -> int:
    if instance == 0:
        raise ValueError("instance must not be 0")
    if not part:
        return 1
    position = -1 if instance > 0 else len(text) + 1
    for _ in range(abs(instance)):
        position = (
            text.find(part, position + 1) if instance > 0 else text.rfind(part, 0, position + len(part) - 1)
        )
        if position < 0:
            return 0
    return position + 1


@register("replace_empty", "VARCHAR, VARCHAR -> VARCHAR")
def replace_empty(text: str, inserted: str) -> str:
    if len(text) * len(inserted) > MAX_TEXT:
        raise ValueError("inputs too large")
    return text.replace("", inserted)


@register("translate", "VARCHAR, VARCHAR, VARCHAR -> VARCHAR")
def translate(text: str, source: str, target: str) -> str:
    table: dict[int, str | None] = {}
    for position, character in enumerate(source):
        table.setdefault(ord(character), target[position] if position < len(target) else None)
    return text.translate(table)


@register("normalize", "VARCHAR, VARCHAR -> VARCHAR")
def normalize(text: str, form: str) -> str:
    if form not in ("NFC", "NFD", "NFKC", "NFKD"):
        raise ValueError("normalization form must be one of NFD, NFC, NFKD, NFKC")
    return unicodedata.normalize(form, text)  # type: ignore[arg-type]


_SIZES = {
    unit: 1024**power for power, unit in enumerate(("B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"))
}


@register("data_size", "VARCHAR -> VARCHAR")
def data_size(text: str) -> str:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([A-Za-z]+)", text, re.ASCII)
    if match is None or match[2] not in _SIZES:
        raise ValueError("invalid data size")
    return str(int(Decimal(match[1]) * _SIZES[match[2]]))


_SUFFIXES = ("", "K", "M", "B", "T", "Q")


@register("format_number", "BIGINT -> VARCHAR")
def format_number(value: int) -> str:
    return _short(Decimal(value))


@register("format_double", "DOUBLE -> VARCHAR")
def format_double(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return {True: "NaN"}.get(value != value, "Infinity" if value > 0 else "-Infinity")
    return _short(Decimal(repr(value)))


def _short(value: Decimal) -> str:
    size, suffix = abs(value), 0
    while size >= 1000 and suffix < len(_SUFFIXES) - 1:
        size /= 1000
        suffix += 1
    places = 2 if size < 10 else 1 if size < 100 else 0
    text = f"{size.quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP):f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    sign = "-" if value < 0 else ""
    return sign + text + _SUFFIXES[suffix]


@register("human_readable_seconds", "DOUBLE -> VARCHAR")
def human_readable_seconds(value: float) -> str:
    if value != value or abs(value) == float("inf"):
        raise ValueError("invalid argument")
    seconds = int(Decimal(repr(abs(value))).quantize(Decimal(1), ROUND_HALF_UP))
    parts: list[str] = []
    for unit, size in (("week", 604_800), ("day", 86_400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, seconds = divmod(seconds, size)
        if count or (unit == "second" and not parts):
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return ", ".join(parts)


@register("url_encode", "VARCHAR -> VARCHAR")
def url_encode(text: str) -> str:
    return quote_plus(text, safe="-_.*").replace("~", "%7E")


@register("url_decode", "VARCHAR -> VARCHAR")
def url_decode(text: str) -> str:
    if re.search(r"%(?![0-9A-Fa-f]{2})", text):
        raise ValueError("illegal hex characters in escape")
    return unquote_plus(text)


# RFC 2396, as java.net.URI reads it: one character that does not belong makes the whole invalid.
_URL = re.compile(
    r"(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?://((?:[^/?#@\s]*@)?(\[[^\]]*\]|[^/?#:\s]*)(?::(\d*))?))?"
    r"([^?#\s]*)(?:\?([^#\s]*))?(?:#(\S*))?"
)
_FORBIDDEN = re.compile(r'[\s<>"{}|\\^`]|%(?![0-9A-Fa-f]{2})')


def _url(text: str) -> "re.Match[str] | None":
    return None if _FORBIDDEN.search(text) else _URL.fullmatch(text)


def _part(text: str, group: int) -> str | None:
    match = _url(text)
    return match[group] or "" if match else None


@register("url_protocol", "VARCHAR -> VARCHAR")
def url_protocol(text: str) -> str | None:
    return _part(text, 1)


@register("url_host", "VARCHAR -> VARCHAR")
def url_host(text: str) -> str | None:
    return _part(text, 3)


@register("url_port", "VARCHAR -> BIGINT")
def url_port(text: str) -> int | None:
    port = _part(text, 4)
    return int(port) if port else None


@register("url_path", "VARCHAR -> VARCHAR")
def url_path(text: str) -> str | None:
    path = _part(text, 5)
    return None if path is None else unquote_percent(path)


@register("url_query", "VARCHAR -> VARCHAR")
def url_query(text: str) -> str | None:
    query = _part(text, 6)
    return None if query is None else unquote_percent(query)


@register("url_fragment", "VARCHAR -> VARCHAR")
def url_fragment(text: str) -> str | None:
    fragment = _part(text, 7)
    return None if fragment is None else unquote_percent(fragment)


@register("url_parameter", "VARCHAR, VARCHAR -> VARCHAR")
def url_parameter(text: str, name: str) -> str | None:
    match = _url(text)
    for pair in (match[6] or "").split("&") if match else ():
        key, _, value = pair.partition("=")
        if unquote_plus(key) == name:
            return unquote_plus(value)
    return None


def unquote_percent(text: str) -> str:
    return unquote_plus(text.replace("+", "%2B"))
