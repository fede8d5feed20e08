"""A value as another type where Trino does so by itself: wider numbers, longer texts, dates as timestamps."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error
from medical_data_pipeline.adapters.local.duckdb_sql.coercion import can_coerce, common_type
from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import SqlType, duckdb_type


def converted(value: Typed, to: SqlType) -> Typed:
    """`value` as `to`, which it is known to become."""
    if value.type == to:
        return value
    tree = value.tree
    if to.name == "char" and value.type.name in ("varchar", "char"):
        tree = build.call("rpad", tree, build.number(to.precision), build.text(" "))
    elif value.type.name == "unknown" or duckdb_type(value.type) != duckdb_type(to):
        tree = build.cast(tree, to)
    return Typed(tree, to, value.literal)


def coerce(value: Typed, to: SqlType, what: str) -> Typed:
    """Raises: QueryRejected: Trino has no such conversion without a CAST; `what` says where."""
    if not can_coerce(value.type, to):
        raise type_error(f"{what} must be {to}, not {value.type}")
    if value.type.name == "timestamp with time zone" == to.name:
        return Typed(value.tree, value.type, value.literal)
    return converted(value, to)


def meet(values: list[Typed], what: str) -> tuple[list[Typed], SqlType]:
    """All `values` as one type. Raises: QueryRejected: there is none."""
    common = t.UNKNOWN
    for value in values:
        found = common_type(common, value.type)
        if found is None:
            raise type_error(f"{what}: {common} and {value.type} have no common type")
        common = found
    return [converted(value, common) for value in values], common


def boolean(value: Typed, what: str) -> exp.Expr:
    return coerce(value, t.BOOLEAN, what).tree
