"""Which types Trino turns into which by itself, and the type that two can meet in."""

from dataclasses import replace

from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import SqlType
from medical_data_pipeline.errors import QueryRejected

_DIGITS = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19}
_TIMES = ("date", "timestamp", "timestamp with time zone")


def as_decimal(sql_type: SqlType) -> SqlType | None:
    """The decimal an exact number is, or None for anything else."""
    if sql_type.name == "decimal":
        return sql_type
    return t.decimal(_DIGITS[sql_type.name], 0) if sql_type.name in _DIGITS else None


def common_type(a: SqlType, b: SqlType) -> SqlType | None:
    """The type both become, or None when there is none."""
    if a == b or b.name == "unknown":
        return a
    if a.name == "unknown":
        return b
    if a.name == b.name:
        return _same_kind(a, b)
    return _across(a, b) or _across(b, a)


def _same_kind(a: SqlType, b: SqlType) -> SqlType | None:
    match a.name:
        case "decimal":
            scale = max(a.scale, b.scale)
            return t.decimal(min(38, max(a.precision - a.scale, b.precision - b.scale) + scale), scale)
        case "varchar" | "char" | "time" | "timestamp":
            return SqlType(a.name, (max(a.precision, b.precision),))
        case "timestamp with time zone":
            if a.zone != b.zone:
                raise QueryRejected("SQL_UNSUPPORTED", "values of different time zones in one column")
            return replace(a, numbers=(max(a.precision, b.precision),))
        case "array" | "map" | "row":
            return _same_structure(a, b)
        case _:
            return None


def _same_structure(a: SqlType, b: SqlType) -> SqlType | None:
    if len(a.items) != len(b.items):
        return None
    items = tuple(common_type(x, y) for x, y in zip(a.items, b.items, strict=True))
    if any(item is None for item in items):
        return None
    names = tuple(x if x == y else "" for x, y in zip(a.names, b.names, strict=True))
    return SqlType(a.name, items=tuple(item for item in items if item is not None), names=names)


def _across(a: SqlType, b: SqlType) -> SqlType | None:
    """The common type where `a` is the narrower."""
    if a.name in t.INTEGERS:
        if b.name in t.INTEGERS:
            return b if t.INTEGERS.index(a.name) < t.INTEGERS.index(b.name) else None
        if b.name == "decimal":
            return _same_kind(t.decimal(_DIGITS[a.name], 0), b)
        return b if b.name in t.FLOATS else None
    if a.name == "decimal":
        return b if b.name in t.FLOATS else None
    if a.name == "real":
        return b if b.name == "double" else None
    if a.name == "varchar" and b.name == "char":
        return t.char(max(a.precision, b.precision)) if a.precision <= 65536 else t.VARCHAR
    if a.name in _TIMES and b.name in _TIMES and _TIMES.index(a.name) < _TIMES.index(b.name):
        if a.name == "timestamp" and a.precision > b.precision:
            return replace(b, numbers=a.numbers)
        return b
    return None


def can_coerce(source: SqlType, target: SqlType) -> bool:
    """Whether Trino turns `source` into `target` without a CAST."""
    if source == target or source.name == "unknown":
        return True
    if source.name == "char" and target.name == "varchar":
        return target.precision >= source.precision
    if source.name == target.name and source.name in ("array", "map", "row"):
        return len(source.items) == len(target.items) and all(
            can_coerce(a, b) for a, b in zip(source.items, target.items, strict=True)
        )
    try:
        common = common_type(source, target)
    except QueryRejected:
        return False
    return common is not None and replace(common, zone="") == replace(target, zone="")
