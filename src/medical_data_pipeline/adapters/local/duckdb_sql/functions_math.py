"""Mathematical, bitwise and statistical functions."""

from medical_data_pipeline.adapters.local.duckdb_sql import arithmetic, build, nested
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error, unsupported
from medical_data_pipeline.adapters.local.duckdb_sql.calls import Call, declare, function
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import coerce, meet
from medical_data_pipeline.adapters.local.duckdb_sql.comparisons import require_orderable

_OF_ONE_DOUBLE = ("cos", "sin", "tan", "cosh", "sinh", "tanh", "atan", "degrees", "radians")

declare(
    [
        *((name, "double -> double", name) for name in _OF_ONE_DOUBLE),
        ("cbrt", "double -> double", "cbrt"),
        ("exp", "double -> double", "exp"),
        ("sqrt", "double -> double", "t_sqrt"),
        ("ln", "double -> double", "t_ln"),
        ("log2", "double -> double", "t_log2"),
        ("log10", "double -> double", "t_log10"),
        ("log", "double, double -> double", "t_log"),
        ("acos", "double -> double", "t_acos"),
        ("asin", "double -> double", "t_asin"),
        ("atan2", "double, double -> double", "atan2"),
        ("pow", "double, double -> double", "pow"),
        ("power", "double, double -> double", "pow"),
        ("pi", "-> double", "pi"),
        ("e", "-> double", "t_e"),
        ("nan", "-> double", "t_nan"),
        ("infinity", "-> double", "t_infinity"),
        ("is_nan", "real -> boolean", "isnan"),
        ("is_nan", "double -> boolean", "isnan"),
        ("is_finite", "double -> boolean", "isfinite"),
        ("is_infinite", "double -> boolean", "isinf"),
        ("from_base", "varchar, bigint -> bigint", "py_from_base"),
        ("to_base", "bigint, bigint -> varchar", "py_to_base"),
        ("width_bucket", "double, double, double, bigint -> bigint", "py_width_bucket"),
        ("width_bucket", "double, array(double) -> bigint", "py_width_bucket_of"),
        ("cosine_similarity", "map(varchar, double), map(varchar, double) -> double", "t_cosine_similarity"),
        ("random", "-> double", "random"),
        ("rand", "-> double", "random"),
        ("random", "bigint -> bigint", "t_random"),
        ("rand", "bigint -> bigint", "t_random"),
        ("random", "bigint, bigint -> bigint", "t_random"),
        ("rand", "bigint, bigint -> bigint", "t_random"),
        ("beta_cdf", "double, double, double -> double", "py_beta_cdf"),
        ("inverse_beta_cdf", "double, double, double -> double", "py_inverse_beta_cdf"),
        ("t_cdf", "double, double -> double", "py_t_cdf"),
        ("t_pdf", "double, double -> double", "py_t_pdf"),
        ("normal_cdf", "double, double, double -> double", "py_normal_cdf"),
        ("inverse_normal_cdf", "double, double, double -> double", "py_inverse_normal_cdf"),
        ("wilson_interval_lower", "bigint, bigint, double -> double", "py_wilson_lower"),
        ("wilson_interval_upper", "bigint, bigint, double -> double", "py_wilson_upper"),
        ("bitwise_and", "bigint, bigint -> bigint", "t_bitwise_and"),
        ("bitwise_or", "bigint, bigint -> bigint", "t_bitwise_or"),
        ("bitwise_xor", "bigint, bigint -> bigint", "xor"),
        ("bitwise_not", "bigint -> bigint", "t_bitwise_not"),
        ("bit_count", "bigint, bigint -> bigint", "t_bit_count"),
    ]
)

_BITS = {"tinyint": 8, "smallint": 16, "integer": 32, "bigint": 64}


@function("abs")
def _absolute(call: Call) -> Typed:
    value = _number(call)
    return Typed(build.call("abs", value.tree), value.type)


@function("sign")
def _sign(call: Call) -> Typed:
    value = _number(call)
    if value.type.name in t.FLOATS:
        return Typed(build.cast(build.call("t_float_sign", value.tree), value.type), value.type)
    kind = t.decimal(1, 0) if value.type.name == "decimal" else value.type
    return Typed(build.cast(build.call("sign", value.tree), kind), kind)


@function("ceil", "ceiling", "floor")
def _ceiling(call: Call) -> Typed:
    value = _number(call)
    name = "floor" if call.name == "floor" else "ceil"
    if value.type.name != "decimal":
        is_float = value.type.name in t.FLOATS
        return Typed(build.call(name, value.tree), value.type) if is_float else value
    precision, scale = value.type.numbers
    kind = t.decimal(max(precision - scale + min(scale, 1), 1), 0)
    return Typed(build.cast(build.call(name, value.tree), kind), kind)


