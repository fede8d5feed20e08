"""Timestamps with a zone: local time and back, rounding, and the texts of times and intervals."""

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed
from medical_data_pipeline.adapters.local.duckdb_sql.literals import offset_minutes
from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import SqlType


def local_time(value: Typed) -> exp.Expr:
    """The wall clock of a timestamp with time zone; anything else as it is."""
    if value.type.name != "timestamp with time zone":
        return value.tree
    utc = build.cast(value.tree, "TIMESTAMP")
    minutes = offset_minutes(value.type.zone)
    if minutes == 0:
        return utc
    if minutes is not None:
        return build.infix(exp.Add, utc, build.call("to_minutes", build.number(minutes)))
    return build.call("timezone", build.text(value.type.zone), value.tree)


def at_zone(local: exp.Expr, zone: str) -> exp.Expr:
    """The instant at which clocks in `zone` show `local`."""
    minutes = offset_minutes(zone)
    if minutes is None:
        return build.call("timezone", build.text(zone), local)
    if minutes:
        local = build.infix(exp.Sub, local, build.call("to_minutes", build.number(minutes)))
    return build.cast(local, "TIMESTAMPTZ")


def rounded(tree: exp.Expr, source: SqlType, digits: int) -> exp.Expr:
    """`tree` with `digits` digits of a second, half a unit upwards."""
    if source.precision <= digits:
        return tree
    names = {"time": "t_round_time", "timestamp": "t_round_timestamp"}
    return build.call(names.get(source.name, "t_round_instant"), tree, build.number(10 ** (6 - digits)))


def as_text(value: Typed) -> exp.Expr:
    """As CAST(… AS varchar) writes a timestamp, with its zone if it has one."""
    text = build.call("t_timestamp_text", local_time(value), build.number(value.type.precision))
    if value.type.name == "timestamp with time zone":
        text = build.infix(exp.DPipe, text, build.text(" " + value.type.zone))
    return text


def offset_text(value: Typed) -> exp.Expr:
    """The offset of a timestamp with time zone at its instant, as `+05:45`."""
    utc = build.cast(value.copy(), "TIMESTAMP")
    return build.call("t_offset_text", build.call("t_zone_minutes", local_time(value), utc))


def text_with_offset(value: Typed) -> exp.Expr:
    """Local time, offset and zone, parted by bars."""
    text = build.call("t_timestamp_text", local_time(value), build.number(value.type.precision))
    text = build.infix(exp.DPipe, build.infix(exp.DPipe, text, build.text("|")), offset_text(value))
    return build.infix(exp.DPipe, text, build.text("|" + value.type.zone))
