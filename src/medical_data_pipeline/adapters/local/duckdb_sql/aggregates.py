"""Aggregate functions, with DISTINCT, ORDER BY, FILTER and OVER; nulls count as they do in Trino."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import arithmetic, build, comparisons, nested
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error, unsupported
from medical_data_pipeline.adapters.local.duckdb_sql.casts import cast
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import boolean, coerce


@dataclass(frozen=True)
class Aggregate:
    """One aggregate call. `finish` puts a DuckDB aggregate under the call's FILTER, ORDER BY and OVER."""

    name: str
    arguments: list[Typed]
    is_distinct: bool
    is_star: bool
    is_window: bool
    is_ordered: bool
    finish: Callable[[exp.Expr], exp.Expr]

    def of(self, function: str, *arguments: exp.Expr) -> exp.Expr:
        nodes: list[exp.Expr] = list(arguments)
        if self.is_distinct:
            nodes = [exp.Distinct(expressions=nodes)]
        return self.finish(build.call(function, *nodes))

    def require_count(self, *allowed: int) -> None:
        if len(self.arguments) not in allowed:
            raise type_error(f"function {self.name} does not take {len(self.arguments)} arguments")


Builder = Callable[[Aggregate], Typed]
AGGREGATES: dict[str, Builder] = {}


def _aggregate(*names: str) -> Callable[[Builder], Builder]:
    def register(builder: Builder) -> Builder:
        for name in names:
            AGGREGATES[name] = builder
        return builder

    return register


@_aggregate("count")
def _count(a: Aggregate) -> Typed:
    if a.is_star or not a.arguments:
        return Typed(a.finish(build.call("count", exp.Star())), t.BIGINT)
    a.require_count(1)
    value = a.arguments[0]
    if a.is_distinct:
        comparisons.require_comparable(value.type)
    return Typed(a.of("count", value.tree), t.BIGINT)


@_aggregate("sum")
def _sum(a: Aggregate) -> Typed:
    a.require_count(1)
    value = a.arguments[0]
    match value.type.name:
        case "decimal":
            return Typed(
                build.cast(a.of("sum", value.tree), t.decimal(38, value.type.scale)),
                t.decimal(38, value.type.scale),
            )
        case "real" | "double":
            return Typed(build.cast(a.of("sum", value.tree), value.type), value.type)
        case name if name in t.INTEGERS:
            return Typed(build.cast(a.of("sum", value.tree), t.BIGINT), t.BIGINT)
        case name if name in t.INTERVALS:
            return Typed(build.cast(a.of("sum", value.tree), value.type), value.type)
    raise type_error(f"sum does not take {value.type}")


@_aggregate("avg")
def _avg(a: Aggregate) -> Typed:
    a.require_count(1)
    value = a.arguments[0]
    kind = value.type
    if kind.name == "decimal":
        # DuckDB's avg of decimals is a double; Trino's is a decimal, rounded half up.
        total = Typed(
            build.cast(a.of("sum", value.tree), t.decimal(38, kind.scale)), t.decimal(38, kind.scale)
        )
        count = build.cast(a.of("count", value.copy()), t.decimal(19, 0))
        nothing = build.infix(exp.EQ, count, build.number(0))
        mean = arithmetic.divided(total, Typed(count.copy(), t.decimal(19, 0)), t.decimal(38, kind.scale))
        return Typed(build.cast(build.case((build.negated(nothing), mean.tree)), kind), kind)
    if kind.name in t.INTERVALS:
        mean_tree = build.call("t_round_half_up", a.of("avg", value.tree))
        return Typed(build.cast(mean_tree, kind), kind)
    if kind.name not in (*t.INTEGERS, *t.FLOATS):
        raise type_error(f"avg does not take {kind}")
    result = t.REAL if kind.name == "real" else t.DOUBLE
    return Typed(build.cast(a.of("avg", value.tree), result), result)


@_aggregate("min", "max")
def _extreme(a: Aggregate) -> Typed:
    a.require_count(1, 2)
    value = a.arguments[0]
    comparisons.require_orderable(value.type)
    if len(a.arguments) == 2:
        if nested.has_floats(value.type):
            raise unsupported(f"{a.name} of several {value.type} values")
        size = build.call("t_sample_size", coerce(a.arguments[1], t.BIGINT, a.name).tree)
        return Typed(a.of(a.name, value.tree, size), t.array(value.type))
    value = nested.comparable(value)
    # NaN is DuckDB's greatest number; Trino takes it only where there is no other.
    if a.name == "max" and value.type.name in t.FLOATS:
        numbers = build.case((build.negated(build.call("isnan", value.copy())), value.copy()))
        largest = build.call("coalesce", a.of("max", numbers), a.of("max", value.tree))
        return Typed(largest, value.type)
    if a.name == "max" and nested.has_floats(value.type):
        keyed = build.case((build.negated(build.is_null(value.copy())), _keyed(value)))
        return Typed(build.field(a.of("max", keyed), 1), value.type)
    return Typed(a.of(a.name, value.tree), value.type)


