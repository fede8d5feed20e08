"""Athena's text of a value as the value: exact, by the type of its column."""

import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache

Read = Callable[[str], object]

_INTEGERS = frozenset(("tinyint", "smallint", "integer", "int", "bigint"))
_DOUBLES = frozenset(("double", "float", "real"))


@cache
def reader_of(type_name: str, is_json: bool = False) -> Read:
    """What reads the text of a column; nested values are read from JSON."""
    if is_json:
        convert = _json_reader(type_name)
        return lambda text: convert(json.loads(text, parse_float=Decimal))
    return _text_reader(type_name)


def _text_reader(type_name: str) -> Read:
    name = re.sub(r"\(.*?\)", "", type_name)
    if name in _INTEGERS:
        return int
    if name in _DOUBLES:
        return float
    return _TEXT_READERS.get(name, str)


def _timestamp(text: str) -> object:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text  # a year that Python does not have


def _zoned(text: str) -> object:
    """In UTC an instant; in another zone its text, as it is shown."""
    moment, _, zone = text.rpartition(" ")
    read = _timestamp(moment) if zone == "UTC" else text
    return read.replace(tzinfo=UTC) if isinstance(read, datetime) else text


def _date(text: str) -> object:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return text


def _spaced_hex(text: str) -> bytes:
    return bytes.fromhex(text)


_TEXT_READERS: dict[str, Read] = {
    "boolean": lambda text: text == "true",
    "decimal": Decimal,
    "date": _date,
    "timestamp": _timestamp,
    "timestamp with time zone": _zoned,
    "time": time.fromisoformat,
    "varbinary": _spaced_hex,
}


def _json_reader(type_name: str) -> Callable[[object], object]:
    kind, _, inner = type_name.partition("(")
    items = _split(inner.removesuffix(")")) if kind in ("array", "map", "row") else ()
    if kind == "array":
        return _each(_json_reader(items[0]))
    if kind == "map":
        return _map(_text_reader(items[0]), _json_reader(items[1]))
    if kind == "row":
        return _row([_field(item, number) for number, item in enumerate(items)])
    return _scalar(type_name)


def _each(read: Callable[[object], object]) -> Callable[[object], object]:
    return lambda value: [read(item) for item in value] if isinstance(value, list) else None


def _map(key: Read, read: Callable[[object], object]) -> Callable[[object], object]:
    return lambda value: {key(k): read(v) for k, v in value.items()} if isinstance(value, dict) else None


def _row(fields: Sequence[tuple[str, Callable[[object], object]]]) -> Callable[[object], object]:
    def convert(value: object) -> object:
        cells = list(value.values()) if isinstance(value, dict) else value
        if not isinstance(cells, list):
            return None
        return {name: read(cell) for (name, read), cell in zip(fields, cells, strict=True)}

    return convert


def _field(item: str, number: int) -> tuple[str, Callable[[object], object]]:
    """`name type`, or a type alone; a quoted name may hold anything."""
    found = re.match(r'(?:"((?:[^"]|"")*)"|([A-Za-z_]\w*)) (?=[a-z])', item)
    if not found or item.startswith("timestamp with") or item.startswith("time with"):
        return f"field{number}", _json_reader(item)
    name = (found[1] or found[2] or "").replace('""', '"')
    return name, _json_reader(item[found.end() :])


def _scalar(type_name: str) -> Callable[[object], object]:
    read = _text_reader(type_name)

    def convert(value: object) -> object:
        if value is None or isinstance(value, bool):
            return value
        return read(str(value))

    return convert


def _split(items: str) -> tuple[str, ...]:
    """What stands between the commas that are in no inner parenthesis or quotes."""
    parts, depth, is_quoted, start = [], 0, False, 0
    for position, letter in enumerate(items):
        if letter == '"':
            is_quoted = not is_quoted
        elif not is_quoted:
            depth += (letter == "(") - (letter == ")")
            if letter == "," and depth == 0:
                parts.append(items[start:position].strip())
                start = position + 1
    return (*parts, items[start:].strip())
