"""Functions on values of any type: format, typeof and uuid."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, casts, moments
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error, unsupported
from medical_data_pipeline.adapters.local.duckdb_sql.calls import Call, function


@function("format")
def _format(call: Call) -> Typed:
    if len(call.nodes) < 2:
        raise type_error("format takes a format and values")
    pattern, *values = call.arguments()
    if pattern.type.name not in ("varchar", "unknown"):
        raise type_error("a format is a text")
    if not isinstance(pattern.literal, str):
        raise unsupported("format with a format that is not a literal")
    kinds = ",".join(str(value.type) for value in values)
    texts = build.cast(build.array(*map(_text, values)), "VARCHAR[]")
    return Typed(build.call("py_format", pattern.tree, build.text(kinds), texts), t.VARCHAR)


def _text(value: Typed) -> exp.Expr:
    kind = value.type
    if kind.name in (*t.FLOATS, "unknown"):
        return build.cast(value.tree, "VARCHAR")
    if kind.name == "timestamp with time zone":
        return moments.text_with_offset(value)
    text = casts.text_of(value)
    if text is None:
        raise type_error(f"format does not take {kind}")
    return text


@function("typeof")
def _typeof(call: Call) -> Typed:
    call.require_count(1)
    return Typed(build.text(str(call.argument(0).type)), t.VARCHAR)


@function("uuid")
def _uuid(call: Call) -> Typed:
    call.require_count(0)
    return Typed(build.cast(build.call("uuid"), "VARCHAR"), t.UUID)
