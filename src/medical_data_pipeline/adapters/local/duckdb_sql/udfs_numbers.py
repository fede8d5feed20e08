"""Number functions: exact decimals, bases, shifts, distributions, and a double's text."""

import math
from decimal import ROUND_DOWN, ROUND_HALF_UP, Context, Decimal
from itertools import combinations as chosen
from itertools import pairwise
from statistics import NormalDist

from medical_data_pipeline.adapters.local.duckdb_sql.python_function import register

_WIDE = Context(prec=120)


@register("decimal_divide", "VARCHAR, VARCHAR, INTEGER -> VARCHAR")
def decimal_divide(a: str, b: str, scale: int) -> str:
    divisor = Decimal(b)
    if not divisor:
        raise ZeroDivisionError("division by zero")
    quotient = _WIDE.divide(Decimal(a), divisor)
    return f"{quotient.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP, _WIDE):f}"


@register("decimal_mod", "VARCHAR, VARCHAR -> VARCHAR")
def decimal_mod(a: str, b: str) -> str:
    return f"{_WIDE.remainder(Decimal(a), Decimal(b)):f}"


@register("round_decimal", "VARCHAR, BIGINT -> VARCHAR")
def round_decimal(text: str, places: int) -> str:
    return _quantized(text, places, ROUND_HALF_UP)


@register("truncate_decimal", "VARCHAR, BIGINT -> VARCHAR")
def truncate_decimal(text: str, places: int) -> str:
    return _quantized(text, places, ROUND_DOWN)


def _quantized(text: str, places: int, rounding: str) -> str:
    value = Decimal(text)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and places >= -exponent:
        return text
    if places < -40:
        return "0"
    return f"{value.quantize(Decimal(1).scaleb(-places), rounding, _WIDE):f}"


@register("round_double", "DOUBLE, BIGINT -> DOUBLE")
def round_double(value: float, places: int) -> float:
    if not math.isfinite(value):
        return value
    if not -400 < places < 400:
        return value if places > 0 else 0.0
    return float(Decimal(repr(value)).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP, Context(prec=1000)))


@register("double_text", "DOUBLE -> VARCHAR")
def double_text(value: float) -> str:
    return _scientific(repr(value))


@register("real_text", "VARCHAR -> VARCHAR")
def real_text(shortest: str) -> str:
    return _scientific(shortest)


def _scientific(shortest: str) -> str:
    """3.77E1: one digit before the point, and the shortest digits that tell the number."""
    if shortest in ("nan", "inf", "-inf"):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[shortest]
    if not float(shortest):
        return "-0E0" if shortest.startswith("-") else "0E0"
    sign, digits, exponent = Decimal(shortest).as_tuple()
    written = "".join(map(str, digits)).rstrip("0") or "0"
    power = len(digits) - 1 + int(exponent)
    return f"{'-' if sign else ''}{written[0]}.{written[1:] or '0'}E{power}"


_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


@register("from_base", "VARCHAR, BIGINT -> BIGINT")
def from_base(text: str, base: int) -> int:
    if not 2 <= base <= 36 or not text or "_" in text or text.strip() != text:
        raise ValueError("not a number of this base")
    value = int(text, base)
    if not -(2**63) <= value < 2**63:
        raise ValueError("out of range")
    return value


@register("to_base", "BIGINT, BIGINT -> VARCHAR")
def to_base(value: int, base: int) -> str:
    if not 2 <= base <= 36:
        raise ValueError("radix must be between 2 and 36")
    digits, rest = "", abs(value)
    while rest:
        rest, digit = divmod(rest, base)
        digits = _DIGITS[digit] + digits
    return ("-" if value < 0 else "") + (digits or "0")


def _signed(value: int, bits: int) -> int:
    value &= (1 << bits) - 1
    return value - (1 << bits) if value >> (bits - 1) else value


@register("left_shift", "BIGINT, BIGINT, BIGINT -> BIGINT")
def left_shift(value: int, places: int, bits: int) -> int:
    return _signed(value << places, bits) if 0 <= places < bits else 0


@register("right_shift", "BIGINT, BIGINT, BIGINT -> BIGINT")
def right_shift(value: int, places: int, bits: int) -> int:
    return _signed((value & ((1 << bits) - 1)) >> places, bits) if 0 <= places < bits else 0


@register("right_shift_arithmetic", "BIGINT, BIGINT, BIGINT -> BIGINT")
def right_shift_arithmetic(value: int, places: int, bits: int) -> int:
    return value >> (places if 0 <= places < bits else bits)


@register("width_bucket", "DOUBLE, DOUBLE, DOUBLE, BIGINT -> BIGINT")
def width_bucket(value: float, low: float, high: float, count: int) -> int:
    if count <= 0 or not all(map(math.isfinite, (low, high))) or math.isnan(value) or low == high:
        raise ValueError("bounds or count are out of range")
    if math.isinf(value):
        return count + 1 if (value > 0) == (low < high) else 0
    lower, upper = min(low, high), max(low, high)
    if value < lower:
        bucket = 0
    elif value >= upper:
        bucket = count + 1
    else:
        bucket = int(count * (value - lower) / (upper - lower) + 1)
    return count - bucket + 1 if low > high else bucket


