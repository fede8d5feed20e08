"""Functions on dates, times and intervals."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import arithmetic, build, literals, moments
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error, unsupported
from medical_data_pipeline.adapters.local.duckdb_sql.calls import Call, declare, function
from medical_data_pipeline.adapters.local.duckdb_sql.casts import cast
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import coerce, meet

_DATE_UNITS = ("day", "week", "month", "quarter", "year")
_TIME_UNITS = ("millisecond", "second", "minute", "hour")

declare(
    [
        ("from_iso8601_date", "varchar -> date", "py_from_iso8601_date"),
        ("to_milliseconds", "interval -> bigint", "t_same"),
        ("parse_duration", "varchar -> interval", "py_parse_duration"),
    ]
)

# The DuckDB part of each field, of a moment's local time.
FIELDS = {
    "year": "year",
    "quarter": "quarter",
    "month": "month",
    "week": "week",
    "week_of_year": "week",
    "day": "day",
    "day_of_month": "day",
    "day_of_week": "isodow",
    "dow": "isodow",
    "day_of_year": "dayofyear",
    "doy": "dayofyear",
    "year_of_week": "isoyear",
    "yow": "isoyear",
    "hour": "hour",
    "minute": "minute",
    "second": "second",
    "millisecond": "t_millisecond",
    "timezone_hour": "",
    "timezone_minute": "",
}
_CLOCK = ("hour", "minute", "second", "millisecond")
_INTERVAL_FIELDS = {
    "day": "t_interval_day",
    "hour": "t_interval_hour",
    "minute": "t_interval_minute",
    "second": "t_interval_second",
    "millisecond": "t_interval_millisecond",
    "year": "t_interval_year",
    "month": "t_interval_month",
}


@function(*FIELDS)
def _field(call: Call) -> Typed:
    call.require_count(1)
    return extract(call.name, call.argument(0))


def extract(field: str, value: Typed) -> Typed:
    """EXTRACT and the functions of the same names, all bigint.

    Raises:
        QueryRejected: the value has no such field.
    """
    kind = value.type.name
    if field not in FIELDS:
        raise unsupported("this field of EXTRACT")
    if kind == "unknown":
        return Typed(build.cast(build.NULL(), t.BIGINT), t.BIGINT)
    if kind in t.INTERVALS:
        is_months = field in ("year", "month")
        if field not in _INTERVAL_FIELDS or is_months != (kind == t.YEAR_MONTH.name):
            raise type_error(f"{field} is no field of {kind}")
        tree = build.call(_INTERVAL_FIELDS[field], value.tree)
    elif field.startswith("timezone"):
        if kind != "timestamp with time zone":
            raise type_error(f"{field} is no field of {kind}")
        minutes = build.call(
            "t_zone_minutes", moments.local_time(value), build.cast(value.copy(), "TIMESTAMP")
        )
        tree = build.call("t_" + field, minutes)
    elif kind in ("timestamp", "timestamp with time zone") or (kind == "date" and field not in _CLOCK):
        tree = build.call(FIELDS[field], moments.local_time(value))
    elif kind == "time" and field in _CLOCK:
        tree = build.call(FIELDS[field], value.tree)
    else:
        raise type_error(f"{field} is no field of {value.type}")
    return Typed(build.cast(tree, t.BIGINT), t.BIGINT)


def _unit(call: Call, value: Typed) -> str:
    literal = call.argument(0).literal
    if not isinstance(literal, str):
        raise unsupported(f"{call.name} with a unit that is not a literal")
    unit = literal.lower()
    allowed = {"date": _DATE_UNITS, "time": _TIME_UNITS}.get(value.type.name, (*_TIME_UNITS, *_DATE_UNITS))
    if unit not in allowed:
        raise type_error(f"{call.name} has no such unit for {value.type}")
    return unit


def moment_of(call: Call, position: int) -> Typed:
    value = call.argument(position)
    if value.type.name not in ("date", "time", "timestamp", "timestamp with time zone"):
        raise type_error(f"function {call.name} does not take {value.type}")
    return value


@function("last_day_of_month")
def _last_day_of_month(call: Call) -> Typed:
    call.require_count(1)
    value = call.argument(0)
    if value.type.name not in ("date", "timestamp", "timestamp with time zone"):
        raise type_error(f"last_day_of_month does not take {value.type}")
    return Typed(build.call("last_day", moments.local_time(value)), t.DATE)


@function("date_trunc")
def _date_trunc(call: Call) -> Typed:
    call.require_count(2)
    value = moment_of(call, 1)
    unit = _unit(call, value)
    if value.type.name == "time":
        return Typed(build.call("t_trunc_time", build.text(unit), value.tree), value.type)
    tree = build.call("date_trunc", build.text(unit), moments.local_time(value))
    if value.type.name == "date":
        return Typed(build.cast(tree, t.DATE), value.type)
    if value.type.name == "timestamp":
        return Typed(tree, value.type)
    if unit in _TIME_UNITS[:2]:
        return Typed(build.call("date_trunc", build.text(unit), value.tree), value.type)
    return Typed(moments.at_zone(tree, value.type.zone), value.type)


@function("date_add")
def _date_add(call: Call) -> Typed:
    call.require_count(3)
    value = moment_of(call, 2)
    unit = _unit(call, value)
    amount = coerce(call.argument(1), t.BIGINT, "date_add").tree
    if value.type.name == "time":
        factor = {"millisecond": 1, "second": 1000, "minute": 60_000, "hour": 3_600_000}[unit]
        scaled = build.infix(exp.Mul, amount, build.number(factor))
        moved = build.call("t_shift_time", value.tree, scaled)
        return Typed(_kept(moved, unit, value.type), value.type)
    if unit in ("day", "week", "month", "quarter", "year"):
        months = {"month": 1, "quarter": 3, "year": 12}.get(unit)
        count = build.infix(exp.Mul, amount, build.number(months or (7 if unit == "week" else 1)))
        step = build.call("to_months" if months else "to_days", build.cast(count, "INTEGER"))
        return arithmetic.shifted(value, step)
    factor = {"millisecond": 1000, "second": 10**6, "minute": 60 * 10**6, "hour": 3600 * 10**6}[unit]
    step = build.call("to_microseconds", build.infix(exp.Mul, amount, build.number(factor)))
    return Typed(_kept(build.infix(exp.Add, value.tree, step), unit, value.type), value.type)


def _kept(tree: exp.Expr, unit: str, kind: t.SqlType) -> exp.Expr:
    """The moment with the digits it had: date_add gives the type it was given."""
    source = t.SqlType(kind.name, (6,), zone=kind.zone)
    return (
        moments.rounded(tree, source, kind.precision)
        if unit == "millisecond" and kind.precision < 3
        else tree
    )


@function("date_diff")
def _date_diff(call: Call) -> Typed:
    call.require_count(3)
    zone = call.argument(1).type.zone
    (start, end), kind = meet([moment_of(call, 1), moment_of(call, 2)], "date_diff")
    unit = _unit(call, Typed(start.tree, kind))
    if kind.name == "time":
        return Typed(build.call("t_diff_time", build.text(unit), start.tree, end.tree), t.BIGINT)
    sides = [moments.local_time(Typed(s.tree, kind)) if zone else s.tree for s in (start, end)]
    # Trino counts whole units that have passed; DuckDB's date_diff counts boundaries.
    name = {"week": "t_diff_week", "quarter": "t_diff_quarter"}.get(unit)
    if name:
        return Typed(build.call(name, *sides), t.BIGINT)
    return Typed(build.call("date_sub", build.text(unit), *sides), t.BIGINT)


@function("date")
def _date(call: Call) -> Typed:
    call.require_count(1)
    return cast(call.argument(0), t.DATE)


@function("from_unixtime")
def _from_unixtime(call: Call) -> Typed:
    call.require_count(1, 2, 3)
    seconds = coerce(call.argument(0), t.DOUBLE, "from_unixtime").tree
    zone = _zone(call.argument(1)) if len(call.nodes) == 2 else "UTC"
    if len(call.nodes) == 3:
        hours, minutes = (call.argument(position).literal for position in (1, 2))
        if not isinstance(hours, int) or not isinstance(minutes, int):
            raise unsupported("a time zone that is not a literal")
        zone = _zone_of_minutes(hours * 60 + minutes)
    return Typed(build.call("t_from_unixtime", seconds), t.timestamp_tz(3, zone))


@function("to_unixtime")
def _to_unixtime(call: Call) -> Typed:
    call.require_count(1)
    value = moment_of(call, 0)
    if value.type.name == "date":
        value = Typed(build.cast(value.tree, "TIMESTAMP"), t.timestamp(3))
    if value.type.name == "time":
        raise type_error("to_unixtime does not take a time")
    micros = build.call("epoch_us", value.tree)
    return Typed(
        build.infix(exp.Div, build.cast(micros, "DOUBLE"), build.cast(build.text("1e6"), "DOUBLE")), t.DOUBLE
    )


def digits_of(value: Typed) -> int:
    return value.type.precision if value.type.numbers else 0


def _zone_of_minutes(minutes: int) -> str:
    sign = "-" if minutes < 0 else "+"
    return literals.zone_name(f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}")


def _zone(value: Typed) -> str:
    if value.type == t.DAY_TIME and isinstance(value.literal, int):
        if value.literal % 60_000:
            raise type_error("a time zone offset has hours and minutes only")
        return _zone_of_minutes(value.literal // 60_000)
    if not isinstance(value.literal, str):
        raise unsupported("a time zone that is not a literal")
    return literals.zone_name(value.literal)


@function("at_timezone", "with_timezone")
def _at_timezone(call: Call) -> Typed:
    call.require_count(2)
    value, zone = call.arguments()
    if call.name == "with_timezone":
        if value.type.name not in ("date", "timestamp"):
            raise type_error(f"with_timezone does not take {value.type}")
        local = build.cast(value.tree, "TIMESTAMP")
        kind = t.timestamp_tz(digits_of(value), _zone(zone))
        return Typed(moments.at_zone(local, kind.zone), kind)
    return in_zone(value, zone)


def in_zone(value: Typed, zone: Typed) -> Typed:
    """`value AT TIME ZONE zone`: the same instant, on another clock."""
    if value.type.name not in ("timestamp", "timestamp with time zone"):
        raise type_error(f"AT TIME ZONE does not take {value.type}")
    tree = build.cast(value.tree, "TIMESTAMPTZ") if value.type.name == "timestamp" else value.tree
    return Typed(tree, t.timestamp_tz(value.type.precision, _zone(zone)))


@function("timezone")
def _timezone(call: Call) -> Typed:
    call.require_count(1)
    value = call.argument(0)
    if value.type.name != "timestamp with time zone":
        raise type_error(f"timezone does not take {value.type}")
    return Typed(build.text(value.type.zone), t.VARCHAR)


@function("current_timezone")
def _current_timezone(call: Call) -> Typed:
    call.require_count(0)
    return Typed(build.text("UTC"), t.VARCHAR)


@function("current_timestamp")
def _current_timestamp(call: Call) -> Typed:
    call.require_count(1)
    digits = call.argument(0).literal
    if not isinstance(digits, int):
        raise type_error("current_timestamp takes a number of digits")
    return current("timestamp with time zone", digits)


@function("now")
def _now(call: Call) -> Typed:
    call.require_count(0)
    return current("timestamp with time zone", 3)


def current(kind: str, precision: int = 3) -> Typed:
    """The transaction's time, by the clock of UTC as in Athena."""
    instant = moments.rounded(build.call("now"), t.timestamp_tz(6), precision)
    match kind:
        case "date":
            return Typed(build.cast(build.call("now"), "DATE"), t.DATE)
        case "timestamp":
            return Typed(build.cast(instant, "TIMESTAMP"), t.timestamp(precision))
        case "time":
            return Typed(build.cast(build.cast(instant, "TIMESTAMP"), "TIME"), t.time(precision))
    return Typed(instant, t.timestamp_tz(precision))
