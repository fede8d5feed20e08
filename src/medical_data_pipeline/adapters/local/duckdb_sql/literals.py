"""Literals: numbers, text, dates, times, intervals and bytes, with the types Trino gives them."""

import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error, unsupported
from medical_data_pipeline.model.query import Scalar

INT_MAX, BIGINT_MAX = 2**31 - 1, 2**63 - 1
_DECIMAL = re.compile(r"([+-]?)(\d*)(?:\.(\d*))?")
_TIMESTAMP = re.compile(
    r"([+-]?\d{4,9})-(\d{1,2})-(\d{1,2})(?: (\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?)?\s*(.*)",
    re.ASCII,
)
_TIME = re.compile(r"(\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?", re.ASCII)
_OFFSET = re.compile(r"([+-])(\d{1,2}):?(\d{2})?", re.ASCII)


def whole_number(value: int) -> Typed:
    kind = t.INTEGER if -INT_MAX - 1 <= value <= INT_MAX else t.BIGINT
    if not -BIGINT_MAX - 1 <= value <= BIGINT_MAX:
        raise type_error("an integer literal is out of range")
    return Typed(build.cast(build.number(value), kind), kind, value)


def number_literal(written: str) -> Typed:
    if written.isdigit():
        return whole_number(int(written))
    if re.fullmatch(r"[\d.]+[eE][+-]?\d+", written):
        return Typed(build.cast(build.text(written), t.DOUBLE), t.DOUBLE)
    return decimal_literal(written)


def decimal_literal(written: str) -> Typed:
    """A decimal has the digits written, without leading zeros before the point."""
    match = _DECIMAL.fullmatch(written.strip())
    if match is None or not (match[2] or match[3]):
        raise type_error("a decimal literal is not of its form")
    whole, fraction = match[2].lstrip("0"), match[3] or ""
    precision = max(len(whole) + len(fraction), 1)
    if precision > 38:
        raise type_error("a decimal literal has more than 38 digits")
    kind = t.decimal(precision, len(fraction))
    return Typed(build.cast(build.text(f"{match[1]}{whole or '0'}.{fraction or '0'}"), kind), kind)


def text_literal(value: str) -> Typed:
    if "\x00" in value:
        raise unsupported("a text with a NUL character")
    return Typed(build.text(value), t.varchar(len(value)), value)


def unicode_literal(written: str) -> Typed:
    def character(match: re.Match[str]) -> str:
        return "\\" if match[0] == "\\\\" else chr(int(match[1] or match[2], 16))

    value, _ = re.subn(r"\\\\|\\\+([0-9A-Fa-f]{6})|\\([0-9A-Fa-f]{4})", character, written)
    return text_literal(value)


def bytes_literal(written: str) -> Typed:
    digits = re.sub(r"\s", "", written)
    if len(digits) % 2 or not re.fullmatch(r"[0-9A-Fa-f]*", digits):
        raise type_error("a binary literal has an even number of hexadecimal digits")
    return Typed(build.call("unhex", build.text(digits)), t.VARBINARY)


def parameter(value: Scalar, position: int) -> Typed:
    """A bound value, typed as the literal it stands for."""
    tree = exp.Parameter(this=exp.Literal.number(position))
    if value is None:
        return Typed(build.cast(tree, "INTEGER"), t.UNKNOWN)
    if isinstance(value, bool):
        kind = t.BOOLEAN
    elif isinstance(value, int):
        kind = whole_number(value).type
    elif isinstance(value, float):
        kind = t.DOUBLE
    else:
        kind = t.varchar(len(value))
    return Typed(build.cast(tree, kind), kind)


def typed_literal(kind: str, written: str) -> Typed | None:
    """`DATE '…'` and the like; None where a CAST of the text means the same."""
    match kind:
        case "DATE":
            return date_literal(written)
        case "TIMESTAMP":
            return timestamp_literal(written)
        case "TIME":
            return time_literal(written)
        case "DECIMAL":
            return decimal_literal(written)
        case "CHAR":
            return Typed(build.text(written), t.char(max(len(written), 1)))
        case _:
            return None


def date_literal(written: str) -> Typed:
    match = re.fullmatch(r"([+-]?\d{1,9})-(\d{1,2})-(\d{1,2})", written.strip(), re.ASCII)
    try:
        value = date(*map(int, match.groups())) if match else None
    except ValueError:
        value = None
    if value is None:
        raise type_error("a DATE literal is not a date from year 1 to 9999")
    return Typed(build.cast(build.text(value.isoformat()), t.DATE), t.DATE)


def timestamp_literal(written: str) -> Typed:
    moment, digits, zone = parse_timestamp(written)
    if zone is None:
        kind = t.timestamp(digits)
        return Typed(build.cast(build.text(moment.isoformat(" ")), kind), kind)
    kind = t.timestamp_tz(digits, zone)
    instant = instant_of(moment, zone).replace(tzinfo=None).isoformat(" ")
    return Typed(build.cast(build.text(instant + "+00"), kind), kind)


