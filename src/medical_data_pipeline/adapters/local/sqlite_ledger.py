"""The ledger in one SQLite file: durable at every return, shared by threads and processes."""

import dataclasses
import sqlite3
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import cmp_to_key, partial
from pathlib import Path
from typing import TypeVar

from medical_data_pipeline.adapters.local.sqlite_group_commit import GroupCommit
from medical_data_pipeline.adapters.local.sqlite_schema import LEDGER
from medical_data_pipeline.adapters.local.sqlite_versions import (
    BUSY_TIMEOUT_S,
    migrate,
    translated_sqlite_errors,
)
from medical_data_pipeline.errors import LoadNotFound
from medical_data_pipeline.model.arrival import Arrival, decide_arrival
from medical_data_pipeline.model.load import FINAL_STATES, Load, LoadState, RowCounts
from medical_data_pipeline.model.objects import ObjectRef, is_older
from medical_data_pipeline.ports import Ledger, LoadFilter, Step

Found = TypeVar("Found")

COLUMNS = (
    "load_id, table_name, bucket, key, version, sequencer, size_bytes, state, received_at, updated_at, "
    "rows_read, rows_loaded, rows_quarantined, reason, detail, attempts, prefix"
)
# The column names are the constant above; every value is a parameter.
SELECT = f"SELECT {COLUMNS} FROM loads"  # noqa: S608
INSERT = f"INSERT INTO loads ({COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"  # noqa: S608
MAX_IDS = 500  # SQLite takes so many parameters at least
FINAL = "('" + "','".join(sorted(state.value for state in FINAL_STATES)) + "')"
SUPERSEDE = f"UPDATE loads SET state = ?, updated_at = ? WHERE load_id = ? AND state NOT IN {FINAL}"  # noqa: S608
ADVANCE = (
    "UPDATE loads SET state = :state, updated_at = :now, reason = :reason, detail = :detail, "  # noqa: S608
    "attempts = attempts + (:state = 'received'), rows_read = coalesce(:read, rows_read), "
    "rows_loaded = coalesce(:loaded, rows_loaded), "
    "rows_quarantined = coalesce(:quarantined, rows_quarantined), "
    "prefix = coalesce(nullif(:prefix, ''), prefix) "
    f"WHERE load_id = :load_id AND state NOT IN {FINAL} AND :sequencer IN ('', sequencer)"
)


class SqliteLedger(Ledger):
    """Writers share transactions (`GroupCommit`); readers have a connection of their own and never wait."""

    def __init__(self, file: Path) -> None:
        with translated_sqlite_errors():
            self._writer = _connected(file)
            migrate(self._writer, LEDGER)
            self._reader = _connected(file)
        self._commits = GroupCommit(self._writer)
        self._read_lock = threading.Lock()

    def close(self) -> None:
        for connection in (self._writer, self._reader):
            connection.close()

    def receive(self, load: Load) -> Load:
        return self._commits.run(lambda connection: _receive(connection, load))

    def receive_many(self, loads: Sequence[Load]) -> Sequence[Load]:
        return self._commits.run(lambda connection: _receive_all(connection, loads))

    def advance(  # noqa: PLR0913 - as the port has it
        self,
        load_id: str,
        to: LoadState,
        *,
        rows: RowCounts | None = None,
        reason: str = "",
        detail: str = "",
        now: datetime,
        sequencer: str = "",
        prefix: str = "",
    ) -> bool:
        step = Step(load_id, to, now, rows, reason, detail, sequencer, prefix)
        return self._commits.run(lambda connection: _advance(connection, step))

    def advance_many(self, steps: Sequence[Step]) -> Sequence[bool]:
        wanted = {step.load_id for step in steps}
        if len(self.find_many(sorted(wanted))) < len(wanted):
            raise LoadNotFound("the ledger has no load of one of these ids")
        return self._commits.run(lambda connection: [_advance(connection, step) for step in steps])

    def find(self, load_id: str) -> Load:
        load = self._read(lambda connection: _find(connection, load_id))
        if load is None:
            raise LoadNotFound("the ledger has no load of this id")
        return load

    def find_many(self, load_ids: Sequence[str]) -> dict[str, Load]:
        parts = [load_ids[start : start + MAX_IDS] for start in range(0, len(load_ids), MAX_IDS)]
        return {load.load_id: load for part in parts for load in self._read(partial(_found, load_ids=part))}

    def latest(self, source: ObjectRef) -> Load | None:
        return self._read(lambda connection: _newest(_of_source(connection, source)))

    def latest_of(self, sources: Sequence[ObjectRef]) -> dict[ObjectRef, Load]:
        found = self._read(lambda connection: _of_sources(connection, sources))
        return {source: load for source, loads in found.items() if (load := _newest(loads)) is not None}

    def list(self, wanted: LoadFilter) -> Sequence[Load]:
        condition = (
            " WHERE (:table IS NULL OR table_name = :table) AND (:state IS NULL OR state = :state) "
            "AND (:before IS NULL OR arrival < (SELECT arrival FROM loads WHERE load_id = :before)) "
            "ORDER BY arrival DESC LIMIT :limit"
        )
        return self._read(
            lambda connection: _all(connection, SELECT + condition, dataclasses.asdict(wanted)),
        )

    def unfinished(self) -> Sequence[Load]:
        condition = " WHERE state IN ('received', 'converted') ORDER BY arrival"
        return self._read(lambda connection: _all(connection, SELECT + condition, {}))

    def counts(self) -> dict[str, int]:
        """How many loads are in each state, however many there are."""
        statement = "SELECT state, count(*) FROM loads GROUP BY state"
        return self._read(lambda connection: dict(connection.execute(statement).fetchall()))

    def next_sequencer(self, source: ObjectRef, after: str = "", came_at: datetime | None = None) -> str:
        return self._commits.run(_next_sequencer)

    def _read(self, query: Callable[[sqlite3.Connection], Found]) -> Found:
        with self._read_lock, translated_sqlite_errors():
            return query(self._reader)