def _keyed(value: Typed) -> exp.Expr:
    return build.row(nested.nan_first(Typed(value.copy(), value.type)), value.copy())


@_aggregate("max_by", "min_by")
def _extreme_by(a: Aggregate) -> Typed:
    a.require_count(2, 3)
    value, key = a.arguments[:2]
    comparisons.require_orderable(key.type)
    key = nested.comparable(key)
    if a.name == "max_by" and nested.has_floats(key.type):
        key = Typed(build.case((build.negated(build.is_null(key.copy())), nested.nan_first(key))), key.type)
    name = "arg_max" if a.name == "max_by" else "arg_min"
    if len(a.arguments) == 3:
        size = build.call("t_sample_size", coerce(a.arguments[2], t.BIGINT, a.name).tree)
        boxed = a.of(name, build.row(value.tree), key.tree, size)
        plain = build.call("list_transform", boxed, build.lambda_of(("b",), build.field(build.name("b"), 0)))
        return Typed(plain, t.array(value.type))
    # The value of the winning row counts also where it is null, which a row around it keeps.
    return Typed(build.field(a.of(name, build.row(value.tree), key.tree), 0), value.type)


@_aggregate("arbitrary", "any_value")
def _arbitrary(a: Aggregate) -> Typed:
    a.require_count(1)
    return Typed(a.of("any_value", a.arguments[0].tree), a.arguments[0].type)


@_aggregate("bool_and", "every", "bool_or")
def _bool(a: Aggregate) -> Typed:
    a.require_count(1)
    name = "bool_or" if a.name == "bool_or" else "bool_and"
    return Typed(a.of(name, boolean(a.arguments[0], a.name)), t.BOOLEAN)


@_aggregate("count_if")
def _count_if(a: Aggregate) -> Typed:
    a.require_count(1)
    # DuckDB's count_if of no rows is null.
    counted = build.call("coalesce", a.of("count_if", boolean(a.arguments[0], a.name)), build.number(0))
    return Typed(build.cast(counted, t.BIGINT), t.BIGINT)


@_aggregate("array_agg")
def _array_agg(a: Aggregate) -> Typed:
    a.require_count(1)
    return Typed(a.of("list", a.arguments[0].tree), t.array(a.arguments[0].type))


@_aggregate("set_agg")
def _set_agg(a: Aggregate) -> Typed:
    a.require_count(1)
    comparisons.require_comparable(a.arguments[0].type)
    tree = a.finish(build.call("list", exp.Distinct(expressions=[a.arguments[0].tree])))
    return Typed(tree, t.array(a.arguments[0].type))


@_aggregate("set_union")
def _set_union(a: Aggregate) -> Typed:
    a.require_count(1)
    value = a.arguments[0]
    if value.type.name != "array":
        raise type_error(f"set_union does not take {value.type}")
    comparisons.require_comparable(value.type.items[0])
    united = build.call("t_flatten", a.of("list", value.tree))
    return Typed(build.call("t_array_distinct", united), value.type)


@_aggregate("reduce_agg")
def _reduce_agg(a: Aggregate) -> Typed:
    # Its lambdas are read where the call is taken apart.
    raise type_error("function reduce_agg does not take these arguments")


@_aggregate("map_agg", "multimap_agg")
def _map_agg(a: Aggregate) -> Typed:
    a.require_count(2)
    key, value = a.arguments
    comparisons.require_comparable(key.type)
    pairs = a.of("list", build.row(key.tree, value.tree))
    if a.name == "map_agg":
        return Typed(build.call("t_map_of_first", pairs), t.map_of(key.type, value.type))
    kept = build.call("t_present_keys", pairs)
    return Typed(build.call("t_multimap_from_entries", kept), t.map_of(key.type, t.array(value.type)))


@_aggregate("map_union")
def _map_union(a: Aggregate) -> Typed:
    a.require_count(1)
    value = a.arguments[0]
    if value.type.name != "map":
        raise type_error(f"map_union does not take {value.type}")
    entries = build.call("t_flatten", a.of("list", build.call("t_entries", value.tree)))
    return Typed(build.call("t_map_of_first", entries), value.type)


