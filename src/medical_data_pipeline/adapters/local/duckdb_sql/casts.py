"""CAST as Trino does it: which types, how a number is rounded, how a text is read and written."""

from collections.abc import Callable

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, json_casts, moments
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error, unsupported
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import converted
from medical_data_pipeline.adapters.local.duckdb_sql.literals import typed_literal
from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import SqlType

NUMBERS = (*t.INTEGERS, "decimal", *t.FLOATS)
MOMENTS = ("date", "time", "timestamp", "timestamp with time zone")


def cast(value: Typed, to: SqlType) -> Typed:
    """`value` CAST to `to`; the expression fails where Trino's does.

    Raises:
        QueryRejected: Trino has no such cast, or its result is not known to agree.
    """
    source = value.type
    if source.name == "unknown":
        return Typed(build.cast(build.NULL(), to), to)
    if source == to:
        return Typed(value.tree, to)
    if source.name in ("array", "map", "row") and to.name not in ("varchar", "char", "json"):
        return _structure(value, to)
    if to.name == "json":
        return Typed(json_casts.to_json(value), to)
    if source.name == "json":
        return Typed(json_casts.from_json(value.tree, to), to)
    caster = _CASTERS.get(to.name)
    tree = caster(value, to) if caster else None
    if tree is None:
        raise type_error(f"{source} cannot be cast to {to}")
    return Typed(tree, _result_type(value, to))


def _result_type(value: Typed, to: SqlType) -> SqlType:
    if to.name != "timestamp with time zone":
        return to
    if value.type.name == to.name:
        return t.with_zone(to, value.type.zone)
    if isinstance(value.literal, str):
        literal = typed_literal("TIMESTAMP", value.literal)
        return t.with_zone(to, (literal.type.zone if literal else "") or "UTC")
    return to


def _structure(value: Typed, to: SqlType) -> Typed:
    source = value.type
    if source.name != to.name or len(source.items) != len(to.items):
        raise type_error(f"{source} cannot be cast to {to}")
    if source.name == "array":
        item = Typed(build.name("e"), source.items[0])
        body = cast(item, to.items[0])
        if body.tree is item.tree:
            return Typed(value.tree, to)
        return Typed(build.call("list_transform", value.tree, build.lambda_of(("e",), body.tree)), to)
    if source.name == "map":
        sides = [
            _structure(Typed(build.call(name, value.copy()), t.array(item)), t.array(target)).tree
            for name, item, target in zip(("map_keys", "map_values"), source.items, to.items, strict=True)
        ]
        made = build.call("t_map", *sides)
        return Typed(build.case((build.negated(build.is_null(value.copy())), made)), to)
    fields = [
        cast(Typed(build.field(value.copy(), i), item), target).tree
        for i, (item, target) in enumerate(zip(source.items, to.items, strict=True))
    ]
    return Typed(build.case((build.negated(build.is_null(value.copy())), build.row(*fields))), to)


def _to_boolean(value: Typed, to: SqlType) -> exp.Expr | None:
    if value.type.name in NUMBERS:
        return build.infix(exp.NEQ, value.tree, build.number(0))
    return build.call("t_text_boolean", value.tree) if value.type.name == "varchar" else None


def _to_integer(value: Typed, to: SqlType) -> exp.Expr | None:
    match value.type.name:
        case "double" | "real":
            return build.cast(build.call("round", value.tree), to)
        case "varchar":
            return build.cast(build.call("t_text_bigint", value.tree), to)
        case name if name in NUMBERS or name == "boolean":
            return build.cast(value.tree, to)
    return None


def _to_float(value: Typed, to: SqlType) -> exp.Expr | None:
    match value.type.name:
        case "varchar":
            return build.cast(build.call("t_text_double", value.tree), to)
        case name if name in NUMBERS or name == "boolean":
            return build.cast(value.tree, to)
    return None


def _to_decimal(value: Typed, to: SqlType) -> exp.Expr | None:
    match value.type.name:
        case "varchar":
            return build.cast(build.call("t_text_decimal", value.tree), to)
        case "double" | "real":
            # By way of the shortest text, as Java's BigDecimal.valueOf does.
            return build.cast(build.call("t_finite_text", value.tree), to)
        case "boolean":
            return build.cast(build.cast(value.tree, "INTEGER"), to)
        case name if name in NUMBERS:
            return build.cast(value.tree, to)
    return None