def _connected(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        file, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False, cached_statements=64
    )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    file.chmod(0o600)
    return connection


def _next_sequencer(connection: sqlite3.Connection) -> str:
    statement = "UPDATE sequence SET last_given = last_given + 1 RETURNING last_given"
    return f"{connection.execute(statement).fetchall()[0][0]:020d}"


def _receive_all(connection: sqlite3.Connection, loads: Sequence[Load]) -> Sequence[Load]:
    """`_receive` for each; what is known of their sources is asked at once."""
    known = _of_sources(connection, [load.source for load in loads])
    received = []
    for load in loads:
        # Of a source that comes twice, the second has to find the first.
        of_source = known.pop(load.source, None)
        received.append(_receive(connection, load, of_source))
    return received


def _receive(connection: sqlite3.Connection, load: Load, of_source: Sequence[Load] | None = None) -> Load:
    """`of_source` are all loads of its source, or None where they have to be looked up."""
    if not load.sequencer:
        load = dataclasses.replace(load, sequencer=_next_sequencer(connection))
    if of_source is None:
        of_source = _of_source(connection, load.source)
    known = next((each for each in of_source if each.load_id == load.load_id), None)
    match decide_arrival(known, _newest(of_source), load):
        case Arrival.RECEIVE:
            _supersede_older(connection, of_source, load)
            return _record(connection, load, LoadState.RECEIVED, is_new=known is None)
        case Arrival.SUPERSEDE:
            return _record(connection, load, LoadState.SUPERSEDED, is_new=known is None)
        case Arrival.RENEW:
            connection.execute(
                "UPDATE loads SET sequencer = ? WHERE load_id = ?", (load.sequencer, load.load_id)
            )
        case Arrival.KEEP:
            pass
    return _require(_find(connection, load.load_id))


def _supersede_older(connection: sqlite3.Connection, of_source: Sequence[Load], load: Load) -> None:
    for other in of_source:
        if other.load_id != load.load_id and is_older(other.sequencer, load.sequencer):
            step = (LoadState.SUPERSEDED.value, _text(load.received_at), other.load_id)
            connection.execute(SUPERSEDE, step)


def _record(connection: sqlite3.Connection, load: Load, state: LoadState, *, is_new: bool) -> Load:
    """Content that comes again is a new arrival: it takes the newest place in every listing."""
    recorded = dataclasses.replace(
        load, state=state, rows=RowCounts(), reason="", detail="", attempts=0, prefix=""
    )
    if not is_new:
        connection.execute("DELETE FROM loads WHERE load_id = ?", (load.load_id,))
    connection.execute(INSERT, _row(recorded))
    return recorded


