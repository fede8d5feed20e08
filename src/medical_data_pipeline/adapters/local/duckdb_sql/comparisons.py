"""Comparisons with Trino's logic: NaN equals nothing, and a null inside an array or row is not known."""

from dataclasses import replace

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error, unsupported
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import meet

NODES: dict[str, type[exp.Binary]] = {
    "=": exp.EQ,
    "<>": exp.NEQ,
    "<": exp.LT,
    "<=": exp.LTE,
    ">": exp.GT,
    ">=": exp.GTE,
}
OPERATORS: dict[type[exp.Expr], str] = {node: operator for operator, node in NODES.items()}


def compare(operator: str, left: Typed, right: Typed) -> Typed:
    """Raises: QueryRejected: Trino cannot compare these types."""
    (a, b), common = meet([instant(left), instant(right)], f"operator {operator}")
    if operator == "=":
        return Typed(equal(a, b), t.BOOLEAN)
    if operator == "<>":
        if _is_plain(common):
            return Typed(build.infix(exp.NEQ, a.tree, b.tree), t.BOOLEAN)
        return Typed(build.negated(equal(a, b)), t.BOOLEAN)
    require_orderable(common)
    tree = build.infix(NODES[operator], a.tree, b.tree)
    if common.name in t.FLOATS:
        # NaN is DuckDB's greatest number: it can be true only where NaN is on the greater side.
        suspect = {"<": (b,), ">": (a,)}.get(operator, (a, b))
        guards = [_is_number(side) for side in suspect if _may_be_nan(side)]
        tree = build.both(tree, *guards)
    elif common.name in ("array", "row"):
        tree = build.call("t_ordered", tree, _has_null(a), _has_null(b))
    return Typed(tree, t.BOOLEAN)


def instant(value: Typed) -> Typed:
    """Moments of any zones are compared as instants."""
    return Typed(value.tree, _in_utc(value.type), value.literal)


def _in_utc(kind: t.SqlType) -> t.SqlType:
    if kind.name == "timestamp with time zone":
        return t.with_zone(kind, "UTC")
    return replace(kind, items=tuple(map(_in_utc, kind.items))) if kind.items else kind


def require_orderable(kind: t.SqlType) -> None:
    """Raises: QueryRejected: values of this type have no order in Trino."""
    if kind.name in ("map", "json") or kind.name == "function":
        raise type_error(f"values of type {kind} have no order")
    for item in kind.items:
        require_orderable(item)


def require_comparable(kind: t.SqlType) -> None:
    """Raises: QueryRejected: this translation cannot group or match values of this type."""
    if kind.name == "map" or any(item.name == "map" for item in kind.items):
        raise unsupported("grouping or matching maps")


def equal(a: Typed, b: Typed, depth: int = 0) -> exp.Expr:
    """Equality of two values of one type: true, false or null. `depth` keeps the lambdas' names apart."""
    kind = a.type
    if kind.name in t.FLOATS:
        tree = build.infix(exp.EQ, a.tree, b.tree)
        return build.both(tree, _is_number(a)) if _may_be_nan(a) and _may_be_nan(b) else tree
    match kind.name:
        case "row":
            pairs = [
                equal(Typed(build.field(a.copy(), i), item), Typed(build.field(b.copy(), i), item), depth)
                for i, item in enumerate(kind.items)
            ]
            present = build.both(
                build.negated(build.is_null(a.copy())), build.negated(build.is_null(b.copy()))
            )
            return build.case((present, build.both(*pairs)))
        case "array":
            return _equal_arrays(a, b, kind.items[0], depth)
        case "map":
            return _equal_maps(a, b, depth)
        case "function":
            raise type_error("a lambda cannot be compared")
    return build.infix(exp.EQ, a.tree, b.tree)


def _equal_arrays(a: Typed, b: Typed, item: t.SqlType, depth: int) -> exp.Expr:
    index = build.name(f"i{depth}")
    parts = [Typed(build.call("list_extract", side.copy(), index.copy()), item) for side in (a, b)]
    pairs = build.call(
        "list_transform",
        build.call(
            "range", build.number(1), build.infix(exp.Add, build.call("len", a.copy()), build.number(1))
        ),
        build.lambda_of((f"i{depth}",), equal(parts[0], parts[1], depth + 1)),
    )
    return build.call("t_equal_lists", build.call("len", a.copy()), build.call("len", b.copy()), pairs)


def _equal_maps(a: Typed, b: Typed, depth: int) -> exp.Expr:
    name, item = build.name(f"k{depth}"), a.type.items[1]
    parts = [Typed(build.call("map_extract_value", side.copy(), name.copy()), item) for side in (a, b)]
    is_there = build.call("list_contains", build.call("map_keys", b.copy()), name.copy())
    matched = build.case((is_there, equal(parts[0], parts[1], depth + 1)), otherwise=exp.false())
    pairs = build.call(
        "list_transform", build.call("map_keys", a.copy()), build.lambda_of((f"k{depth}",), matched)
    )
    sizes = [build.call("cardinality", side.copy()) for side in (a, b)]
    return build.call("t_equal_lists", sizes[0], sizes[1], pairs)


def membership(value: Typed, members: list[Typed]) -> Typed:
    """`value IN (…)`."""
    (first, *rest), common = meet([instant(item) for item in (value, *members)], "IN")
    if _is_plain(common) or (common.name in t.FLOATS and not any(_may_be_nan(m) for m in rest)):
        tree: exp.Expr = exp.In(this=first.tree, expressions=[member.tree for member in rest])
        return Typed(exp.Paren(this=tree), t.BOOLEAN)
    return Typed(build.either(*(equal(Typed(first.copy(), common), member) for member in rest)), t.BOOLEAN)


def _is_plain(kind: t.SqlType) -> bool:
    return not kind.items and kind.name not in t.FLOATS


def _may_be_nan(value: Typed) -> bool:
    tree = value.tree.this if isinstance(value.tree, exp.Cast) else value.tree
    return not (
        isinstance(tree, exp.Literal) or (isinstance(tree, exp.Cast) and isinstance(tree.this, exp.Literal))
    )


def _is_number(value: Typed) -> exp.Expr:
    return build.infix(exp.Or, build.is_null(value.copy()), exp.Not(this=build.call("isnan", value.copy())))


def _has_null(value: Typed) -> exp.Expr:
    if value.type.name == "array":
        return build.call("t_has_null", value.copy())
    fields = (build.is_null(build.field(value.copy(), i)) for i in range(len(value.type.items)))
    return build.either(*fields)
