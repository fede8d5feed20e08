"""A call of an aggregate: DISTINCT, ORDER BY and stars taken apart before the function is looked at."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, comparisons, lambdas
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.aggregates import AGGREGATES, Aggregate
from medical_data_pipeline.adapters.local.duckdb_sql.bound import (
    Context,
    Scope,
    Typed,
    type_error,
    unsupported,
)
from medical_data_pipeline.adapters.local.duckdb_sql.calls import Call
from medical_data_pipeline.model.athena_clauses import links

Finish = Callable[[exp.Expr], exp.Expr]


@dataclass(frozen=True)
class AggregateCall:
    """One call. `finish` puts a DuckDB aggregate under its FILTER and OVER."""

    context: Context
    node: exp.Expr
    scope: Scope
    finish: Finish
    is_window: bool

    @property
    def name(self) -> str:
        return self.node.name.lower()


@dataclass(frozen=True)
class _Parts:
    """The arguments as written, and what was around them."""

    arguments: list[exp.Expr]
    order: exp.Expr | None
    is_distinct: bool = False
    is_star: bool = False


def bind(call: AggregateCall, within: exp.Expr | None) -> Typed:
    """`within` is the ORDER BY of WITHIN GROUP. Raises: QueryRejected: not with these arguments."""
    parts = _parts(call, within)
    if call.is_window and parts.order is not None:
        raise type_error("an aggregate with OVER has no ORDER BY")
    if call.is_window and parts.is_distinct:
        raise type_error("an aggregate with OVER has no DISTINCT")
    if call.name == "reduce_agg":
        return _reduced(call, parts)
    values = [call.context.bind(argument, call.scope) for argument in parts.arguments]
    if parts.is_distinct and len(values) != 1 and call.name != "listagg":
        raise unsupported(f"{call.name} of DISTINCT pairs")
    finish = call.finish
    if parts.order is not None:
        finish = _in_order(call, parts, values, finish)
    made = Aggregate(
        call.name, values, parts.is_distinct, parts.is_star, call.is_window, parts.order is not None, finish
    )
    return AGGREGATES[call.name](made)


def _parts(call: AggregateCall, within: exp.Expr | None) -> _Parts:
    arguments = list(call.node.expressions)
    parts = _Parts(arguments, within)
    if call.name == "listagg" and arguments:
        is_distinct = isinstance(links(arguments[0])[0], exp.Var)
        return _Parts([_without_overflow(argument) for argument in arguments], within, is_distinct)
    if arguments and isinstance(arguments[-1], exp.Order):
        parts = replace(parts, order=arguments[-1], arguments=[*arguments[:-1], arguments[-1].this])
    if parts.arguments and isinstance(parts.arguments[0], exp.Distinct):
        inner = list(parts.arguments[0].expressions)
        parts = replace(parts, arguments=inner, is_distinct=True)
        if inner and isinstance(inner[-1], exp.Order):
            parts = replace(parts, order=inner[-1], arguments=[*inner[:-1], inner[-1].this])
    if parts.arguments and isinstance(parts.arguments[0], exp.Star):
        parts = replace(parts, arguments=[], is_star=True)
    return parts


def _without_overflow(node: exp.Expr) -> exp.Expr:
    """An argument of LISTAGG: more than Trino's limit is refused, whatever ON OVERFLOW says."""
    return next((piece for piece in links(node) if not isinstance(piece, exp.Var)), node)


def _in_order(call: AggregateCall, parts: _Parts, values: list[Typed], finish: Finish) -> Finish:
    keys = ordered(call.context, parts.order.expressions if parts.order is not None else [], call.scope)
    if parts.is_distinct and [key.this for key in keys] != [values[0].tree]:
        raise type_error("with DISTINCT, an aggregate is ordered by its argument")

    def arranged(tree: exp.Expr) -> exp.Expr:
        last = tree.expressions[-1]
        last.replace(exp.Order(this=last.copy(), expressions=[key.copy() for key in keys]))
        return finish(tree)

    return arranged


def _reduced(call: AggregateCall, parts: _Parts) -> Typed:
    """reduce_agg: the values that are not null, folded; null where there is none."""
    if len(parts.arguments) != 4 or parts.is_distinct or parts.order is not None:
        raise type_error("function reduce_agg does not take these arguments")
    value = call.context.bind(parts.arguments[0], call.scope)
    listed = call.finish(build.call("list", value.tree))
    present = Typed(build.call("t_present", listed), t.array(value.type))
    # The fold is outside of the aggregate, so its lambdas see no column.
    outside = replace(call.scope, relations=(), merged=(), outer=None)
    fold = Call(call.name, tuple(parts.arguments), call.context, outside)
    return lambdas.folded(fold, present, fold.argument(1))


def ordered(context: Context, items: list[exp.Expr], scope: Scope) -> list[exp.Expr]:
    """Sort keys, with the place of nulls written out."""
    keys = []
    for item in items:
        key = context.bind(item.this, scope)
        comparisons.require_orderable(key.type)
        keys.append(sort_key(key.tree, item))
    return keys


def sort_key(tree: exp.Expr, item: exp.Expr) -> exp.Expr:
    descending = bool(item.args.get("desc"))
    return exp.Ordered(this=tree, desc=descending, nulls_first=bool(item.args.get("nulls_first")))
