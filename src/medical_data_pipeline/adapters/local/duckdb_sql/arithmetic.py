"""+ - * / % on numbers, dates, times and intervals, with the types and roundings of Trino."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, moments
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error, unsupported
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import converted, meet
from medical_data_pipeline.adapters.local.duckdb_sql.coercion import as_decimal, common_type
from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import SqlType

OPERATORS: dict[type[exp.Expr], str] = {exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%"}
_NODES: dict[str, type[exp.Binary]] = {sign: node for node, sign in OPERATORS.items()}  # type: ignore[misc]
_DATED = ("date", "timestamp", "timestamp with time zone", "time")


def combine(operator: str, left: Typed, right: Typed) -> Typed:
    """Raises: QueryRejected: Trino has no such operator for these types."""
    names = {left.type.name, right.type.name}
    if names & {*_DATED, *t.INTERVALS}:
        return _dated(operator, left, right)
    common = common_type(left.type, right.type)
    if common is None or common.name not in (*t.INTEGERS, "decimal", *t.FLOATS, "unknown"):
        raise type_error(f"operator {operator} is not defined for {left.type} and {right.type}")
    if common.name == "unknown":
        return Typed(build.NULL(), t.UNKNOWN)
    if common.name == "decimal":
        return _decimals(operator, left, right)
    (a, b), _ = meet([left, right], operator)
    if common.name in t.FLOATS:
        node = build.infix(_NODES[operator], a.tree, b.tree)
        if operator == "%":
            node = build.call("t_float_mod", a.tree, b.tree)
        return Typed(build.cast(node, common) if common.name == "real" else node, common)
    return Typed(_integers(operator, a, b), common)


def _integers(operator: str, a: Typed, b: Typed) -> exp.Expr:
    if operator not in "/%":
        return build.infix(_NODES[operator], a.tree, b.tree)
    divisor = b.tree
    if not (isinstance(right := b.literal, int) and right != 0):
        divisor = build.cast(build.call("t_not_zero", divisor), b.type)
    node = exp.IntDiv if operator == "/" else exp.Mod
    return build.infix(node, a.tree, divisor)


def negative(value: Typed) -> Typed:
    if isinstance(value.literal, int):
        # -2147483648 is an integer in DuckDB's text, but its digits alone are not.
        return Typed(build.cast(build.number(-value.literal), value.type), value.type, -value.literal)
    if value.type.name not in (*t.INTEGERS, "decimal", *t.FLOATS, *t.INTERVALS, "unknown"):
        raise type_error(f"operator - is not defined for {value.type}")
    return Typed(exp.Paren(this=exp.Neg(this=value.tree)), value.type)


def _decimals(operator: str, left: Typed, right: Typed) -> Typed:
    kinds = [as_decimal(side.type) or t.decimal(1, 0) for side in (left, right)]
    a, b = (converted(side, kind) for side, kind in zip((left, right), kinds, strict=True))
    kind = decimal_result(operator, kinds[0], kinds[1])
    if operator == "/":
        return divided(a, b, kind)
    if operator == "%":
        return Typed(build.cast(build.call("py_decimal_mod", *map(_as_text, (a, b))), kind), kind)
    if operator == "*":
        # DuckDB multiplies narrow decimals in 64 bits, also where the product has more digits.
        wide = [
            build.cast(side.tree, t.decimal(38, side.type.scale)) if kind.precision > 18 else side.tree
            for side in (a, b)
        ]
        return Typed(build.cast(build.infix(exp.Mul, *wide), kind), kind)
    sides = [build.cast(side.tree, kind) for side in (a, b)]
    return Typed(build.cast(build.infix(_NODES[operator], *sides), kind), kind)


def decimal_result(operator: str, a: SqlType, b: SqlType) -> SqlType:
    """Trino's type of a decimal operation."""
    (p1, s1), (p2, s2) = a.numbers, b.numbers
    scale = max(s1, s2)
    match operator:
        case "*":
            if s1 + s2 > 38:
                raise type_error("a decimal product has more than 38 digits after the point")
            return t.decimal(min(38, p1 + p2), s1 + s2)
        case "/":
            return t.decimal(min(38, p1 + s2 + max(0, s2 - s1)), scale)
        case "%":
            return t.decimal(min(p2 - s2, p1 - s1) + scale or 1, scale)
        case _:
            return t.decimal(min(38, max(p1 - s1, p2 - s2) + scale + 1), scale)


