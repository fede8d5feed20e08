"""CAST to and from JSON, item by item: DuckDB's own casts read and write other forms."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, moments
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error, unsupported
from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import SqlType

_SCALARS = ("boolean", *t.INTEGERS, *t.FLOATS, "decimal", "varchar")


def to_json(value: Typed) -> exp.Expr:
    """Raises: QueryRejected: Trino has no cast from this type to JSON."""
    return build.cast(_written(value), "JSON")


def _written(value: Typed) -> exp.Expr:
    """JSON text; null only where the value is null."""
    source = value.type
    match source.name:
        case "json":
            return build.cast(value.tree, "VARCHAR")
        case "unknown":
            return build.cast(build.NULL(), "VARCHAR")
        case "decimal":
            return build.call("t_decimal_text", value.tree)
        case "boolean" | "tinyint" | "smallint" | "integer" | "bigint":
            return build.cast(value.tree, "VARCHAR")
        case "double" | "real":
            # A real by its own shortest digits, not by those of the double it becomes.
            shortest = build.cast(value.tree, "VARCHAR")
            return build.call("py_json_double", build.cast(shortest, "DOUBLE"))
        case "varchar":
            return build.call("py_json_text", value.tree)
        case "date":
            return build.call("py_json_text", build.cast(value.tree, "VARCHAR"))
        case "timestamp" | "timestamp with time zone":
            return build.call("py_json_text", moments.as_text(value))
        case "array":
            return _array_text(value)
        case "map":
            return _map_text(value)
        case "row":
            return _row_text(value)
    raise type_error(f"{source} cannot be cast to json")


def _or_null(tree: exp.Expr) -> exp.Expr:
    return build.call("coalesce", tree, build.text("null"))


def _array_text(value: Typed) -> exp.Expr:
    item = _or_null(_written(Typed(build.name("j"), value.type.items[0])))
    items = build.call("list_transform", value.tree, build.lambda_of(("j",), item))
    return build.call("t_json_list", items)


def _map_text(value: Typed) -> exp.Expr:
    key, item = value.type.items
    if key.name not in (*_SCALARS, "unknown"):
        raise type_error(f"{value.type} cannot be cast to json")
    written = _written(Typed(build.name("k"), key))
    if key.name != "varchar":
        written = build.call("py_json_text", written)
    keys = build.call("list_transform", build.call("map_keys", value.tree), build.lambda_of(("k",), written))
    body = _or_null(_written(Typed(build.name("j"), item)))
    values = build.call(
        "list_transform", build.call("map_values", value.copy()), build.lambda_of(("j",), body)
    )
    return build.call("t_json_object", keys, values)


def _row_text(value: Typed) -> exp.Expr:
    parts = []
    for position, (name, item) in enumerate(zip(value.type.names, value.type.items, strict=True)):
        written = _or_null(_written(Typed(build.field(value.copy(), position), item)))
        key = build.call("py_json_text", build.text(name))
        parts.append(build.infix(exp.DPipe, build.infix(exp.DPipe, key, build.text(":")), written))
    text = build.call("t_json_fields", build.array(*parts))
    return build.case((build.negated(build.is_null(value.copy())), text))


def from_json(tree: exp.Expr, to: SqlType) -> exp.Expr:
    """Raises: QueryRejected: Trino has no cast from JSON to this type."""
    match to.name:
        case "json":
            return tree
        case "varchar":
            text = build.call("py_json_to_text", build.cast(tree, "VARCHAR"))
            return (
                text
                if to.precision == t.UNBOUNDED
                else build.call("t_fitting_text", text, build.number(to.precision))
            )
        case "boolean":
            return build.call("py_json_to_boolean", build.cast(tree, "VARCHAR"))
        case "tinyint" | "smallint" | "integer" | "bigint":
            return build.cast(build.call("py_json_to_bigint", build.cast(tree, "VARCHAR")), to)
        case "double" | "real":
            return build.cast(build.call("py_json_to_double", build.cast(tree, "VARCHAR")), to)
        case "decimal":
            return build.cast(build.call("py_json_to_decimal", build.cast(tree, "VARCHAR")), to)
        case "array":
            items = build.call("py_json_items", build.cast(tree, "VARCHAR"))
            return build.call("list_transform", items, build.lambda_of(("j",), _item(to.items[0])))
        case "map":
            return _map_from(tree, to)
        case "row":
            return _row_from(tree, to)
    raise unsupported(f"a CAST of json to {to}")


def _item(to: SqlType) -> exp.Expr:
    return from_json(build.cast(build.name("j"), "JSON"), to)


def _map_from(tree: exp.Expr, to: SqlType) -> exp.Expr:
    key, item = to.items
    if key.name not in ("varchar", *t.INTEGERS, "double", "boolean"):
        raise unsupported(f"a CAST of json to {to}")
    text = build.cast(tree, "VARCHAR")
    keys = build.call("py_json_keys", text)
    if key.name != "varchar":
        keys = build.call("list_transform", keys, build.lambda_of(("j",), _item(key)))
    else:
        as_text = build.call("py_json_to_text", build.name("j"))
        keys = build.call("list_transform", keys, build.lambda_of(("j",), as_text))
    values = build.call(
        "list_transform", build.call("py_json_values", text.copy()), build.lambda_of(("j",), _item(item))
    )
    made = build.call("t_map", keys, values)
    return build.case((build.negated(build.is_null(build.call("py_json_keys", text.copy()))), made))


def _row_from(tree: exp.Expr, to: SqlType) -> exp.Expr:
    names = build.array(*(build.text(name) for name in to.names))
    items = build.call("py_json_fields", build.cast(tree, "VARCHAR"), names)
    fields = []
    for position, item in enumerate(to.items):
        part = build.call("list_extract", items.copy(), build.number(position + 1))
        fields.append(from_json(build.cast(part, "JSON"), item))
    return build.case((build.negated(build.is_null(items.copy())), build.row(*fields)))
