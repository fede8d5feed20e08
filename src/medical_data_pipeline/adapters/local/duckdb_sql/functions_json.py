"""Functions on JSON."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import (
    Context,
    Scope,
    Typed,
    type_error,
    unsupported,
)
from medical_data_pipeline.adapters.local.duckdb_sql.calls import Call, declare, function
from medical_data_pipeline.adapters.local.duckdb_sql.casts import cast
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import coerce
from medical_data_pipeline.adapters.local.duckdb_sql.json_casts import to_json

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


def json_value(context: Context, node: exp.JSONValue, scope: Scope) -> Typed:
    """JSON_VALUE with a literal path, without ON EMPTY and ON ERROR."""
    if node.args.get("on_condition"):
        raise unsupported("JSON_VALUE with ON EMPTY or ON ERROR")
    found = _sql_json(context, node, scope, "py_json_value")
    returning = node.args.get("returning")
    if not isinstance(returning, exp.Expr):
        return Typed(found, t.VARCHAR)
    kind = t.from_node(returning if isinstance(returning, exp.DataType) else returning.this)
    return Typed(build.call("TRY", cast(Typed(found, t.VARCHAR), kind).tree), kind)


def json_query(context: Context, node: exp.JSONExtract, scope: Scope) -> Typed:
    """JSON_QUERY with a literal path and no wrapper."""
    if any(node.args.get(name) for name in ("option", "quote", "on_condition", "only_json_types")):
        raise unsupported("JSON_QUERY with a wrapper or ON EMPTY or ON ERROR")
    return Typed(_sql_json(context, node, scope, "py_json_query"), t.VARCHAR)


@function("json_exists")
def _json_exists(call: Call) -> Typed:
    call.require_count(2)
    path = call.argument(1).literal
    if not isinstance(path, str):
        raise type_error("a JSON path is a literal")
    return Typed(build.call("py_json_exists", _document(call), build.text(_checked_path(path))), t.BOOLEAN)


def _sql_json(context: Context, node: exp.Expr, scope: Scope, name: str) -> exp.Expr:
    path = node.args.get("path") or node.expression
    if isinstance(path, exp.JSONPath):
        raise unsupported("this JSON path")
    if not (isinstance(path, exp.Literal) and path.is_string):
        raise type_error("a JSON path is a literal")
    document = coerce(context.bind(node.this, scope), t.VARCHAR, "a JSON input").tree
    return build.call(name, document, build.text(_checked_path(path.name)))


def _checked_path(path: str) -> str:
    if any(mark in path for mark in ("?", "(", "..", "*", "strict", "{", "to ")):
        raise unsupported("this JSON path")
    return path


def json_object(context: Context, node: exp.JSONObject, scope: Scope) -> Typed:
    """JSON_OBJECT of scalar values; NULL ON NULL."""
    if any(node.args.get(name) for name in ("unique_keys", "return_type", "encoding")):
        raise unsupported("JSON_OBJECT with options")
    if node.args.get("null_handling") not in (None, "NULL ON NULL"):
        raise unsupported("JSON_OBJECT with ABSENT ON NULL")
    parts = []
    for pair in node.expressions:
        if not isinstance(pair, exp.JSONKeyValue):
            raise unsupported("this form of JSON_OBJECT")
        key = coerce(context.bind(pair.this, scope), t.VARCHAR, "a JSON key")
        value = context.bind(pair.expression, scope)
        if value.type.name in ("json", "array", "map", "row"):
            raise unsupported(f"JSON_OBJECT with values of type {value.type.name}")
        if value.type.name == "unknown":
            written: exp.Expr = build.text("null")
        else:
            written = build.call("coalesce", build.cast(to_json(value), "VARCHAR"), build.text("null"))
        name = build.infix(exp.DPipe, build.call("py_json_text", key.tree), build.text(":"))
        parts.append(build.infix(exp.DPipe, name, written))
    items = build.cast(build.array(*parts), "VARCHAR[]")
    return Typed(build.call("t_json_fields", items), t.VARCHAR)


@function("json_array")
def _json_array(call: Call) -> Typed:
    parts = []
    for value in call.arguments():
        if value.type.name in ("json", "array", "map", "row"):
            raise unsupported(f"json_array with values of type {value.type.name}")
        if value.type.name != "unknown":  # ABSENT ON NULL
            parts.append(build.cast(to_json(value), "VARCHAR"))
    items = build.cast(build.array(*parts), "VARCHAR[]")
    return Typed(build.call("t_json_present", items), t.VARCHAR)