@function("round")
def _round(call: Call) -> Typed:
    call.require_count(1, 2)
    value = call.argument(0)
    if value.type.name == "unknown":
        return Typed(build.NULL(), t.UNKNOWN)
    _require_number(call, value)
    places = coerce(call.argument(1), t.BIGINT, "round") if len(call.nodes) == 2 else None
    if value.type.name in t.INTEGERS:
        if places is None:
            return value
        return Typed(build.cast(build.call("t_round_whole", value.tree, places.tree), value.type), value.type)
    if value.type.name in t.FLOATS:
        arguments = [value.tree, places.tree if places else build.number(0)]
        rounded = build.call("py_round_double", build.cast(arguments[0], "DOUBLE"), arguments[1])
        if value.type.name == "double" and places is None:
            rounded = build.call("t_round_double", value.copy())
        return Typed(build.cast(rounded, value.type), value.type)
    precision, scale = value.type.numbers
    if places is None:
        kind = t.decimal(max(min(38, precision - scale + min(scale, 1)), 1), 0)
        return Typed(build.cast(value.tree, kind), kind)
    kind = t.decimal(min(38, precision + 1), scale)
    literal = places.literal
    if isinstance(literal, int) and 0 <= literal < scale:
        cut = t.decimal(min(38, precision - scale + literal + 1), literal)
        return Typed(build.cast(build.cast(value.tree, cut), kind), kind)
    text = build.call("py_round_decimal", build.cast(value.tree, "VARCHAR"), places.tree)
    return Typed(build.cast(text, kind), kind)


@function("truncate")
def _truncate(call: Call) -> Typed:
    call.require_count(1, 2)
    value = call.argument(0)
    _require_number(call, value)
    if len(call.nodes) == 1:
        if value.type.name == "decimal":
            kind = t.decimal(max(value.type.precision - value.type.scale, 1), 0)
            return Typed(build.cast(build.call("trunc", value.tree), kind), kind)
        return Typed(build.call("trunc", value.tree), value.type) if value.type.name in t.FLOATS else value
    places = coerce(call.argument(1), t.BIGINT, "truncate")
    if value.type.name != "decimal":
        raise unsupported("truncate with places of a number that is not decimal")
    text = build.call("py_truncate_decimal", build.cast(value.tree, "VARCHAR"), places.tree)
    return Typed(build.cast(text, value.type), value.type)


@function("mod")
def _mod(call: Call) -> Typed:
    call.require_count(2)
    return arithmetic.combine("%", call.argument(0), call.argument(1))


@function("greatest", "least")
def _greatest(call: Call) -> Typed:
    values, kind = meet(call.arguments(), call.name)
    require_orderable(kind)
    if kind.name in t.FLOATS:
        name = "t_greatest_float" if call.name == "greatest" else "t_least_float"
        items = build.call("list_value", *(v.tree for v in values))
        return Typed(build.cast(build.call(name, items), kind), kind)
    if kind.items:
        listed = Typed(build.array(*(v.tree for v in values)), t.array(kind))
        return nested.extreme("array_max" if call.name == "greatest" else "array_min", listed)
    # DuckDB's skip nulls.
    nulls = build.either(*(build.is_null(v.copy()) for v in values))
    tree = build.call(call.name, *(v.tree for v in values))
    return Typed(build.case((build.negated(nulls), tree)), kind)


@function("bitwise_left_shift", "bitwise_right_shift", "bitwise_right_shift_arithmetic")
def _shift(call: Call) -> Typed:
    call.require_count(2)
    value, places = call.arguments()
    if value.type.name not in _BITS:
        raise type_error(f"function {call.name} does not take {value.type}")
    name = "py_" + call.name.removeprefix("bitwise_")
    bits = build.number(_BITS[value.type.name])
    places = coerce(places, t.BIGINT, call.name)
    tree = build.call(name, build.cast(value.tree, "BIGINT"), places.tree, bits)
    return Typed(build.cast(tree, value.type), value.type)


def _number(call: Call) -> Typed:
    call.require_count(1)
    value = call.argument(0)
    if value.type.name == "unknown":
        return Typed(build.cast(build.NULL(), t.DOUBLE), t.DOUBLE)
    _require_number(call, value)
    return value


def _require_number(call: Call, value: Typed) -> None:
    if value.type.name not in (*t.INTEGERS, "decimal", *t.FLOATS):
        raise type_error(f"function {call.name} does not take {value.type}")
