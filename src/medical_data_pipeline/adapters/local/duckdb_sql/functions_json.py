"""Functions on JSON."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error
from medical_data_pipeline.adapters.local.duckdb_sql.calls import Call, declare, function
from medical_data_pipeline.adapters.local.duckdb_sql.casts import cast
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import coerce

declare(
    [
        ("json_parse", "varchar -> json", "py_json_parse"),
        ("json_format", "json -> varchar", "t_json_format"),
    ]
)


def _document(call: Call, position: int = 0) -> exp.Expr:
    """A JSON text: a varchar is read as one."""
    value = call.argument(position)
    if value.type.name not in ("varchar", "json", "unknown"):
        raise type_error(f"function {call.name} does not take {value.type}")
    return build.cast(value.tree, "VARCHAR")


def _path(call: Call, position: int) -> exp.Expr:
    return coerce(call.argument(position), t.VARCHAR, call.name).tree


@function("json_extract")
def _json_extract(call: Call) -> Typed:
    call.require_count(2)
    found = build.call("py_json_extract", _document(call), _path(call, 1))
    return Typed(build.cast(found, "JSON"), t.JSON)


@function("json_extract_scalar")
def _json_extract_scalar(call: Call) -> Typed:
    call.require_count(2)
    return Typed(build.call("py_json_extract_scalar", _document(call), _path(call, 1)), t.VARCHAR)


@function("json_size")
def _json_size(call: Call) -> Typed:
    call.require_count(2)
    return Typed(build.call("py_json_size", _document(call), _path(call, 1)), t.BIGINT)


@function("json_array_length")
def _json_array_length(call: Call) -> Typed:
    call.require_count(1)
    return Typed(build.call("py_json_array_length", _document(call)), t.BIGINT)


@function("json_array_get")
def _json_array_get(call: Call) -> Typed:
    call.require_count(2)
    position = coerce(call.argument(1), t.BIGINT, call.name).tree
    return Typed(build.cast(build.call("py_json_array_get", _document(call), position), "JSON"), t.JSON)


@function("is_json_scalar")
def _is_json_scalar(call: Call) -> Typed:
    call.require_count(1)
    return Typed(build.call("py_is_json_scalar", _document(call)), t.BOOLEAN)


@function("json_array_contains")
def _json_array_contains(call: Call) -> Typed:
    call.require_count(2)
    value = call.argument(1)
    kinds = {"boolean": "boolean", "varchar": "varchar", "double": "double", "real": "double"}
    kind = "bigint" if value.type.name in (*t.INTEGERS, "unknown") else kinds.get(value.type.name)
    if kind is None and value.type.name == "decimal":
        kind, value = "double", cast(value, t.DOUBLE)
    if kind is None:
        raise type_error(f"json_array_contains does not take {value.type}")
    wanted = build.cast(value.tree, "VARCHAR")
    return Typed(build.call("py_json_array_contains", _document(call), build.text(kind), wanted), t.BOOLEAN)
