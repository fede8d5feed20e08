"""FOR TIMESTAMP AS OF and FOR VERSION AS OF: which snapshot of a table is meant."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlglot import exp

from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.table import Snapshot, Table

_UNITS = {"SECOND": 1, "MINUTE": 60, "HOUR": 3600, "DAY": 86_400, "WEEK": 604_800}
_COUNT = re.compile(r"[0-9]{1,18}")


def snapshot_of(version: exp.Version, table: Table, now: datetime) -> Snapshot:
    """Raises: QueryRejected: the table had no such state, or the form is not supported."""
    if str(version.name or version.this).upper() == "VERSION":
        return _by_id(version.expression, table)
    try:
        moment = _moment(version.expression, now)
    except OverflowError:
        raise QueryRejected("SQL_TYPE", "a moment of FOR TIMESTAMP AS OF is out of range") from None
    seen = [snapshot for snapshot in table.snapshots if snapshot.committed_at <= moment]
    if not seen:
        raise QueryRejected("SQL_UNKNOWN_OBJECT", f"table {table.name} had no snapshot at that time")
    return max(seen, key=_committed)


def _committed(snapshot: Snapshot) -> datetime:
    return snapshot.committed_at


def _by_id(node: exp.Expr, table: Table) -> Snapshot:
    value = node.expression if isinstance(node, exp.Introducer) else node
    wanted = value.name if isinstance(value, exp.Literal) else ""
    for snapshot in table.snapshots:
        if str(snapshot.snapshot_id) == wanted:
            return snapshot
    raise QueryRejected("SQL_UNKNOWN_OBJECT", f"table {table.name} has no snapshot of that version")


def _moment(node: exp.Expr, now: datetime) -> datetime:
    match node:
        case exp.Paren():
            return _moment(node.this, now)
        case exp.CurrentTimestamp():
            return now
        case exp.Anonymous() if node.name.lower() == "now":
            return now
        case exp.Introducer() if node.this.name.upper() in ("TIMESTAMP", "DATE"):
            return _read(node.expression.name)
        case exp.Add() | exp.Sub() if isinstance(node.expression, exp.Interval):
            step = _interval(node.expression)
            return _moment(node.this, now) + (step if isinstance(node, exp.Add) else -step)
    raise QueryRejected(
        "SQL_UNSUPPORTED", "FOR TIMESTAMP AS OF takes a timestamp literal or current_timestamp"
    )


def _read(written: str) -> datetime:
    parts = written.strip().rsplit(" ", 1)
    try:
        if len(parts) == 2 and parts[1][:1].isalpha():
            zone = UTC if parts[1] == "UTC" else ZoneInfo(parts[1])
            return datetime.fromisoformat(parts[0]).replace(tzinfo=zone).astimezone(UTC)
        moment = datetime.fromisoformat(written.strip().replace(" +", "+").replace(" -", "-"))
    except (ValueError, KeyError, OSError):
        moment = None
    if moment is None:
        raise QueryRejected("SQL_TYPE", "a timestamp of FOR TIMESTAMP AS OF is not of its form")
    # Athena's session is in UTC.
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _interval(node: exp.Interval) -> timedelta:
    unit = node.args.get("unit")
    seconds = _UNITS.get(unit.name.upper().removesuffix("S")) if isinstance(unit, exp.Var) else None
    if seconds is None or not _COUNT.fullmatch(node.this.name):
        raise QueryRejected("SQL_UNSUPPORTED", "this interval in FOR TIMESTAMP AS OF is not supported")
    return timedelta(seconds=int(node.this.name) * seconds)
