"""Window functions, and what stands around an aggregate: FILTER, WITHIN GROUP, IGNORE NULLS, OVER."""

from collections.abc import Callable
from dataclasses import replace

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import aggregate_calls, build, comparisons
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.aggregate_calls import AggregateCall, sort_key
from medical_data_pipeline.adapters.local.duckdb_sql.aggregates import AGGREGATES
from medical_data_pipeline.adapters.local.duckdb_sql.bound import (
    Context,
    Scope,
    Typed,
    type_error,
    unsupported,
)
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import boolean, coerce, meet

RANKING = {
    "row_number": ("row_number", t.BIGINT),
    "rank": ("rank", t.BIGINT),
    "dense_rank": ("dense_rank", t.BIGINT),
    "percent_rank": ("percent_rank", t.DOUBLE),
    "cume_dist": ("cume_dist", t.DOUBLE),
    "ntile": ("ntile", t.BIGINT),
}
VALUES = ("lag", "lead", "first_value", "last_value", "nth_value")
WINDOW_FUNCTIONS = frozenset((*RANKING, *VALUES))
# Around these an OVER may also be a reduction of values already ordered; only plain ones are supported.
_WRAPPERS = (exp.Window, exp.Filter, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)


def is_aggregate(node: exp.Expr) -> bool:
    """Whether the node is a call of an aggregate or window function, with what stands around it."""
    while isinstance(node, _WRAPPERS):
        node = node.this
    return isinstance(node, exp.Anonymous) and node.name.lower() in (*AGGREGATES, *WINDOW_FUNCTIONS)


def bind_aggregate(context: Context, node: exp.Expr, scope: Scope) -> Typed:
    """Raises: QueryRejected: not here, or not with these arguments."""
    parts: dict[type[exp.Expr], exp.Expr] = {}
    while isinstance(node, _WRAPPERS):
        parts[type(node)] = node
        node = node.this
    over, condition, within = (parts.get(kind) for kind in (exp.Window, exp.Filter, exp.WithinGroup))
    ignore_nulls = exp.IgnoreNulls in parts
    name = node.name.lower()
    if not (scope.allows_aggregates if over is None else scope.allows_windows):
        raise type_error(f"function {name} is not allowed here")
    inner = replace(
        scope, allows_aggregates=over is not None and scope.allows_aggregates, allows_windows=False
    )
    finishers: list[Callable[[exp.Expr], exp.Expr]] = []
    if condition is not None:
        where = boolean(context.bind(condition.expression.this, inner), "FILTER")
        finishers.append(lambda tree: exp.Filter(this=tree, expression=exp.Where(this=where.copy())))
    if over is not None:
        window = _Window(context, scope, inner, over)
        finishers.append(window.around)

    def finish(tree: exp.Expr) -> exp.Expr:
        for finisher in finishers:
            tree = finisher(tree)
        return tree

    if name in WINDOW_FUNCTIONS:
        if over is None:
            raise type_error(f"function {name} needs OVER")
        return _window_function(context, node, inner, finish, ignore_nulls)
    if ignore_nulls:
        raise unsupported("IGNORE NULLS of an aggregate")
    order = within.expression if within is not None else None
    return aggregate_calls.bind(AggregateCall(context, node, inner, finish, over is not None), order)


def _window_function(
    context: Context, node: exp.Expr, scope: Scope, finish: Callable[[exp.Expr], exp.Expr], ignore_nulls: bool
) -> Typed:
    name = node.name.lower()
    values = [context.bind(argument, scope) for argument in node.expressions]
    if name in RANKING:
        target, kind = RANKING[name]
        if len(values) != (1 if name == "ntile" else 0):
            raise type_error(f"function {name} does not take {len(values)} arguments")
        return Typed(finish(build.call(target, *(coerce(v, t.BIGINT, name).tree for v in values))), kind)
    limits = {"lag": (1, 3), "lead": (1, 3), "nth_value": (2, 2)}.get(name, (1, 1))
    if not limits[0] <= len(values) <= limits[1]:
        raise type_error(f"function {name} does not take {len(values)} arguments")
    kind = values[0].type
    trees = [values[0].tree]
    if len(values) > 1:
        trees.append(coerce(values[1], t.BIGINT, name).tree)
    if len(values) > 2:
        trees.append(coerce(values[2], kind, name).tree)
    if ignore_nulls:
        # sqlglot drops IGNORE NULLS of a function that it does not know; DuckDB has it inside the call.
        trees[-1] = exp.Introducer(this=trees[-1], expression=exp.Var(this="IGNORE NULLS"))
    return Typed(finish(build.call(name, *trees)), kind)


