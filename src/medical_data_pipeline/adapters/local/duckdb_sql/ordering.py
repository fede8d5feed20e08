"""ORDER BY, OFFSET and LIMIT."""

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import aggregate_calls, build, comparisons
from medical_data_pipeline.adapters.local.duckdb_sql.bound import (
    Context,
    Scope,
    Typed,
    type_error,
    unsupported,
)


def bind_order(
    context: Context, order: exp.Expr, scope: Scope, outputs: list[tuple[str, Typed]], is_distinct: bool
) -> exp.Order:
    """Sort keys; one that names a result column becomes its position, so nothing else can be meant.

    Raises:
        QueryRejected: a position that is not there, or a key that a distinct result does not have.
    """
    named: Mapping[str, Typed] = {name.lower(): value for name, value in outputs if name}
    inner = replace(scope, outputs=named)
    keys = []
    for item in order.expressions:
        position = _position(item.this, outputs)
        if position is not None:
            comparisons.require_orderable(outputs[position - 1][1].type)
            keys.append(aggregate_calls.sort_key(build.number(position), item))
            continue
        key = context.bind(item.this, inner)
        comparisons.require_orderable(key.type)
        same = [i for i, (_, value) in enumerate(outputs) if value.tree == key.tree]
        if is_distinct and not same:
            raise type_error("with DISTINCT, ORDER BY takes expressions of the select list")
        keys.append(aggregate_calls.sort_key(build.number(same[0] + 1) if same else key.tree, item))
    return exp.Order(expressions=keys)


def _position(node: exp.Expr, outputs: list[tuple[str, Typed]]) -> int | None:
    if isinstance(node, exp.Literal) and not node.is_string and node.this.isdigit():
        if not 1 <= int(node.this) <= len(outputs):
            raise type_error("a position of ORDER BY is not in the select list")
        return int(node.this)
    if isinstance(node, exp.Column) and len(node.parts) == 1:
        matches = [i for i, (name, _) in enumerate(outputs) if name and name.lower() == node.name.lower()]
        if len({outputs[i][1].tree for i in matches}) > 1:
            raise type_error("a name of ORDER BY is ambiguous")
        return matches[0] + 1 if matches else None
    return None


def with_limits(context: Context, node: exp.Expr, tree: exp.Query) -> exp.Query:
    """The OFFSET and LIMIT of `node` put on `tree`."""
    offset, limit = node.args.get("offset"), node.args.get("limit")
    if offset is not None:
        tree.set("offset", exp.Offset(expression=build.number(_count(context, offset.expression))))
    if limit is None:
        return tree
    if isinstance(limit, exp.Fetch):
        options = limit.args.get("limit_options")
        if options is not None and (options.args.get("with_ties") or options.args.get("percent")):
            raise unsupported("FETCH FIRST with PERCENT or WITH TIES")
        count = limit.args.get("count")
        size = 1 if count is None else _count(context, count)
        if size < 1:
            raise type_error("FETCH FIRST takes at least one row")
    elif isinstance(limit.expression, exp.Var) and limit.expression.name.upper() == "ALL":
        return tree
    else:
        size = _count(context, limit.expression)
    tree.set("limit", exp.Limit(expression=build.number(size)))
    return tree


def _count(context: Context, node: exp.Expr) -> int:
    if isinstance(node, exp.Placeholder):
        value = context.parameters[node.meta["position"]]
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    if isinstance(node, exp.Literal) and not node.is_string and node.this.isdigit():
        return int(node.this)
    raise type_error("LIMIT and OFFSET take a whole number")
