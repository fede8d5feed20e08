"""Arrays, maps and rows as JSON that loses nothing of them, since Athena's own text cannot be read back."""

from sqlglot import exp

from medical_data_pipeline.adapters.aws.athena_types import AthenaType

# What a CAST to JSON takes, and writes so that it can be read back. It takes no bytes, no times and no
# moments with a zone.
_TOLD = frozenset(
    ("boolean", "tinyint", "smallint", "integer", "bigint", "real", "double", "decimal", "varchar")
) | {"date", "timestamp", "unknown"}


def json_text(value: exp.Expr, kind: AthenaType) -> exp.Expr:
    """A map comes as an array of rows of two: in its order, and with keys of any type."""
    cast = exp.Cast(this=_told(value, kind, 0), to=exp.DataType.build("json"))
    return _call("json_format", cast)


def _is_told(kind: AthenaType) -> bool:
    if kind.name in ("array", "row"):
        return all(map(_is_told, kind.items))
    return kind.name in _TOLD


def _told(value: exp.Expr, kind: AthenaType, depth: int) -> exp.Expr:
    if _is_told(kind):
        return value
    match kind.name:
        case "array":
            return _each(value, kind.items[0], depth)
        case "map":
            entry = AthenaType("row", (), kind.items, ("key", "value"))
            entries = _call("map_entries", value)
            return entries if _is_told(entry) else _each(entries, entry, depth)
        case "row":
            return _row(value, kind, depth)
        case "varbinary":
            return _call("to_hex", value)
        case "json":
            return _call("json_format", value)
    return exp.Cast(this=value, to=exp.DataType.build("varchar"))


def _each(value: exp.Expr, item: AthenaType, depth: int) -> exp.Expr:
    name = f"p{depth}"
    body = _told(exp.column(name), item, depth + 1)
    return _call("transform", value, exp.Lambda(this=body, expressions=[exp.to_identifier(name)]))


def _row(value: exp.Expr, kind: AthenaType, depth: int) -> exp.Expr:
    if not isinstance(value, exp.Column | exp.Bracket):
        # So that it is evaluated once.
        return _part(_each(exp.Array(expressions=[value]), kind, depth), 1)
    parts = [
        _told(_part(value.copy(), number), item, depth) for number, item in enumerate(kind.items, start=1)
    ]
    is_null = exp.Is(this=value.copy(), expression=exp.Null())
    return exp.Case(ifs=[exp.If(this=is_null, true=exp.Null())], default=_call("ROW", *parts))


def _part(value: exp.Expr, number: int) -> exp.Expr:
    return exp.Bracket(this=value, expressions=[exp.Literal.number(number)])


def _call(name: str, *arguments: exp.Expr) -> exp.Expr:
    return exp.Anonymous(this=name, expressions=list(arguments))