class _Window:
    """An OVER clause, translated once and put around each DuckDB aggregate of the call."""

    def __init__(self, context: Context, scope: Scope, inner: Scope, over: exp.Expr) -> None:
        over = _with_base(over, scope)
        self.partition = [context.bind(item, inner) for item in over.args.get("partition_by") or []]
        for item in self.partition:
            comparisons.require_comparable(item.type)
        order = over.args.get("order")
        self.items = order.expressions if order is not None else []
        self.keys = [context.bind(item.this, inner) for item in self.items]
        for key in self.keys:
            comparisons.require_orderable(key.type)
        self.spec = self._frame(context, inner, over.args.get("spec"))

    def _frame(self, context: Context, scope: Scope, spec: exp.Expr | None) -> exp.Expr | None:
        if spec is None:
            return None
        if spec.args.get("exclude"):
            raise unsupported("EXCLUDE in a window frame")
        kind = str(spec.args["kind"]).upper()
        bounds = []
        for name in ("start", "end"):
            bound = spec.args.get(name)
            if isinstance(bound, exp.Expr):
                bounds.append((name, context.bind(bound, scope)))
        trees = {name: value.tree for name, value in bounds}
        if bounds and kind == "RANGE":
            trees = self._range(bounds)
        elif bounds:
            trees = {name: coerce(value, t.BIGINT, "a frame's bound").tree for name, value in bounds}
        parts = {
            name: trees.get(name, str(spec.args[name]).upper() if spec.args.get(name) else None)
            for name in ("start", "end")
        }
        sides = {f"{name}_side": _upper(spec.args.get(f"{name}_side")) for name in ("start", "end")}
        return exp.WindowSpec(kind=kind, **parts, **sides)

    def _range(self, bounds: list[tuple[str, Typed]]) -> dict[str, exp.Expr]:
        if len(self.keys) != 1:
            raise type_error("a RANGE frame with bounds needs one sort key")
        key, offsets = self.keys[0], [value for _, value in bounds]
        if all(value.type.name in t.INTERVALS for value in offsets):
            if key.type.name == "date":
                self.keys[0] = Typed(build.cast(key.tree, "TIMESTAMP"), t.timestamp(0))
            return {
                name: build.call("to_months", value.tree)
                if value.type == t.YEAR_MONTH
                else build.call("to_microseconds", build.infix(exp.Mul, value.tree, build.number(1000)))
                for name, value in bounds
            }
        # DuckDB would turn the bound into the key's type, and round it.
        (self.keys[0], *offsets), _ = meet([key, *offsets], "a RANGE frame")
        return {name: value.tree for (name, _), value in zip(bounds, offsets, strict=True)}

    def around(self, tree: exp.Expr) -> exp.Expr:
        keys = [sort_key(key.copy(), item) for key, item in zip(self.keys, self.items, strict=True)]
        return exp.Window(
            this=tree,
            partition_by=[item.copy() for item in self.partition],
            order=exp.Order(expressions=keys) if keys else None,
            spec=self.spec.copy() if self.spec is not None else None,
            over="OVER",
        )


def _with_base(over: exp.Expr, scope: Scope) -> exp.Expr:
    """The window with what it takes over from the named one it begins with.

    Raises:
        QueryRejected: no such window, or one whose parts it repeats.
    """
    named = over.args.get("alias")
    if named is None:
        return over
    found = scope.windows.get(named.name.lower())
    if found is None:
        raise type_error("a window name cannot be resolved")
    base = _with_base(found, scope)
    own = {part: over.args.get(part) for part in ("partition_by", "order", "spec") if over.args.get(part)}
    if (
        "partition_by" in own
        or (own and base.args.get("spec"))
        or ("order" in own and base.args.get("order"))
    ):
        raise type_error("a window repeats a part of the one it is made from")
    parts = {part: base.args.get(part) for part in ("partition_by", "order", "spec")}
    return exp.Window(**{**parts, **own})


def _upper(value: object) -> str | None:
    return str(value).upper() if value else None