def parse_timestamp(written: str) -> tuple[datetime, int, str | None]:
    """Local time, digits of a second, and zone or None."""
    match = _TIMESTAMP.fullmatch(written.strip())
    if match is None:
        raise type_error("a TIMESTAMP literal is not of its form")
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    fraction = fraction or ""
    t.timestamp(len(fraction))
    try:
        moment = datetime(  # noqa: DTZ001 - local time; its zone is told beside it
            *(int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0)),
            int(fraction.ljust(6, "0")),
        )
    except ValueError:
        raise type_error("a TIMESTAMP literal is not a time from year 1 to 9999") from None
    return moment, len(fraction), zone_name(zone) if zone else None


def zone_name(written: str) -> str:
    """The zone as Trino names it: `UTC`, `+05:45`, `Asia/Kathmandu`."""
    offset = _OFFSET.fullmatch(written)
    if offset:
        hours, minutes = int(offset[2]), int(offset[3] or 0)
        if hours > 14 or minutes > 59:
            raise type_error("a time zone offset is out of range")
        return "UTC" if hours == minutes == 0 else f"{offset[1]}{hours:02}:{minutes:02}"
    if written in ("UTC", "Z", "GMT", "UCT", "Zulu", "Etc/UTC", "Etc/GMT"):
        return "UTC"
    try:
        ZoneInfo(written)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise type_error("a time zone is not known") from None
    return written


def offset_minutes(zone: str) -> int | None:
    """The minutes of a fixed offset, or None for a named zone."""
    if zone == "UTC":
        return 0
    offset = _OFFSET.fullmatch(zone)
    if offset is None:
        return None
    return (-1 if offset[1] == "-" else 1) * (int(offset[2]) * 60 + int(offset[3] or 0))


def instant_of(moment: datetime, zone: str) -> datetime:
    minutes = offset_minutes(zone)
    try:
        if minutes is not None:
            return (moment - timedelta(minutes=minutes)).replace(tzinfo=UTC)
        return moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except OverflowError:
        raise type_error("a TIMESTAMP literal is out of range") from None


def time_literal(written: str) -> Typed:
    match = _TIME.fullmatch(written.strip())
    if match is None:
        raise unsupported("this form of a TIME literal")
    hour, minute, second, fraction = match.groups()
    fraction = fraction or ""
    if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59:
        raise type_error("a TIME literal is out of range")
    kind = t.time(len(fraction))
    value = f"{int(hour):02}:{int(minute):02}:{int(second or 0):02}.{fraction.ljust(6, '0')}"
    return Typed(build.cast(build.text(value), kind), kind)


_UNITS_MS = {"DAY": 86_400_000, "HOUR": 3_600_000, "MINUTE": 60_000, "SECOND": 1000}
_ORDER = ("DAY", "HOUR", "MINUTE", "SECOND")


def interval_literal(node: exp.Interval) -> Typed:
    """`INTERVAL '2' DAY`, `INTERVAL '1-2' YEAR TO MONTH`, `INTERVAL '1 02:03' DAY TO MINUTE`."""
    sign, value = 1, node.this
    if isinstance(value, exp.Neg):
        sign, value = -1, value.this
    if not (isinstance(value, exp.Literal) and value.is_string):
        raise unsupported("an INTERVAL without a text")
    written = value.name.strip()
    if written[:1] in "+-" and written:
        sign, written = (-sign if written[0] == "-" else sign), written[1:]
    unit = node.args.get("unit")
    first = (unit.this.name if isinstance(unit, exp.IntervalSpan) else unit.name if unit else "").upper()
    last = unit.expression.name.upper() if isinstance(unit, exp.IntervalSpan) else first
    units = ("YEAR", "MONTH") if first in ("YEAR", "MONTH") else _ORDER
    if first not in units or last not in units or units.index(first) > units.index(last):
        raise type_error("an INTERVAL has one of Athena's units")
    try:
        if first in ("YEAR", "MONTH"):
            months = sign * _months(written, first, last)
            return Typed(build.cast(build.number(months), t.YEAR_MONTH), t.YEAR_MONTH, months)
        milliseconds = sign * _milliseconds(written, first, last)
    except (ValueError, KeyError, ArithmeticError):
        raise type_error("an INTERVAL literal is not of its form") from None
    return Typed(build.cast(build.number(milliseconds), t.DAY_TIME), t.DAY_TIME, milliseconds)


def _months(written: str, first: str, last: str) -> int:
    if first == last:
        return int(written) * (12 if first == "YEAR" else 1)
    years, _, months = written.partition("-")
    return int(years) * 12 + int(months or 0)


def _milliseconds(written: str, first: str, last: str) -> int:
    if first == last:
        return int(Decimal(written) * _UNITS_MS[first])
    units = _ORDER[_ORDER.index(first) : _ORDER.index(last) + 1]
    parts = [part for part in re.split(r"[ :]", written) if part]
    if len(parts) > len(units):
        raise ValueError
    return int(sum(Decimal(part) * _UNITS_MS[unit] for part, unit in zip(parts, units, strict=False)))
