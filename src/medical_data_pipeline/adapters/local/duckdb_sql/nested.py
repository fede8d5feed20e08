"""Order and matching of rows and arrays: where a NaN comes, and what a null inside them does."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, comparisons
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed


def has_floats(kind: t.SqlType) -> bool:
    return kind.name in t.FLOATS or any(map(has_floats, kind.items))


def nan_first(value: Typed, depth: int = 0) -> exp.Expr:
    """A value that DuckDB orders as `value`, but with NaN before all numbers and not after them."""
    kind = value.type
    if not has_floats(kind):
        return value.tree
    if kind.name in t.FLOATS:
        is_number = exp.Not(this=build.call("isnan", value.copy()))
        return build.row(is_number, value.tree)
    if kind.name == "row":
        parts = (Typed(build.field(value.copy(), i), item) for i, item in enumerate(kind.items))
        fields = build.row(*(nan_first(part, depth) for part in parts))
        return build.case((build.negated(build.is_null(value.copy())), fields))
    name = f"o{depth}"
    item = nan_first(Typed(build.name(name), kind.items[0]), depth + 1)
    return build.call("list_transform", value.tree, build.lambda_of((name,), item))


def has_null(value: Typed, depth: int = 0) -> exp.Expr:
    """Whether a row or array has a null in it, at any depth. Plain values have none."""
    kind = value.type
    if kind.name == "row":
        parts = [Typed(build.field(value.copy(), i), item) for i, item in enumerate(kind.items)]
        is_there = build.negated(build.is_null(value.copy()))
        return build.both(is_there, build.either(*(_is_or_has_null(part, depth) for part in parts)))
    if kind.name != "array":
        return exp.false()
    name = f"h{depth}"
    inside = _is_or_has_null(Typed(build.name(name), kind.items[0]), depth + 1)
    found = build.call("list_filter", value.copy(), build.lambda_of((name,), inside))
    return build.infix(exp.GT, build.call("len", found), build.number(0))


def _is_or_has_null(value: Typed, depth: int) -> exp.Expr:
    is_null = build.is_null(value.copy())
    return build.either(is_null, has_null(value, depth)) if value.type.items else is_null


def comparable(value: Typed) -> Typed:
    """`value`; Trino does not order rows and arrays with nulls in them, so these fail."""
    if not value.type.items:
        return value
    return Typed(build.call("t_without_nulls", has_null(value), value.tree), value.type)


def extreme(name: str, values: Typed) -> Typed:
    """`array_max` or `array_min` of an array of rows or arrays; null if an element is null.

    A NaN is chosen only where there is nothing else.
    """
    item = values.type.items[0]
    element = comparable(Typed(build.name("x"), item))
    if name == "array_min":
        checked = build.call("list_transform", values.tree, build.lambda_of(("x",), element.tree))
        return Typed(build.call("t_array_min", checked), item)
    keyed = build.row(nan_first(Typed(build.name("x"), item)), element.tree)
    pairs = build.call("list_transform", values.copy(), build.lambda_of(("x",), keyed))
    largest = build.field(build.call("list_max", pairs), 1)
    nulls = build.call("t_has_null", values.copy())
    return Typed(build.case((build.negated(nulls), largest)), item)


def matches(values: Typed, wanted: Typed) -> exp.Expr:
    """For each element whether it equals `wanted`: true, false, or null where it is null.

    A null inside an element, which would leave this open, fails as in Trino.
    """
    equal = comparisons.equal(Typed(build.name("x"), wanted.type), wanted, depth=1)
    is_open = build.both(*(build.negated(build.is_null(x)) for x in (build.name("x"), wanted.copy())))
    equal = build.call("t_decided", equal, is_open)
    return build.call("list_transform", values.tree, build.lambda_of(("x",), equal))


def has_maps(kind: t.SqlType) -> bool:
    return kind.name == "map" or any(map(has_maps, kind.items))


def same(a: Typed, b: Typed, depth: int = 0) -> exp.Expr:
    """IS NOT DISTINCT FROM of two values of one type. DuckDB's own minds the order of a map's entries."""
    kind = a.type
    if not has_maps(kind):
        return build.infix(exp.NullSafeEQ, a.tree, b.tree)
    nulls = [build.is_null(side.copy()) for side in (a, b)]
    if kind.name == "row":
        pairs = (
            [Typed(build.field(side.copy(), i), item) for side in (a, b)] for i, item in enumerate(kind.items)
        )
        inside = build.both(*(same(x, y, depth) for x, y in pairs))
    else:
        inside = _same_items(a, b, depth)
    both_null, one_null = build.both(*nulls), build.either(*(null.copy() for null in nulls))
    return build.case((both_null, exp.true()), (one_null, exp.false()), otherwise=inside)


def _same_items(a: Typed, b: Typed, depth: int) -> exp.Expr:
    """Of two arrays or maps that are not null: as many items, and each the same."""
    name = build.name(f"s{depth}")
    if a.type.name == "map":
        keys, item = build.call("map_keys", a.copy()), a.type.items[1]
        parts = [Typed(build.call("map_extract_value", side.copy(), name.copy()), item) for side in (a, b)]
        is_there = build.call("list_contains", build.call("map_keys", b.copy()), name.copy())
        sizes = [build.call("cardinality", side.copy()) for side in (a, b)]
    else:
        end = build.infix(exp.Add, build.call("len", a.copy()), build.number(1))
        keys, item, is_there = build.call("range", build.number(1), end), a.type.items[0], exp.true()
        parts = [Typed(build.call("list_extract", side.copy(), name.copy()), item) for side in (a, b)]
        sizes = [build.call("len", side.copy()) for side in (a, b)]
    fits = build.both(is_there, same(parts[0], parts[1], depth + 1))
    found = build.call("list_transform", keys, build.lambda_of((name.name,), fits))
    all_fit = build.negated(build.call("list_contains", found, exp.false()))
    return build.both(build.infix(exp.EQ, *sizes), all_fit)
