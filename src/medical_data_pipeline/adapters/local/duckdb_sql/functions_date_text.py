"""Dates and times written and read as text: patterns and ISO 8601."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build, date_formats, literals, moments, udfs_dates
from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed, type_error, unsupported
from medical_data_pipeline.adapters.local.duckdb_sql.calls import Call, function
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import coerce
from medical_data_pipeline.adapters.local.duckdb_sql.functions_datetime import digits_of, moment_of


@function("date_format")
def _date_format(call: Call) -> Typed:
    _, local, pattern = _to_be_written(call)
    return Typed(build.call("strftime", local, build.text(date_formats.from_mysql(pattern))), t.VARCHAR)


def _to_be_written(call: Call) -> tuple[Typed, exp.Expr, str]:
    """The moment that a call writes, on the clock of its zone and to the millisecond, and its format."""
    call.require_count(2)
    value, pattern = call.arguments()
    if value.type.name not in ("date", "timestamp", "timestamp with time zone"):
        raise type_error(f"{call.name} does not take {value.type}")
    format_ = _literal(call, pattern)
    return value, moments.rounded(moments.local_time(value), t.timestamp(digits_of(value)), 3), format_


def _literal(call: Call, pattern: Typed) -> str:
    if not isinstance(pattern.literal, str):
        raise unsupported(f"{call.name} with a format that is not a literal")
    return pattern.literal


@function("date_parse")
def _date_parse(call: Call) -> Typed:
    call.require_count(2)
    text, pattern = call.arguments()
    format_ = _literal(call, pattern)
    date_formats.from_mysql(format_)
    subject = coerce(text, t.VARCHAR, "date_parse").tree
    return Typed(build.call("py_date_parse", subject, build.text(format_)), t.timestamp(3))


@function("format_datetime")
def _format_datetime(call: Call) -> Typed:
    value, local, pattern = _to_be_written(call)
    written = [_written(part, local, value) for part in date_formats.joda_parts(pattern)]
    text = written[0] if written else build.text("")
    for part in written[1:]:
        text = build.infix(exp.DPipe, text, part)
    return Typed(text, t.VARCHAR)


def _written(part: date_formats.JodaPart, local: exp.Expr, value: Typed) -> exp.Expr:
    zone = value.type.zone or "UTC"
    match part.kind:
        case "strftime":
            return build.call("strftime", local.copy(), build.text(part.value))
        case "fraction":
            digits = build.call("rpad", _milliseconds(local), build.number(9), build.text("0"))
            return build.call("left", digits, build.number(int(part.value)))
        case "zone":
            return build.text(zone)
        case "short zone" if zone != "UTC":
            raise unsupported("the short name of a time zone in a date format")
        case "short zone":
            return build.text("UTC")
    offset = moments.offset_text(value) if value.type.zone else build.text("+00:00")
    return offset if part.kind == "+hh:mm" else build.call("replace", offset, build.text(":"), build.text(""))


def _milliseconds(local: exp.Expr) -> exp.Expr:
    return build.call("left", build.call("strftime", local.copy(), build.text("%f")), build.number(3))


@function("parse_datetime")
def _parse_datetime(call: Call) -> Typed:
    call.require_count(2)
    text, pattern = call.arguments()
    format_ = _literal(call, pattern)
    fields = [piece for kind, piece in date_formats.joda_tokens(format_) if kind == "field"]
    subject = coerce(text, t.VARCHAR, "parse_datetime").tree
    parsed = build.call("py_parse_datetime", subject, build.text(format_))
    kind = t.timestamp_tz(3, _read_zone(text, format_, fields))
    return Typed(build.cast(parsed, "TIMESTAMPTZ"), kind)


def _read_zone(text: Typed, pattern: str, fields: list[str]) -> str:
    """The zone that the text tells, which must be known now."""
    if not any(field[0] in "Zz" for field in fields):
        return "UTC"
    if not isinstance(text.literal, str) or "z" in fields:
        raise unsupported("a time zone that differs from row to row")
    try:
        return literals.zone_name(udfs_dates.zone_of(text.literal, pattern))
    except ValueError:
        return "UTC"  # the text is not of the pattern, which fails when it is read


@function("to_iso8601")
def _to_iso8601(call: Call) -> Typed:
    call.require_count(1)
    value = moment_of(call, 0)
    if value.type.name == "date":
        return Typed(build.cast(value.tree, "VARCHAR"), t.VARCHAR)
    if value.type.name == "time":
        raise type_error("to_iso8601 does not take a time")
    text = build.call("t_iso_text", moments.local_time(value), build.number(value.type.precision))
    if value.type.name == "timestamp":
        return Typed(text, t.VARCHAR)
    if value.type.zone == "UTC":
        return Typed(build.infix(exp.DPipe, text, build.text("Z")), t.VARCHAR)
    return Typed(build.infix(exp.DPipe, text, moments.offset_text(value)), t.VARCHAR)


@function("from_iso8601_timestamp")
def _from_iso8601(call: Call) -> Typed:
    call.require_count(1)
    text = call.argument(0)
    zone = "UTC"
    if isinstance(text.literal, str):
        written = text.literal.strip()
        tail = written[written.find("T") + 1 :] if "T" in written else ""
        sign = max(tail.find("+"), tail.find("-"))
        zone = literals.zone_name(tail[sign:]) if sign >= 0 else "UTC"
    subject = coerce(text, t.VARCHAR, call.name).tree
    # The zone of a value is known now or never: texts that differ must all be in UTC.
    name = "py_from_iso8601_timestamp" if isinstance(text.literal, str) else "py_from_iso8601_utc"
    parsed = build.cast(build.call(name, subject), "TIMESTAMPTZ")
    return Typed(parsed, t.timestamp_tz(3, zone))
