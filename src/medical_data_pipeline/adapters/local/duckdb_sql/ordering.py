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
        if options is not None and options.args.get("percent"):
            raise type_error("FETCH FIRST has no PERCENT")
        count = limit.args.get("count")
        size = 1 if count is None else _count(context, count)
        if size < 1:
            raise type_error("FETCH FIRST takes at least one row")
        if options is not None and options.args.get("with_ties"):
            return _with_ties(context, tree, size)
    elif isinstance(limit.expression, exp.Var) and limit.expression.name.upper() == "ALL":
        return tree
    else:
        size = _count(context, limit.expression)
    tree.set("limit", exp.Limit(expression=build.number(size)))
    return tree


def _with_ties(context: Context, tree: exp.Query, size: int) -> exp.Query:
    """The first rows, and those that rank with the last of them."""
    order = tree.args.get("order")
    if order is None:
        raise type_error("FETCH FIRST … WITH TIES needs ORDER BY")
    if tree.args.get("offset") or tree.args.get("distinct"):
        raise unsupported("FETCH FIRST … WITH TIES with OFFSET or DISTINCT")
    alias, width, keys = context.fresh("q"), len(tree.expressions), []
    for position, item in enumerate(order.expressions):
        name = f"k{position}"
        if isinstance(item.this, exp.Literal):
            name = f"c{int(item.this.name) - 1}"
        else:
            tree.append("expressions", exp.alias_(item.this.copy(), name, quoted=True))
        keys.append(exp.Ordered(**{**item.args, "this": build.column(alias, name)}))
    tree.set("order", None)
    source = exp.Subquery(this=tree, alias=exp.TableAlias(this=build.name(alias)))
    rank = exp.Window(this=build.call("rank"), order=exp.Order(expressions=keys), over="OVER")
    columns = [exp.alias_(build.column(alias, f"c{i}"), f"c{i}", quoted=True) for i in range(width)]
    return exp.Select(
        expressions=columns,
        from_=exp.From(this=source),
        qualify=exp.Qualify(this=build.infix(exp.LTE, rank, build.number(size))),
        order=exp.Order(expressions=[key.copy() for key in keys]),
    )


def _count(context: Context, node: exp.Expr) -> int:
    if isinstance(node, exp.Placeholder):
        value = context.parameters[node.meta["position"]]
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    if isinstance(node, exp.Literal) and not node.is_string and node.this.isdigit():
        return int(node.this)
    raise type_error("LIMIT and OFFSET take a whole number")
