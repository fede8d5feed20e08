"""Values compared with a sub-query: IN, ANY, ALL, also of rows, whose nulls leave the answer open."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, comparisons, nested
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import (
    BoundQuery,
    Context,
    Scope,
    Typed,
    type_error,
)
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import converted, meet


def membership(context: Context, node: exp.In, query: exp.Expr, scope: Scope, *, is_condition: bool) -> Typed:
    """`value IN (query)`. In a condition null is as good as false, which a faster join can use."""
    value = context.bind(node.this, scope)
    sub, (left, right) = _sides(context, query, scope, value)
    if not left.type.items:
        tree = exp.In(this=left.tree, query=exp.Subquery(this=_one_column(sub, right)))
        return Typed(exp.Paren(this=tree), t.BOOLEAN)
    if is_condition and not nested.has_floats(left.type):
        found = exp.Paren(this=exp.In(this=left.copy(), query=exp.Subquery(this=_one_column(sub, right))))
        return Typed(build.both(found, build.negated(nested.has_null(left))), t.BOOLEAN)
    return Typed(_gathered(sub, comparisons.compare("=", left, right).tree, decides=True), t.BOOLEAN)


def compare(  # noqa: PLR0913 - an operator with its sides and where it stands
    context: Context, operator: str, value: Typed, query: exp.Expr, scope: Scope, *, is_all: bool
) -> Typed:
    """`value <operator> ANY (query)`, or ALL."""
    sub, (left, right) = _sides(context, query, scope, value)
    if left.type.items:
        fits = comparisons.compare(operator, left, right).tree
        return Typed(_gathered(sub, fits, decides=not is_all), t.BOOLEAN)
    rows = exp.Subquery(this=_one_column(sub, right))
    tree = build.call("ALL", rows.this) if is_all else exp.Any(this=rows)
    return Typed(build.infix(comparisons.NODES[operator], left.tree, tree), t.BOOLEAN)


def _sides(
    context: Context, query: exp.Expr, scope: Scope, value: Typed
) -> tuple[exp.Subquery, tuple[Typed, Typed]]:
    """The sub-query, and its row beside the value, both of the type in which they meet."""
    bound = context.bind_query(query, scope.inner())
    alias = context.fresh("q")
    sub = exp.Subquery(this=bound.tree, alias=exp.TableAlias(this=build.name(alias)))
    row = _row_of(bound, alias, value)
    (left, right), common = meet([value, row], "a comparison with a sub-query")
    comparisons.require_comparable(common)
    return sub, (left, right)


def _row_of(bound: BoundQuery, alias: str, value: Typed) -> Typed:
    """What the sub-query gives: its one column, or a row of its columns beside a row."""
    columns = [Typed(build.column(alias, f"c{i}"), kind) for i, kind in enumerate(bound.types)]
    is_row = value.type.name == "row" and len(value.type.items) == len(columns)
    if is_row and (len(columns) > 1 or columns[0].type.name != "row"):
        return Typed(build.row(*(column.tree for column in columns)), t.row(bound.types))
    if len(columns) != 1:
        raise type_error("a sub-query that is compared has one column")
    return columns[0]


def _one_column(sub: exp.Subquery, value: Typed) -> exp.Select:
    return exp.Select(expressions=[exp.alias_(value.tree, "c0", quoted=True)]).from_(sub)


def _gathered(sub: exp.Subquery, fits: exp.Expr, *, decides: bool) -> exp.Expr:
    """Whether one row fits (`decides` is true), or all do; null where a null leaves it open."""
    alias, mark = "fits", build.column("fits", "e")
    inner = exp.Select(expressions=[exp.alias_(fits, "e", quoted=True)]).from_(sub)
    rows = exp.Subquery(this=inner, alias=exp.TableAlias(this=build.name(alias)))
    found = build.call("bool_or", mark if decides else build.negated(mark))
    is_open = build.call("bool_or", build.is_null(mark.copy()))
    answer = exp.true() if decides else exp.false()
    verdict = build.case(
        (found, answer), (is_open, build.NULL()), otherwise=exp.false() if decides else exp.true()
    )
    return exp.Subquery(this=exp.Select(expressions=[exp.alias_(verdict, "c0", quoted=True)]).from_(rows))


def scalar(context: Context, node: exp.Subquery, scope: Scope) -> Typed:
    """A sub-query as a value; of several columns it is a row, and one of nulls where there is no row."""
    bound = context.bind_query(node, scope.inner())
    if len(bound.types) == 1:
        return Typed(exp.Subquery(this=bound.tree), bound.types[0])
    alias = context.fresh("q")
    columns = [build.column(alias, f"c{i}") for i in range(len(bound.types))]
    inner = exp.Subquery(this=bound.tree, alias=exp.TableAlias(this=build.name(alias)))
    select = exp.Select(expressions=[exp.alias_(build.row(*columns), "c0", quoted=True)]).from_(inner)
    kind = t.row(bound.types, tuple(name.lower() for name in bound.names))
    nothing = build.row(*(converted(Typed(build.NULL(), t.UNKNOWN), item).tree for item in bound.types))
    return Typed(build.call("coalesce", exp.Subquery(this=select), nothing), kind)


def conditions(node: exp.Expr) -> list[exp.Expr]:
    """The parts of a condition that all must hold."""
    parts: list[exp.Expr] = []
    while isinstance(node, exp.And | exp.Paren):
        if isinstance(node, exp.Paren):
            node = node.this
            continue
        parts.append(node.expression)
        node = node.this
    return [node, *reversed(parts)]


def condition(context: Context, node: exp.Expr, scope: Scope) -> Typed:
    """One part of a WHERE: where a row matches a sub-query only truth counts."""
    query = node.args.get("query") if isinstance(node, exp.In) else None
    if isinstance(node, exp.In) and query is not None:
        return membership(context, node, query, scope, is_condition=True)
    return context.bind(node, scope)