@register("width_bucket_of", "DOUBLE, DOUBLE[] -> BIGINT")
def width_bucket_of(value: float, bins: list[float | None]) -> int:
    edges = [edge for edge in bins if edge is not None and math.isfinite(edge)]
    if not bins or len(edges) != len(bins) or math.isnan(value):
        raise ValueError("bins are out of range")
    if any(a >= b for a, b in pairwise(edges)):
        raise ValueError("bin values are not sorted in ascending order")
    return sum(1 for edge in edges if value >= edge)


@register("combinations", "BIGINT, BIGINT -> BIGINT[][]")
def combinations(size: int, count: int) -> list[list[int]]:
    if not 0 <= count <= 5 or math.comb(size, count) > 100_000:
        raise ValueError("combinations are out of range")
    return [list(positions) for positions in chosen(range(1, size + 1), count)]


@register("normal_cdf", "DOUBLE, DOUBLE, DOUBLE -> DOUBLE")
def normal_cdf(mean: float, deviation: float, value: float) -> float:
    if not deviation > 0:
        raise ValueError("standard deviation must be > 0")
    return 0.5 * (1 + math.erf((value - mean) / (deviation * math.sqrt(2))))


@register("inverse_normal_cdf", "DOUBLE, DOUBLE, DOUBLE -> DOUBLE")
def inverse_normal_cdf(mean: float, deviation: float, share: float) -> float:
    if not 0 < share < 1 or not deviation > 0:
        raise ValueError("p must be between 0 and 1, the standard deviation > 0")
    return NormalDist(mean, deviation).inv_cdf(share)


@register("beta_cdf", "DOUBLE, DOUBLE, DOUBLE -> DOUBLE")
def beta_cdf(a: float, b: float, value: float) -> float:
    if not (a > 0 and b > 0 and 0 <= value <= 1):
        raise ValueError("a and b must be > 0, the value between 0 and 1")
    return _beta(a, b, value)


def _beta(a: float, b: float, x: float) -> float:
    """The regularized incomplete beta function, by its continued fraction."""
    if x in (0, 1):
        return x
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta(b, a, 1 - x)
    front = (
        math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
        / a
    )
    f, c, d = 1.0, 1.0, 0.0
    for step in range(400):
        m = step // 2
        if step == 0:
            numerator = 1.0
        elif step % 2 == 0:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + numerator * d or 1e-300)
        c = 1 + numerator / c or 1e-300
        f *= c * d
        if abs(1 - c * d) < 1e-16:
            break
    return front * (f - 1)


@register("inverse_beta_cdf", "DOUBLE, DOUBLE, DOUBLE -> DOUBLE")
def inverse_beta_cdf(a: float, b: float, share: float) -> float:
    if not (a > 0 and b > 0 and 0 <= share <= 1):
        raise ValueError("a and b must be > 0, p between 0 and 1")
    if share in (0, 1):
        return share
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if _beta(a, b, middle) < share else (low, middle)
    return (low + high) / 2


@register("t_cdf", "DOUBLE, DOUBLE -> DOUBLE")
def t_cdf(x: float, freedom: float) -> float:
    if not freedom > 0:
        raise ValueError("degrees of freedom must be greater than 0")
    tail = 0.5 * _beta(freedom / 2, 0.5, freedom / (freedom + x * x))
    return 1 - tail if x > 0 else tail


@register("t_pdf", "DOUBLE, DOUBLE -> DOUBLE")
def t_pdf(x: float, freedom: float) -> float:
    if not freedom > 0:
        raise ValueError("degrees of freedom must be greater than 0")
    scale = math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2) - 0.5 * math.log(freedom * math.pi)
    return math.exp(scale - (freedom + 1) / 2 * math.log1p(x * x / freedom))


def _wilson(successes: int, trials: int, z: float, sign: int) -> float:
    if successes < 0 or trials <= 0 or successes > trials or z < 0:
        raise ValueError("successes, trials or z are out of range")
    p, square = successes / trials, z * z
    centre = p + square / (2 * trials)
    width = z * math.sqrt(p * (1 - p) / trials + square / (4 * trials * trials))
    return (centre + sign * width) / (1 + square / trials)


@register("wilson_lower", "BIGINT, BIGINT, DOUBLE -> DOUBLE")
def wilson_lower(successes: int, trials: int, z: float) -> float:
    return _wilson(successes, trials, z, -1)


@register("wilson_upper", "BIGINT, BIGINT, DOUBLE -> DOUBLE")
def wilson_upper(successes: int, trials: int, z: float) -> float:
    return _wilson(successes, trials, z, 1)