def divided(a: Typed, b: Typed, kind: SqlType) -> Typed:
    """The quotient of two decimals, half a unit away from zero, as `kind`."""
    (p1, s1), (p2, s2) = a.type.numbers, b.type.numbers
    shift = kind.scale - s1 + s2
    if p1 + s1 <= 18 and p1 + shift <= 36 and p2 + s2 <= 18:
        whole = [
            build.cast(build.infix(exp.Mul, side.tree, build.number(10**scale)), "HUGEINT")
            for side, scale in ((a, s1), (b, s2))
        ]
        quotient = build.call(
            "t_divide_whole", whole[0], whole[1], build.cast(build.text("1" + "0" * shift), "HUGEINT")
        )
        scaled = build.infix(exp.Mul, build.cast(quotient, "DECIMAL(38,0)"), _power(kind.scale))
        return Typed(build.cast(scaled, kind), kind)
    text = build.call("py_decimal_divide", *map(_as_text, (a, b)), build.number(kind.scale))
    return Typed(build.cast(text, kind), kind)


def _power(scale: int) -> exp.Expr:
    digits = f"0.{'0' * (scale - 1)}1" if scale else "1"
    return build.cast(build.text(digits), f"DECIMAL({max(scale, 1)},{scale})")


def _as_text(value: Typed) -> exp.Expr:
    return build.cast(value.tree, "VARCHAR")


def _dated(operator: str, left: Typed, right: Typed) -> Typed:
    a, b = left.type.name, right.type.name
    if a in t.INTERVALS and a == b and operator in "+-":
        return Typed(build.infix(_NODES[operator], left.tree, right.tree), left.type)
    if a in t.INTERVALS and operator in "*/" and b not in (*_DATED, *t.INTERVALS):
        return _scaled(operator, left, right)
    if b in t.INTERVALS and operator == "*" and a not in (*_DATED, *t.INTERVALS):
        return _scaled(operator, right, left)
    if a in _DATED and b in t.INTERVALS and operator in "+-":
        return _shifted(left, right, operator == "-")
    if b in _DATED and a in t.INTERVALS and operator == "+":
        return _shifted(right, left, False)
    if operator == "-" and a in _DATED and b in _DATED and (a == b or "time" not in (a, b)):
        return _elapsed(left, right)
    raise type_error(f"operator {operator} is not defined for {left.type} and {right.type}")


def _scaled(operator: str, interval: Typed, factor: Typed) -> Typed:
    kind = interval.type
    if factor.type.name in t.INTEGERS:
        if operator == "*":
            return Typed(build.cast(build.infix(exp.Mul, interval.tree, factor.tree), kind), kind)
        divisor = build.call("t_not_zero", factor.tree)
        return Typed(build.cast(build.infix(exp.IntDiv, interval.tree, divisor), kind), kind)
    if factor.type.name not in ("decimal", *t.FLOATS):
        raise type_error(f"an interval cannot be multiplied by {factor.type}")
    exact = build.infix(
        _NODES[operator], build.cast(interval.tree, "DOUBLE"), build.cast(factor.tree, "DOUBLE")
    )
    # Java's Math.round for days, and a cut for months.
    rounding = "round_half_up" if kind == t.DAY_TIME else "trunc"
    tree = build.call("t_" + rounding, exact) if rounding == "round_half_up" else build.call("trunc", exact)
    return Typed(build.cast(tree, kind), kind)


def _shifted(moment: Typed, interval: Typed, is_back: bool) -> Typed:
    amount = interval.tree
    if is_back:
        amount = exp.Paren(this=exp.Neg(this=amount))
    source = moment.type
    if interval.type == t.YEAR_MONTH:
        if source.name == "time":
            raise type_error("months cannot be added to a time")
        return shifted(moment, build.call("to_months", amount))
    if source.name == "date":
        days = build.call("t_whole_days", amount)
        return Typed(build.cast(build.infix(exp.Add, moment.tree, days), t.DATE), t.DATE)
    kind = SqlType(source.name, (max(source.precision, 3),), zone=source.zone)
    if source.name == "time":
        return Typed(build.call("t_shift_time", moment.tree, amount), kind)
    step = build.call("to_microseconds", build.infix(exp.Mul, amount, build.number(1000)))
    return Typed(build.infix(exp.Add, moment.tree, step), kind)


def shifted(moment: Typed, step: exp.Expr) -> Typed:
    """`moment` plus a DuckDB interval, by the clock of its zone."""
    source = moment.type
    if source.name == "timestamp with time zone":
        local = build.infix(exp.Add, moments.local_time(moment), step)
        return Typed(moments.at_zone(local, source.zone), source)
    tree = build.infix(exp.Add, moment.tree, step)
    return Typed(build.cast(tree, t.DATE) if source.name == "date" else tree, source)


def _elapsed(left: Typed, right: Typed) -> Typed:
    (a, b), common = meet([left, right], "operator -")
    if common.name == "date":
        days = build.infix(exp.Sub, a.tree, b.tree)
        return Typed(build.infix(exp.Mul, days, build.cast(build.number(86_400_000), "BIGINT")), t.DAY_TIME)
    if common.name == "unknown":
        raise unsupported("operator - on unknown values")
    counts = [build.call("epoch_us", side.tree) for side in (a, b)]
    return Typed(build.call("t_elapsed_ms", *counts), t.DAY_TIME)
