"""Arrow's values as Python's own: exact, aware where there is a zone, and never an error for a far date."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc

# Arrow writes a far timestamp as text even where Python has no such year.
_UNREPRESENTABLE = (OverflowError, ValueError)


def python_values(array: pa.Array) -> list[object]:
    """The values of one column. A row is a dict, a map a dict (or a list of pairs), null is None."""
    for is_of_kind, convert in _CONVERSIONS:
        if is_of_kind(array.type):
            return convert(array)
    return list(array.to_pylist())


def _timestamps(array: pa.Array) -> list[object]:
    # Python's timestamps end at microseconds, as Athena's do in an Iceberg table.
    plain = array.cast(pa.timestamp("us"), safe=False) if array.type.unit != "us" else array
    has_zone = array.type.tz is not None
    if has_zone:
        # Through UTC, since a named zone would ask the machine for its zone data.
        plain = plain.cast(pa.timestamp("us"))
    values = _each(plain)
    if not has_zone:
        return values
    return [value.replace(tzinfo=UTC) if isinstance(value, datetime) else value for value in values]


def _each(array: pa.Array) -> list[object]:
    try:
        return list(array.to_pylist())
    except _UNREPRESENTABLE:
        return [_one(scalar) for scalar in array]


def _one(scalar: pa.Scalar) -> object:
    try:
        return scalar.as_py()
    except _UNREPRESENTABLE:
        return str(pc.cast(scalar, pa.string()).as_py())


def _structs(array: pa.Array) -> list[object]:
    names = _distinct([array.type.field(index).name for index in range(array.type.num_fields)])
    children = [python_values(child) for child in array.flatten()]
    rows = zip(*children, strict=True) if children else iter([()] * len(array))
    valid = array.is_valid().to_pylist()
    return [
        dict(zip(names, row, strict=True)) if is_valid else None
        for row, is_valid in zip(rows, valid, strict=True)
    ]


def _distinct(names: list[str]) -> list[str]:
    """Trino's names for the fields of an anonymous row, and no name twice."""
    named = [name or f"field{index}" for index, name in enumerate(names)]
    return [f"{name}_{index}" if name in named[:index] else name for index, name in enumerate(named)]


def _lists(array: pa.Array) -> list[object]:
    items = iter(python_values(array.flatten()))
    lengths = pc.list_value_length(array).to_pylist()
    return [None if length is None else list(islice(items, length)) for length in lengths]


def _maps(array: pa.Array) -> list[object]:
    pairs = array.cast(pa.list_(pa.struct([("key", array.type.key_type), ("value", array.type.item_type)])))
    return [_map(entries) for entries in _lists(pairs)]


def _map(entries: object) -> object:
    if not isinstance(entries, list):
        return None
    pairs = [(entry["key"], entry["value"]) for entry in entries]
    # A map whose keys are rows or arrays cannot be a dict.
    is_plain = all(not isinstance(key, dict | list) for key, _ in pairs)
    return dict(pairs) if is_plain else pairs


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


_CONVERSIONS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], list[object]]], ...] = (
    (pa.types.is_timestamp, _timestamps),
    (pa.types.is_date, _each),
    (pa.types.is_struct, _structs),
    (pa.types.is_map, _maps),
    (_is_list, _lists),
)