def _advance(connection: sqlite3.Connection, step: Step) -> bool:
    values = {
        "load_id": step.load_id,
        "state": step.to.value,
        "now": _text(step.now),
        "reason": step.reason,
        "detail": step.detail,
        "sequencer": step.sequencer,
        "prefix": step.prefix,
        "read": step.rows.read if step.rows else None,
        "loaded": step.rows.loaded if step.rows else None,
        "quarantined": step.rows.quarantined if step.rows else None,
    }
    if connection.execute(ADVANCE, values).rowcount:
        return True
    _require(_find(connection, step.load_id))
    return False


def _find(connection: sqlite3.Connection, load_id: str) -> Load | None:
    found = _all(connection, SELECT + " WHERE load_id = :load_id", {"load_id": load_id})
    return found[0] if found else None


def _found(connection: sqlite3.Connection, load_ids: Sequence[str]) -> Sequence[Load]:
    names = {f"load{number}": load_id for number, load_id in enumerate(load_ids)}
    return _all(
        connection, f"{SELECT} WHERE load_id IN ({','.join(f':{name}' for name in names)})", {**names}
    )


def _require(load: Load | None) -> Load:
    if load is None:
        raise LoadNotFound("the ledger has no load of this id")
    return load


def _of_source(connection: sqlite3.Connection, source: ObjectRef) -> Sequence[Load]:
    condition = " WHERE bucket = :bucket AND key = :key ORDER BY arrival"
    return _all(connection, SELECT + condition, {"bucket": source.bucket, "key": source.key})


def _of_sources(
    connection: sqlite3.Connection, sources: Sequence[ObjectRef]
) -> dict[ObjectRef, Sequence[Load]]:
    """All loads of each source, in the order of their arrival."""
    found: dict[ObjectRef, list[Load]] = {source: [] for source in sources}
    for bucket in {source.bucket for source in sources}:
        keys = sorted({source.key for source in sources if source.bucket == bucket})
        for start in range(0, len(keys), MAX_IDS):
            part = {f"key{number}": key for number, key in enumerate(keys[start : start + MAX_IDS])}
            marks = ",".join(f":{name}" for name in part)
            condition = f" WHERE bucket = :bucket AND key IN ({marks}) ORDER BY arrival"
            for load in _all(connection, SELECT + condition, {"bucket": bucket, **part}):
                found[load.source].append(load)
    return {**found}


def _newest(loads: Sequence[Load]) -> Load | None:
    # Sequencers are compared after padding, which SQL's own order does not do.
    return max(loads, key=BY_SEQUENCER) if loads else None


def _compared(one: Load, other: Load) -> int:
    return -1 if is_older(one.sequencer, other.sequencer) else 1


BY_SEQUENCER = cmp_to_key(_compared)


def _all(connection: sqlite3.Connection, statement: str, values: dict[str, object]) -> list[Load]:
    return [_load(row) for row in connection.execute(statement, values)]


def _row(load: Load) -> tuple[object, ...]:
    return (
        *(load.load_id, load.table, load.source.bucket, load.source.key, load.version, load.sequencer),
        *(load.size_bytes, load.state.value, _text(load.received_at), _text(load.updated_at)),
        *(load.rows.read, load.rows.loaded, load.rows.quarantined, load.reason, load.detail, load.attempts),
        load.prefix,
    )


def _load(row: tuple[str, ...]) -> Load:
    load_id, table, bucket, key, version, sequencer, size, state, received, updated, *rest = row
    read, loaded, quarantined, reason, detail, attempts, prefix = rest
    return Load(
        load_id=load_id,
        table=table,
        source=ObjectRef(bucket, key),
        version=version,
        sequencer=sequencer,
        size_bytes=int(size),
        state=LoadState(state),
        received_at=datetime.fromisoformat(received),
        updated_at=datetime.fromisoformat(updated),
        rows=RowCounts(int(read), int(loaded), int(quarantined)),
        reason=reason,
        detail=detail,
        attempts=int(attempts),
        prefix=prefix,
    )


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="microseconds")
