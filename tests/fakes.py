"""The outside world in memory: small parts that keep the promises of the ports (see tests/contract)."""

import hashlib
import shutil
import tempfile
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cmp_to_key
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow.parquet as pq

from medical_data_pipeline.errors import (
    BackendUnavailable,
    ChecksumMismatch,
    InvalidObjectRef,
    LoadNotFound,
    ObjectNotFound,
    PreconditionFailed,
    SchemaConflict,
    TableNotFound,
)
from medical_data_pipeline.model.arrival import Arrival, decide_arrival
from medical_data_pipeline.model.commit_plan import PresentLoads, plan_commit
from medical_data_pipeline.model.dataset import LoadMode
from medical_data_pipeline.model.load import FINAL_STATES, Load, LoadState, Manifest, RowCounts
from medical_data_pipeline.model.objects import ObjectHead, ObjectRef, is_older
from medical_data_pipeline.model.schema_change import plan_schema_change
from medical_data_pipeline.model.table import Snapshot, Table
from medical_data_pipeline.ports import (
    NO_CHECKSUMS,
    Checksums,
    CommitOutcome,
    ConvertedFiles,
    Ledger,
    LoadFilter,
    ObjectStore,
    TableCatalog,
)

NOON = datetime(2024, 1, 31, 12, tzinfo=UTC)


