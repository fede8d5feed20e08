"""Date patterns: MySQL's (date_format, date_parse) and Joda's (format_datetime) as a list of steps."""

from dataclasses import dataclass

from medical_data_pipeline.errors import QueryRejected

# Step codes are strftime's where it has one. m! and d! are without a leading zero.
_MYSQL = {
    "a": "%a", "b": "%b", "c": "%-m", "d": "%d", "e": "%-d", "f": "%f", "H": "%H", "h": "%I", "I": "%I",
    "i": "%M", "j": "%j", "k": "%-H", "l": "%-I", "M": "%B", "m": "%m", "p": "%p", "r": "%I:%M:%S %p",
    "S": "%S", "s": "%S", "T": "%H:%M:%S", "v": "%V", "W": "%A", "Y": "%Y", "y": "%y", "%": "%%", "x": "%G",
}  # fmt: skip
_JODA = {
    "yyyy": "%Y", "YYYY": "%Y", "xxxx": "%G", "yy": "%y", "MMMM": "%B", "MMM": "%b", "MM": "%m", "M": "%-m",
    "dd": "%d", "d": "%-d", "DDD": "%j", "D": "%-j", "HH": "%H", "H": "%-H", "hh": "%I", "h": "%-I",
    "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S", "EEEE": "%A", "EEE": "%a", "EE": "%a", "E": "%a",
    "e": "%u", "a": "%p", "y": "%Y", "ww": "%V", "SSS": "", "SS": "", "S": "", "SSSS": "", "SSSSSS": "",
}  # fmt: skip
_JODA_ZONES = {"ZZZ": "zone", "ZZ": "+hh:mm", "Z": "+hhmm", "z": "short zone"}


def from_mysql(pattern: str) -> str:
    """As a strftime pattern.

    Raises:
        QueryRejected: Trino refuses the specifier too, or DuckDB has no equal of it.
    """
    out, position = [], 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character != "%":
            out.append(character)
            continue
        code = pattern[position : position + 1]
        position += 1
        if code in "DUuVwX" or not code:
            raise QueryRejected("SQL_UNSUPPORTED", "a specifier of this date format is not supported")
        out.append(_MYSQL.get(code, code))
    return "".join(out)


def joda_tokens(pattern: str) -> list[tuple[str, str]]:
    """(kind, text) pieces of a Joda pattern; kind is "text" or "field".

    Raises:
        QueryRejected: a field that is not supported.
    """
    pieces: list[tuple[str, str]] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "'":
            end = pattern.find("'", position + 1)
            if end < 0:
                raise QueryRejected("SQL_TYPE", "a date format has an unclosed quote")
            pieces.append(("text", pattern[position + 1 : end] or "'"))
            position = end + 1
        elif character.isascii() and character.isalpha():
            end = position
            while end < len(pattern) and pattern[end] == character:
                end += 1
            field = pattern[position:end]
            if field not in _JODA and field not in _JODA_ZONES:
                raise QueryRejected("SQL_UNSUPPORTED", "a field of this date format is not supported")
            pieces.append(("field", field))
            position = end
        else:
            pieces.append(("text", character))
            position += 1
    return pieces


@dataclass(frozen=True)
class JodaPart:
    """A part of what format_datetime writes: `kind` is strftime, fraction or one of the zone's forms."""

    kind: str
    value: str = ""


def joda_parts(pattern: str) -> list[JodaPart]:
    """The parts of a Joda pattern, with neighbours that strftime can write together in one.

    Raises:
        QueryRejected: a field without an equal.
    """
    parts: list[JodaPart] = []
    for kind, piece in joda_tokens(pattern):
        if kind == "text":
            made = JodaPart("strftime", piece.replace("%", "%%"))
        elif piece in _JODA_ZONES:
            made = JodaPart(_JODA_ZONES[piece])
        elif set(piece) == {"S"}:
            made = JodaPart("fraction", str(len(piece)))
        else:
            made = JodaPart("strftime", _JODA[piece])
        if parts and made.kind == parts[-1].kind == "strftime":
            made = JodaPart("strftime", parts.pop().value + made.value)
        parts.append(made)
    return parts