@_aggregate("histogram")
def _histogram(a: Aggregate) -> Typed:
    a.require_count(1)
    value = a.arguments[0]
    comparisons.require_comparable(value.type)
    counted = build.cast(a.of("histogram", value.tree), t.map_of(value.type, t.BIGINT))
    return Typed(counted, t.map_of(value.type, t.BIGINT))


@_aggregate("listagg")
def _listagg(a: Aggregate) -> Typed:
    a.require_count(1, 2)
    if not a.is_ordered:
        raise type_error("listagg needs WITHIN GROUP (ORDER BY …)")
    value = coerce(a.arguments[0], t.VARCHAR, "listagg").tree
    mark = coerce(a.arguments[1], t.VARCHAR, "listagg").tree if len(a.arguments) == 2 else build.text("")
    # sqlglot makes one tuple of the arguments behind DISTINCT.
    return Typed(build.call("t_listagg", a.of("list", value), mark), t.VARCHAR)


@_aggregate("geometric_mean")
def _geometric_mean(a: Aggregate) -> Typed:
    a.require_count(1)
    value = cast(a.arguments[0], t.DOUBLE).tree
    return Typed(build.call("exp", a.of("avg", build.call("t_ln", value))), t.DOUBLE)


_MOMENTS = {
    "stddev": "stddev_samp", "stddev_samp": "stddev_samp", "stddev_pop": "stddev_pop", "variance": "var_samp",
    "var_samp": "var_samp", "var_pop": "var_pop",
}  # fmt: skip


@_aggregate("stddev", "stddev_samp", "stddev_pop", "variance", "var_samp", "var_pop")
def _moment(a: Aggregate) -> Typed:
    a.require_count(1)
    value = coerce(a.arguments[0], t.DOUBLE, a.name).tree
    return Typed(a.of(_MOMENTS[a.name], value), t.DOUBLE)


@_aggregate("kurtosis")
def _kurtosis(a: Aggregate) -> Typed:
    a.require_count(1)
    value = coerce(a.arguments[0], t.DOUBLE, a.name).tree
    # DuckDB's kurtosis of equal values is null.
    count, spread = a.of("count", value.copy()), a.of("var_pop", value.copy())
    is_flat = build.both(
        build.infix(exp.GT, count, build.number(3)), build.infix(exp.EQ, spread, build.number(0))
    )
    return Typed(build.case((is_flat, build.call("t_nan")), otherwise=a.of("kurtosis", value)), t.DOUBLE)


@_aggregate("skewness")
def _skewness(a: Aggregate) -> Typed:
    a.require_count(1)
    value = coerce(a.arguments[0], t.DOUBLE, a.name).tree
    count = build.cast(a.of("count", value.copy()), t.DOUBLE)
    return Typed(build.call("t_population_skewness", a.of("skewness", value), count), t.DOUBLE)


@_aggregate("corr", "covar_pop", "covar_samp", "regr_slope", "regr_intercept")
def _pair_moment(a: Aggregate) -> Typed:
    a.require_count(2)
    y, x = (coerce(value, t.DOUBLE, a.name).tree for value in a.arguments)
    return Typed(a.of(a.name, y, x), t.DOUBLE)


@_aggregate("bitwise_and_agg", "bitwise_or_agg", "bitwise_xor_agg")
def _bitwise(a: Aggregate) -> Typed:
    a.require_count(1)
    value = coerce(a.arguments[0], t.BIGINT, a.name).tree
    return Typed(a.of("bit_" + a.name.split("_")[1], value), t.BIGINT)


@_aggregate("approx_distinct")
def _approx_distinct(a: Aggregate) -> Typed:
    a.require_count(1, 2)
    comparisons.require_comparable(a.arguments[0].type)
    # The exact count is within every error that Trino's may have.
    return Typed(a.finish(build.call("count", exp.Distinct(expressions=[a.arguments[0].tree]))), t.BIGINT)


@_aggregate("approx_percentile")
def _approx_percentile(a: Aggregate) -> Typed:
    if len(a.arguments) != 2:
        raise unsupported("approx_percentile with weights")
    value, share = a.arguments
    if value.type.name not in (*t.INTEGERS, *t.FLOATS):
        if value.type.name != "decimal":
            raise type_error(f"approx_percentile does not take {value.type}")
        value = coerce(value, t.DOUBLE, a.name)
    result = t.BIGINT if value.type.name in t.INTEGERS else value.type
    shares = t.array(t.DOUBLE) if share.type.name == "array" else t.DOUBLE
    kind = t.array(result) if share.type.name == "array" else result
    tree = a.of("quantile_disc", value.tree, coerce(share, shares, a.name).tree)
    return Typed(build.cast(tree, kind), kind)
