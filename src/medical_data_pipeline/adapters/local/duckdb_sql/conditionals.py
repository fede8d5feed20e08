"""CASE, IF, COALESCE, NULLIF, TRY and LIKE."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, comparisons, nested
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import (
    Context,
    Scope,
    Typed,
    type_error,
    unsupported,
)
from medical_data_pipeline.adapters.local.duckdb_sql.calls import Call, function
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import boolean, coerce, converted, meet
from medical_data_pipeline.adapters.local.duckdb_sql.coercion import common_type


def case(context: Context, node: exp.Case, scope: Scope) -> Typed:
    subject = context.bind(node.this, scope) if node.this is not None else None
    whens, thens = [], []
    for branch in node.args["ifs"]:
        condition = context.bind(branch.this, scope)
        if subject is not None:
            condition = comparisons.compare(
                "=", Typed(subject.copy(), subject.type, subject.literal), condition
            )
        whens.append(boolean(condition, "a CASE condition"))
        thens.append(context.bind(branch.args["true"], scope))
    default = node.args.get("default")
    if default is not None:
        thens.append(context.bind(default, scope))
    thens, kind = meet(thens, "CASE")
    otherwise = thens.pop().tree if default is not None else build.NULL()
    branches = [(when, then.tree) for when, then in zip(whens, thens, strict=True)]
    return Typed(build.case(*branches, otherwise=otherwise), kind)


@function("if")
def _if(call: Call) -> Typed:
    call.require_count(2, 3)
    condition = boolean(call.argument(0), "the condition of IF")
    values = [call.context.bind(node, call.scope) for node in call.nodes[1:]]
    values, kind = meet(values, "IF")
    otherwise = values[1].tree if len(values) == 2 else build.NULL()
    return Typed(build.case((condition, values[0].tree), otherwise=otherwise), kind)


@function("coalesce")
def _coalesce(call: Call) -> Typed:
    values = call.arguments()
    if len(values) < 2:
        raise type_error("coalesce takes at least two arguments")
    values, kind = meet(values, "coalesce")
    return Typed(build.call("coalesce", *(value.tree for value in values)), kind)


@function("nullif")
def _nullif(call: Call) -> Typed:
    call.require_count(2)
    value, other = call.arguments()
    is_equal = comparisons.compare("=", Typed(value.copy(), value.type), other).tree
    if common_type(value.type, other.type) is None:
        raise type_error("nullif takes values that can be compared")
    return Typed(
        build.case((build.call("coalesce", is_equal, exp.false()), build.NULL()), otherwise=value.tree),
        value.type,
    )


@function("try")
def _try(call: Call) -> Typed:
    call.require_count(1)
    value = call.argument(0)
    if value.tree.find(exp.Query, exp.Subquery):
        raise unsupported("TRY around a query")
    return Typed(build.call("TRY", value.tree), value.type)


def distinct(left: Typed, right: Typed) -> Typed:
    """IS DISTINCT FROM."""
    (a, b), _ = meet([comparisons.instant(left), comparisons.instant(right)], "IS DISTINCT FROM")
    return Typed(build.negated(nested.same(a, b)), t.BOOLEAN)


def like(value: Typed, pattern: Typed, escape: Typed | None) -> Typed:
    """LIKE. A char is matched with its padding, as in Trino."""
    if value.type.name not in ("varchar", "char", "unknown"):
        raise type_error(f"LIKE does not take {value.type}")
    subject = converted(value, t.VARCHAR) if value.type.name == "unknown" else value
    sides = [subject.tree, coerce(pattern, t.VARCHAR, "a LIKE pattern").tree]
    if escape is None:
        # DuckDB's LIKE has no escape character unless one is named.
        return Typed(exp.Paren(this=exp.Like(this=sides[0], expression=sides[1])), t.BOOLEAN)
    mark = escape.literal
    if not isinstance(mark, str):
        raise unsupported("LIKE with an escape that is not a literal")
    if len(mark) != 1:
        raise type_error("the escape of LIKE is one character")
    if not isinstance(pattern.literal, str):
        raise unsupported("LIKE with an escape and a pattern that is not a literal")
    _require_escapes(pattern.literal, mark)
    tree = exp.Escape(this=exp.Like(this=sides[0], expression=sides[1]), expression=build.text(mark))
    return Typed(exp.Paren(this=tree), t.BOOLEAN)


def _require_escapes(pattern: str, mark: str) -> None:
    position = 0
    while position < len(pattern):
        if pattern[position] == mark:
            position += 1
            if pattern[position : position + 1] not in (mark, "%", "_") or position == len(pattern):
                raise type_error("an escape of LIKE stands before %, _ or itself")
        position += 1
