"""Athena's text of a value as the value: exact, by the type of its column."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache

from medical_data_pipeline.adapters.aws.athena_types import AthenaType, parse_type

Read = Callable[[str], object]

_INTEGERS = frozenset(("tinyint", "smallint", "integer", "int", "bigint"))
_DOUBLES = frozenset(("double", "float", "real"))


@cache
def reader_of(type_name: str) -> Read:
    """What reads the text of a column; nested values are read from JSON."""
    kind = parse_type(type_name)
    if kind.is_nested:
        convert = _json_reader(kind)
        # A row is an object whose fields may all have one name.
        return lambda text: convert(json.loads(text, parse_float=Decimal, object_pairs_hook=_Fields))
    return _text_reader(kind.name)


class _Fields(list[tuple[str, object]]):
    """An object of JSON, field by field."""


def _text_reader(name: str) -> Read:
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


def _hex(text: str) -> bytes:
    """With blanks between the bytes or without."""
    return bytes.fromhex(text)


_TEXT_READERS: dict[str, Read] = {
    "boolean": lambda text: text == "true",
    "decimal": Decimal,
    "date": _date,
    "timestamp": _timestamp,
    "timestamp with time zone": _zoned,
    "time": time.fromisoformat,
    "varbinary": _hex,
}


def _json_reader(kind: AthenaType) -> Callable[[object], object]:
    match kind.name:
        case "array":
            return _each(_json_reader(kind.items[0]))
        case "map":
            return _map(_row(("key", "value"), list(map(_json_reader, kind.items))))
        case "row":
            return _row(kind.names, list(map(_json_reader, kind.items)))
    return _scalar(kind)


def _each(read: Callable[[object], object]) -> Callable[[object], object]:
    return lambda value: [read(item) for item in value] if isinstance(value, list) else None


def _map(read: Callable[[object], object]) -> Callable[[object], object]:
    """A dict, or pairs where the keys are arrays, maps or rows."""

    def convert(value: object) -> object:
        if not isinstance(value, list):
            return None
        entries = [entry for entry in map(read, value) if isinstance(entry, dict)]
        pairs = [(entry["key"], entry["value"]) for entry in entries]
        is_plain = all(not isinstance(key, dict | list) for key, _ in pairs)
        return dict(pairs) if is_plain else pairs

    return convert


def _row(names: Sequence[str], reads: Sequence[Callable[[object], object]]) -> Callable[[object], object]:
    def convert(value: object) -> object:
        if not isinstance(value, list):
            return None
        cells = [cell for _, cell in value] if isinstance(value, _Fields) else value
        return {name: read(cell) for name, read, cell in zip(names, reads, cells, strict=True)}

    return convert


def _scalar(kind: AthenaType) -> Callable[[object], object]:
    read = _text_reader(kind.name)

    def convert(value: object) -> object:
        if value is None or isinstance(value, bool):
            return value
        return read(str(value))

    return convert