@dataclass
class FixedClock:
    """A clock that stands still until it is moved, forwards or backwards."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


@dataclass
class MemoryObjectStore(ObjectStore):
    """Objects as bytes by bucket and key."""

    clock: FixedClock = field(default_factory=FixedClock)
    _contents: dict[ObjectRef, tuple[ObjectHead, bytes]] = field(default_factory=dict)

    def put(self, ref: ObjectRef, chunks: Iterator[bytes], expected: Checksums = NO_CHECKSUMS) -> ObjectHead:
        _require_text(ref)
        content = b"".join(chunks)
        sha256, md5 = hashlib.sha256(content), hashlib.md5(content)
        if expected.sha256 not in (None, sha256.digest()) or expected.md5 not in (None, md5.digest()):
            raise ChecksumMismatch("the bytes received differ from the checksum sent with them")
        head = ObjectHead(ref, len(content), sha256.hexdigest(), self.clock())
        self._contents[ref] = (head, content)
        return head

    def open(self, ref: ObjectRef, version: str = "") -> AbstractContextManager[BinaryIO]:
        head, content = self._found(ref)
        if version not in ("", head.version):
            raise PreconditionFailed("the object has other content by now")
        return BytesIO(content)

    def head(self, ref: ObjectRef) -> ObjectHead:
        return self._found(ref)[0]

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectHead]:
        refs = [ref for ref in self._contents if ref.bucket == bucket and ref.key.startswith(prefix)]
        yield from (self._contents[ref][0] for ref in sorted(refs, key=lambda ref: ref.key.encode()))

    def delete(self, ref: ObjectRef) -> None:
        _require_text(ref)
        self._contents.pop(ref, None)

    def _found(self, ref: ObjectRef) -> tuple[ObjectHead, bytes]:
        _require_text(ref)
        if ref not in self._contents:
            raise ObjectNotFound("no object has this key")
        return self._contents[ref]


def _require_text(ref: ObjectRef) -> None:
    try:
        ref.key.encode()
    except UnicodeEncodeError:
        raise InvalidObjectRef("a key is text in UTF-8") from None


@dataclass(frozen=True)
class MemoryConvertedFiles(ConvertedFiles):
    """Converted files on their way into a store that is somewhere else."""

    store: ObjectStore
    bucket: str = "local"

    @contextmanager
    def folder(self, prefix: str) -> Iterator[Path]:
        path = Path(tempfile.mkdtemp())
        try:
            yield path
        finally:
            shutil.rmtree(path)

    def publish(self, folder: Path, prefix: str, names: Sequence[str]) -> None:
        if not all((folder / name).is_file() for name in names):
            raise BackendUnavailable("a converted file is not there")
        for name in names:
            self.store.put(ObjectRef(self.bucket, prefix + name), iter([(folder / name).read_bytes()]))


@dataclass
class MemoryLedger(Ledger):
    """Loads in the order of their arrival."""

    _loads: dict[str, Load] = field(default_factory=dict)
    _last_sequencer: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def receive(self, load: Load) -> Load:
        with self._lock:
            load = load if load.sequencer else replace(load, sequencer=self.next_sequencer(load.source))
            known, latest = self._loads.get(load.load_id), self.latest(load.source)
            match decide_arrival(known, latest, load):
                case Arrival.RECEIVE:
                    self._supersede_older(load)
                    self._record(load, LoadState.RECEIVED)
                case Arrival.SUPERSEDE:
                    self._record(load, LoadState.SUPERSEDED)
                case Arrival.RENEW:
                    known = self._loads[load.load_id]
                    self._loads[load.load_id] = replace(known, sequencer=load.sequencer)
                case Arrival.KEEP:
                    pass
            return self._loads[load.load_id]

    def advance(
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
        with self._lock:
            load = self.find(load_id)
            if load.state in FINAL_STATES or sequencer not in ("", load.sequencer):
                return False
            attempts = load.attempts + (to is LoadState.RECEIVED)
            moved = replace(load, state=to, reason=reason, detail=detail, updated_at=now, attempts=attempts)
            self._loads[load_id] = replace(moved, rows=rows or load.rows, prefix=prefix or load.prefix)
            return True

    def find(self, load_id: str) -> Load:
        if load_id not in self._loads:
            raise LoadNotFound("the ledger has no load of this id")
        return self._loads[load_id]

    def find_many(self, load_ids: Sequence[str]) -> dict[str, Load]:
        return {load_id: self._loads[load_id] for load_id in load_ids if load_id in self._loads}

    def latest(self, source: ObjectRef) -> Load | None:
        of_source = [load for load in self._loads.values() if load.source == source]
        return max(of_source, key=cmp_to_key(_by_sequencer), default=None)

    def list(self, wanted: LoadFilter) -> Sequence[Load]:
        with self._lock:
            newest_first = list(reversed(self._loads.values()))
        if wanted.before is not None:
            ids = [load.load_id for load in newest_first]
            newest_first = newest_first[ids.index(wanted.before) + 1 :] if wanted.before in ids else []
        return [
            load
            for load in newest_first
            if wanted.table in (None, load.table) and wanted.state in (None, load.state)
        ][: wanted.limit]

    def unfinished(self) -> Sequence[Load]:
        with self._lock:
            return [load for load in self._loads.values() if load.state not in FINAL_STATES]

    def next_sequencer(self, source: ObjectRef, after: str = "", came_at: datetime | None = None) -> str:
        with self._lock:
            self._last_sequencer += 1
            return f"{self._last_sequencer:020d}"

    def _record(self, load: Load, state: LoadState) -> None:
        self._loads.pop(load.load_id, None)
        self._loads[load.load_id] = replace(
            load, state=state, rows=RowCounts(), reason="", detail="", attempts=0, prefix=""
        )

    def _supersede_older(self, load: Load) -> None:
        for other in self.unfinished():
            if other.source == load.source and is_older(other.sequencer, load.sequencer):
                superseded = replace(other, state=LoadState.SUPERSEDED, updated_at=load.received_at)
                self._loads[other.load_id] = superseded


def _by_sequencer(one: Load, other: Load) -> int:
    return -1 if is_older(one.sequencer, other.sequencer) else 1


TakenRow = tuple[str, tuple[Any, ...]]
"""A load, and the key of a row of it."""


@dataclass(frozen=True)
class _State:
    """A table at one snapshot: what it is, the loads that are in, and their rows that other loads took."""

    table: Table
    loads: dict[str, Manifest]
    taken: frozenset[TakenRow]


@dataclass
class MemoryTableCatalog(TableCatalog):
    """Tables as the manifests they are made of; every commit of something new is a snapshot.

    Rows are looked at only for the keys of UPSERT.
    """

    store: ObjectStore
    clock: FixedClock = field(default_factory=FixedClock)
    _states: dict[str, list[_State]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, table: str) -> Table:
        return self._now(table).table

    def list(self) -> Sequence[str]:
        return sorted(self._states)

    def loads(self, table: str) -> Sequence[Manifest]:
        """The loads whose rows readers see."""
        return list(self._now(table).loads.values())

    def commit(self, table: str, manifests: Sequence[Manifest]) -> CommitOutcome:
        self.require_fits(table, manifests)
        is_by_key = any(manifest.mode is LoadMode.UPSERT for manifest in manifests)
        batches = [[manifest] for manifest in manifests] if is_by_key else [manifests]
        with self._lock:
            outcomes = [self._commit(table, batch) for batch in batches]
        return CommitOutcome(
            tuple(load_id for outcome in outcomes for load_id in outcome.committed),
            tuple(load_id for outcome in outcomes for load_id in outcome.superseded),
        )

    def taken(self, table: str) -> frozenset[TakenRow]:
        """The rows of loads that readers do not see, since another load has their key."""
        return self._now(table).taken

    def _commit(self, table: str, manifests: Sequence[Manifest]) -> CommitOutcome:
        loads = self._states[table][-1].loads if table in self._states else {}
        files = {load: frozenset(file.key for file in loads[load].data_files) for load in loads}
        plan = plan_commit(manifests, PresentLoads(files, lambda load_id: loads[load_id].sequencer))
        if plan.added or plan.removed & loads.keys():
            kept = {load_id: load for load_id, load in loads.items() if load_id not in plan.removed}
            before = self._states[table][-1].taken if table in self._states else frozenset[TakenRow]()
            taken = {row for row in before if row[0] in kept}
            for late in (each for each in plan.added if each.mode is LoadMode.UPSERT):
                taken |= self._taken_by(late, kept.values(), plan.newer, taken)
            after = kept | {manifest.load_id: manifest for manifest in plan.added}
            self._add_state(table, after, frozenset(taken), plan.added)
        return CommitOutcome(plan.committed, plan.superseded)

    def _taken_by(
        self, late: Manifest, present: Iterable[Manifest], newer: Collection[str], taken: set[TakenRow]
    ) -> set[TakenRow]:
        """What `late` takes of older loads, and what newer ones keep of it."""
        found = set[TakenRow]()
        for load in present:
            both = self._keys(late, late.upsert_key) & self._keys(load, late.upsert_key)
            both = {key for key in both if (load.load_id, key) not in taken}
            loser = late if load.load_id in newer else load
            found |= {(loser.load_id, key) for key in both}
        return found

    def _keys(self, load: Manifest, columns: Sequence[str]) -> set[tuple[Any, ...]]:
        found = set()
        for file in load.data_files:
            with self.store.open(ObjectRef(load.source.bucket, file.key)) as content:
                rows = pq.read_table(BytesIO(content.read())).to_pylist()
            found |= {tuple(row[name] for name in columns) for row in rows if row["_load_id"] == load.load_id}
        return found

    def require_fits(self, table: str, manifests: Sequence[Manifest]) -> None:
        for file in (file for manifest in manifests for file in manifest.data_files):
            if self.store.head(ObjectRef(manifests[0].source.bucket, file.key)).size_bytes != file.size_bytes:
                raise ObjectNotFound("a converted file has another size than its manifest says")
        filled = [manifest for manifest in manifests if manifest.data_files]
        known = self._states[table][-1].table if table in self._states else None
        if known and any(m.layout.partition_by != known.layout.partition_by for m in filled):
            raise SchemaConflict("the load's files are partitioned in another way than the table")
        plan_schema_change(known.columns if known else (), (manifest.columns for manifest in filled))

    def read_location(self, table: str, snapshot_id: int | None = None) -> str:
        found = self.find(table)
        if snapshot_id is not None and all(each.snapshot_id != snapshot_id for each in found.snapshots):
            raise TableNotFound("no such snapshot")
        return found.metadata_location

    def drop(self, table: str) -> None:
        self._states.pop(table, None)

    def _now(self, table: str) -> _State:
        if table not in self._states:
            raise TableNotFound(f"there is no table {table}")
        return self._states[table][-1]

    def _add_state(
        self,
        table: str,
        loads: dict[str, Manifest],
        taken: frozenset[TakenRow],
        manifests: Sequence[Manifest],
    ) -> None:
        states = self._states.setdefault(table, [])
        before = states[-1].table if states else Table(table, (), f"tables/{table}", "")
        columns = plan_schema_change(before.columns, (m.columns for m in manifests)).columns
        former = [
            replace(each, columns=before.columns)
            if each.columns is None and columns != before.columns
            else each
            for each in before.snapshots
        ]
        after = replace(
            before,
            columns=columns,
            metadata_location=f"tables/{table}/metadata/{len(states)}.json",
            snapshots=(*former, Snapshot(len(states) + 1, self.clock())),
            layout=before.layout if states else manifests[0].layout,
        )
        states.append(_State(after, loads, taken))