def text_of(value: Typed) -> exp.Expr | None:
    """`value` as CAST(… AS varchar) writes it, or None when Trino has no such cast."""
    source = value.type
    match source.name:
        case "varchar" | "char" | "uuid":
            return value.tree
        case "double":
            return build.call("py_double_text", value.tree)
        case "real":
            return build.call("py_real_text", build.cast(value.tree, "VARCHAR"))
        case "timestamp" | "timestamp with time zone":
            return moments.as_text(value)
        case "time":
            return build.call("t_time_text", value.tree, build.number(source.precision))
        case "interval day to second":
            return build.call("t_day_time_text", value.tree)
        case "interval year to month":
            return build.call("t_year_month_text", value.tree)
        case "decimal":
            is_fraction = source.precision == source.scale
            return (
                build.call("t_decimal_text", value.tree) if is_fraction else build.cast(value.tree, "VARCHAR")
            )
        case "boolean" | "tinyint" | "smallint" | "integer" | "bigint" | "date":
            return build.cast(value.tree, "VARCHAR")
    return None


def _to_varchar(value: Typed, to: SqlType) -> exp.Expr | None:
    text = text_of(value)
    if text is None or to.precision == t.UNBOUNDED:
        return text
    if value.type.name in ("varchar", "char"):
        if value.type.precision <= to.precision:
            return text
        return build.call("left", text, build.number(to.precision))
    return build.call("t_fitting_text", text, build.number(to.precision))


def _to_char(value: Typed, to: SqlType) -> exp.Expr | None:
    text = _to_varchar(value, t.varchar(to.precision))
    return None if text is None else build.call("rpad", text, build.number(to.precision), build.text(" "))


def _to_date(value: Typed, to: SqlType) -> exp.Expr | None:
    match value.type.name:
        case "varchar":
            return build.call("t_text_date", value.tree)
        case "timestamp" | "timestamp with time zone":
            return build.cast(moments.local_time(value), to)
    return None


def _to_timestamp(value: Typed, to: SqlType) -> exp.Expr | None:
    match value.type.name:
        case "varchar":
            parsed = build.call("t_text_timestamp", value.tree)
            return moments.rounded(parsed, t.timestamp(6), to.precision)
        case "date":
            return build.cast(value.tree, to)
        case "timestamp" | "timestamp with time zone":
            source = t.timestamp(value.type.precision)
            return moments.rounded(moments.local_time(value), source, to.precision)
    return None


def _to_timestamp_tz(value: Typed, to: SqlType) -> exp.Expr | None:
    match value.type.name:
        case "varchar":
            literal = typed_literal("TIMESTAMP", value.literal) if isinstance(value.literal, str) else None
            if literal is None:
                raise unsupported("a CAST of texts that differ to a timestamp with time zone")
            return moments.rounded(converted(literal, to).tree, t.timestamp_tz(6), to.precision)
        case "date":
            return build.cast(build.cast(value.tree, "TIMESTAMP"), "TIMESTAMPTZ")
        case "timestamp":
            return build.cast(moments.rounded(value.tree, value.type, to.precision), to)
        case "timestamp with time zone":
            return moments.rounded(value.tree, value.type, to.precision)
    return None


def _to_time(value: Typed, to: SqlType) -> exp.Expr | None:
    match value.type.name:
        case "varchar":
            return moments.rounded(build.call("t_text_time", value.tree), t.time(6), to.precision)
        case "time":
            return moments.rounded(value.tree, value.type, to.precision)
        case "timestamp" | "timestamp with time zone":
            clock = build.cast(moments.local_time(value), "TIME")
            return moments.rounded(clock, t.time(value.type.precision), to.precision)
    return None


def _to_uuid(value: Typed, to: SqlType) -> exp.Expr | None:
    if value.type.name == "varbinary":
        return build.call("t_bytes_uuid", value.tree)
    return build.call("t_text_uuid", value.tree) if value.type.name == "varchar" else None


def _to_varbinary(value: Typed, to: SqlType) -> exp.Expr | None:
    if value.type.name == "uuid":
        return build.call("unhex", build.call("replace", value.tree, build.text("-"), build.text("")))
    return build.call("encode", value.tree) if value.type.name == "varchar" else None


_CASTERS: dict[str, Callable[[Typed, SqlType], exp.Expr | None]] = {
    "boolean": _to_boolean,
    **dict.fromkeys(t.INTEGERS, _to_integer),
    **dict.fromkeys(t.FLOATS, _to_float),
    "decimal": _to_decimal,
    "varchar": _to_varchar,
    "char": _to_char,
    "date": _to_date,
    "timestamp": _to_timestamp,
    "timestamp with time zone": _to_timestamp_tz,
    "time": _to_time,
    "varbinary": _to_varbinary,
    "uuid": _to_uuid,
}
