"""SQL values as JSON: exact, typed, with real nulls."""

import base64
import json
import math
from collections.abc import Callable, Sequence
from datetime import date, datetime, time
from decimal import Decimal


def row_json(row: Sequence[object]) -> bytes:
    """One row as a JSON array."""
    return json.dumps([_plain(value) for value in row], separators=(",", ":")).encode("ascii")


def _plain(value: object) -> object:
    # What is not named below is written as its text: intervals, UUIDs.
    return _CONVERSIONS.get(type(value), str)(value)


def _float(value: float) -> object:
    # JSON has no word for them, and null would say something else.
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _items(value: Sequence[object]) -> object:
    return [_plain(item) for item in value]


def _entries(value: dict[object, object]) -> object:
    return {_key(key): _plain(item) for key, item in value.items()}


def _key(key: object) -> str:
    plain = _plain(key)
    return plain if isinstance(plain, str) else json.dumps(plain)


def _unchanged(value: object) -> object:
    return value


def _base64(value: bytes) -> object:
    return base64.b64encode(value).decode("ascii")


_CONVERSIONS: dict[type, Callable[..., object]] = {
    type(None): _unchanged,
    bool: _unchanged,
    int: _unchanged,
    str: _unchanged,
    float: _float,
    # Not as a JSON number: readers would make a double of it and lose digits.
    Decimal: lambda value: format(value, "f"),
    date: date.isoformat,
    datetime: datetime.isoformat,
    time: time.isoformat,
    bytes: _base64,
    bytearray: _base64,
    list: _items,
    tuple: _items,
    dict: _entries,
}
