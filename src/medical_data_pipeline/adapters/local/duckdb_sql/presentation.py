"""Result values as Athena shows them: rows by their field names, intervals and zoned times as text."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import BoundQuery, Context, Typed
from medical_data_pipeline.adapters.local.duckdb_sql.casts import text_of
from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import SqlType


def presented(context: Context, bound: BoundQuery) -> exp.Query:
    """The query, with the columns that DuckDB carries otherwise turned into what is shown."""
    if all(_is_shown(kind) for kind in bound.types):
        return bound.tree
    alias = context.fresh("q")
    columns = []
    for i, kind in enumerate(bound.types):
        value = Typed(build.column(alias, f"c{i}"), kind)
        columns.append(exp.alias_(_shown(value), f"c{i}", quoted=True))
    sub = exp.Subquery(this=bound.tree, alias=exp.TableAlias(this=build.name(alias)))
    return exp.Select(expressions=columns, from_=exp.From(this=sub))


def _is_shown(kind: SqlType) -> bool:
    if kind.name == "row" or kind.name in t.INTERVALS:
        return False
    if kind.name == "timestamp with time zone" and kind.zone != "UTC":
        return False
    return all(_is_shown(item) for item in kind.items)


def _shown(value: Typed) -> exp.Expr:
    kind = value.type
    if _is_shown(kind):
        return value.tree
    match kind.name:
        case "array":
            item = _shown(Typed(build.name("p"), kind.items[0]))
            return build.call("list_transform", value.tree, build.lambda_of(("p",), item))
        case "map":
            key, item = (
                build.call(
                    "list_transform",
                    build.call(name, value.copy()),
                    build.lambda_of(("p",), _shown(Typed(build.name("p"), side))),
                )
                for name, side in zip(("map_keys", "map_values"), kind.items, strict=True)
            )
            return build.case((build.negated(build.is_null(value.copy())), build.call("map", key, item)))
        case "row":
            return _row(value)
    return text_of(value) or value.tree


def _row(value: Typed) -> exp.Expr:
    names = value.type.names
    is_named = all(names) and len(set(names)) == len(names)
    labels = names if is_named else [f"field{i}" for i in range(len(names))]
    fields = [
        exp.Kwarg(this=build.name(label), expression=_shown(Typed(build.field(value.copy(), i), item)))
        for i, (label, item) in enumerate(zip(labels, value.type.items, strict=True))
    ]
    made = build.call("struct_pack", *fields)
    return build.case((build.negated(build.is_null(value.copy())), made))
