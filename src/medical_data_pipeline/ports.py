"""The promises the stages rely on: `adapters/` keeps them, tests/contract checks every adapter."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from medical_data_pipeline.model.conversion import (
    LoadFiles,
    Profile,
    ReadPlan,
    Sample,
    WritePlan,
    WriteReport,
)
from medical_data_pipeline.model.load import Load, LoadState, Manifest, RowCounts
from medical_data_pipeline.model.objects import ObjectHead, ObjectRef
from medical_data_pipeline.model.query import Actor, EngineStatement, QueryStatus, ResultFormat, ResultPage
from medical_data_pipeline.model.table import Table

Clock = Callable[[], datetime]
"""The time now, aware and in UTC."""


@dataclass(frozen=True)
class Checksums:
    """What a sender says its bytes hash to, raw digests; None where it says nothing."""

    md5: bytes | None = None
    sha256: bytes | None = None


NO_CHECKSUMS = Checksums()


class ObjectStore(ABC):
    """Objects by key. Writes are whole or absent, and durable when the call returns."""

    @abstractmethod
    def put(self, ref: ObjectRef, chunks: Iterator[bytes], expected: Checksums = NO_CHECKSUMS) -> ObjectHead:
        """Store all of `chunks` or nothing, replacing what was at `ref`; durable on return.

        Raises:
            ChecksumMismatch: the bytes are not what `expected` says; nothing was changed.
            InvalidObjectRef: this store cannot hold such a key.
            StorageFull: there is no room; nothing was changed.
            BackendUnavailable: the store did not answer; read back before assuming anything.
        """

    @abstractmethod
    def open(self, ref: ObjectRef, version: str = "") -> AbstractContextManager[BinaryIO]:
        """The object's bytes, seekable; they stay the same version even if `ref` is replaced meanwhile.

        Raises:
            ObjectNotFound: no such object.
            PreconditionFailed, at the end BackendUnavailable: it is not, or no more, of `version`.
        """

    @abstractmethod
    def head(self, ref: ObjectRef) -> ObjectHead:
        """What is known of the object.

        Raises:
            ObjectNotFound: no such object.
        """

    @abstractmethod
    def list(self, bucket: str, prefix: str) -> Iterator[ObjectHead]:
        """Every object whose key starts with `prefix`, in key order; unfinished writes are not there.

        Of writes that do not come through `put` that holds as far as the store can know.
        What of `sha256` and `etag` the store would have to read the bytes to know, or to ask for one by one,
        is ""; `head` always knows the version.
        """

    @abstractmethod
    def delete(self, ref: ObjectRef) -> None:
        """Remove the object; one that is not there is no error."""


class ConvertedFiles(ABC):
    """Where conversion writes the files of a load before they are objects of the curated zone."""

    @abstractmethod
    def folder(self, prefix: str) -> AbstractContextManager[Path]:
        """A local folder for the files that shall lie under `prefix`; what is left in it unpublished goes.

        Raises:
            StorageFull, BackendUnavailable: it cannot be made.
        """

    @abstractmethod
    def publish(self, folder: Path, prefix: str, names: Sequence[str]) -> None:
        """Make the named files of `folder` objects under `prefix`, durable and in place of earlier ones.

        Raises:
            StorageFull: no room; call again after making some.
            BackendUnavailable: the outcome is unknown; call again.
        """


Guess = Callable[[Profile], WritePlan]
"""The plan as it would be if the whole file were like the part already profiled."""


class ConversionSession(ABC):
    """One file being converted: sampled, then profiled whole, then written by the plan made of its facts."""

    @abstractmethod
    def sample(self) -> Sample:
        """The start of the file.

        Raises:
            FileRefused: BAD_GZIP and its like, DECOMPRESSION_LIMIT, ZIP_MEMBERS: the packing is broken.
        """

    @abstractmethod
    def profile(self, plan: ReadPlan, guess: Guess) -> Profile:
        """The facts of every row of the file.

        An engine may ask `guess` for a plan after the first rows and write by it while it profiles the rest;
        nothing of that is visible unless `write` is then called with an equal plan.

        Raises:
            EncodingMismatch: bytes that the plan's encoding does not have.
            FileRefused: the packing turns out to be broken.
        """

    @abstractmethod
    def write(self, read: ReadPlan, plan: WritePlan) -> WriteReport:
        """Write the Parquet files of a file that was profiled with `read`; a second call replaces them.

        In a session with shared files its rows may go there instead; the report then names no files.

        Raises:
            FileRefused: TOO_MANY_BAD_ROWS; no file is left.
            StorageFull: no file is left.
        """


class SharedFiles(ABC):
    """Parquet files that several small files share: their rows tell by `_load_id` whose they are."""

    @abstractmethod
    def publish(self) -> Mapping[str, LoadFiles]:
        """Write what the sessions have put here, durable and under its names; the files with rows, by load.

        Called once, when all sessions are closed. Loads whose files have names of their own are not in it.

        Raises:
            StorageFull, BackendUnavailable: no file is left.
        """


class ConversionEngine(ABC):
    """Turns CSV into Parquet by plan. Reports facts and decides nothing."""

    @abstractmethod
    def open(
        self, content: BinaryIO, shared: SharedFiles | None = None
    ) -> AbstractContextManager[ConversionSession]:
        """Begin with a file whose bytes `content` gives, seekable, from its start.

        `shared` are files of this engine that its rows may go to, if they are few and carry their lineage.
        """

    @abstractmethod
    def share(self, directory: Path, attempt: str) -> SharedFiles:
        """Files in `directory` for the rows of several loads; `attempt` becomes part of their names."""


@dataclass(frozen=True)
class LoadFilter:
    """Which loads to list; None means any. Newest first, at most `limit`, older than load `before`."""

    table: str | None = None
    state: LoadState | None = None
    limit: int = 100
    before: str | None = None


@dataclass(frozen=True)
class Step:
    """One `Ledger.advance`."""

    load_id: str
    to: LoadState
    now: datetime
    rows: RowCounts | None = None
    reason: str = ""
    detail: str = ""
    sequencer: str = ""
    prefix: str = ""


class Ledger(ABC):
    """The state of every load. Every change is durable when the call returns."""

    @abstractmethod
    def receive(self, load: Load) -> Load:
        """Record a load in state RECEIVED and return what is recorded; the same event again changes nothing.

        A load without a sequencer is given its `next_sequencer`.

        An older load of the same source that is not final yet, or a `load` older than one already known,
        becomes SUPERSEDED in the same transaction. Known content with a newer sequencer is RECEIVED again
        if it was superseded, refused or failed, or if other content came between; otherwise only its
        sequencer moves on (`model.arrival.decide_arrival`).
        """

    def receive_many(self, loads: Sequence[Load]) -> Sequence[Load]:
        """`receive` for each in order; a ledger may make them durable together."""
        return [self.receive(load) for load in loads]

    @abstractmethod
    def advance(  # noqa: PLR0913 - one atomic change, all of it named
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
        """Move a load that is not final to `to`; false, changing nothing, if it is final already.

        Counts and a prefix that are not given stay. With a `sequencer` also false, if the load has arrived
        again since it had that one: what was done for the former arrival says nothing of the new one. To move
        a load to RECEIVED is to begin another attempt, and counts as one.

        Raises:
            LoadNotFound: no such load.
        """

    def advance_many(self, steps: Sequence[Step]) -> Sequence[bool]:
        """`advance` for each in order; a ledger may make them durable together."""
        return [self.advance(**vars(step)) for step in steps]

    @abstractmethod
    def find(self, load_id: str) -> Load:
        """Raises: LoadNotFound."""

    @abstractmethod
    def find_many(self, load_ids: Sequence[str]) -> Mapping[str, Load]:
        """Those of the loads that there are, by id."""

    @abstractmethod
    def latest(self, source: ObjectRef) -> Load | None:
        """The load of `source` with the highest sequencer, or None."""

    def latest_of(self, sources: Sequence[ObjectRef]) -> Mapping[ObjectRef, Load]:
        """`latest` of each source that has one."""
        return {source: load for source in sources if (load := self.latest(source)) is not None}

    @abstractmethod
    def list(self, wanted: LoadFilter) -> Sequence[Load]:
        """Loads, newest first."""

    @abstractmethod
    def unfinished(self) -> Sequence[Load]:
        """Every load in RECEIVED or CONVERTED, oldest first; what a restart has to finish."""

    @abstractmethod
    def next_sequencer(self, source: ObjectRef, after: str = "", came_at: datetime | None = None) -> str:
        """A sequencer for `source` greater than every one it had, also across restarts, and than `after`.

        `after` is that of some load. Where a store gives sequencers of its own, the answer is less than every
        greater one that the store will give; of sources that come after the same load, the one that came in a
        later second is then given the greater one, whichever is asked for first.
        """


@dataclass(frozen=True)
class CommitOutcome:
    """What became of each load of a batch: its rows are in (now or before), or a newer one took its place."""

    committed: tuple[str, ...]
    superseded: tuple[str, ...]


class TableReader(ABC):
    """Tables as readers see them."""

    @abstractmethod
    def find(self, table: str) -> Table:
        """The table as it is now.

        Raises:
            TableNotFound: no such table.
        """

    @abstractmethod
    def list(self) -> Sequence[str]:
        """The names of all tables, sorted, quarantine tables included."""

    @abstractmethod
    def read_location(self, table: str, snapshot_id: int | None = None) -> str:
        """Where an engine reads the table's current metadata.

        Raises:
            TableNotFound: no such table, or no such snapshot of it.
        """


class TableCatalog(TableReader):
    """Tables and their changes. A commit is atomic for one table: all of a batch, or none of it."""

    @abstractmethod
    def commit(self, table: str, manifests: Sequence[Manifest]) -> CommitOutcome:
        """Make the loads visible in one snapshot, replacing older loads of the same sources.

        Of a file that loads share, only the rows of the loads that are committed become visible.

        Creates the table if it is not there and evolves its schema by name. A load that is already in
        with the same files changes nothing, so a call may be repeated after any failure; with other files it
        was converted anew, and they take the place of its former ones.

        Raises:
            SchemaConflict: a column cannot become the table's type, or the load is partitioned in another way
                than the table; nothing was changed.
            ObjectNotFound: a converted file is gone or not the one its manifest names; nothing was changed.
            CommitConflict: another writer was faster too often; nothing was changed.
            BackendUnavailable: the outcome is unknown; call again, never clean up.
        """

    @abstractmethod
    def require_fits(self, table: str, manifests: Sequence[Manifest]) -> None:
        """Change nothing, but fail where `commit` would.

        Raises:
            SchemaConflict, ObjectNotFound: see `commit`.
        """

    @abstractmethod
    def drop(self, table: str) -> None:
        """Forget the table and its metadata; one that is not there is no error. Only `rebuild` calls it."""


class QueryEngine(ABC):
    """Runs checked statements and keeps their results for a while."""

    @abstractmethod
    def start(self, query_id: str, statement: EngineStatement) -> None:
        """Begin to run; returns at once. The same id again does nothing.

        Raises:
            QueryRejected: the engine has no faithful translation of the statement.
            LimitExceeded: too many queries are running.
            BackendUnavailable: the engine does not answer, or is draining.
        """

    @abstractmethod
    def status(self, query_id: str, wait_s: float = 0.0) -> QueryStatus:
        """How far the query is, after waiting at most `wait_s` for it to end.

        Raises:
            QueryNotFound: no such query, or its result has expired.
        """

    @abstractmethod
    def page(self, query_id: str, offset: int, max_rows: int) -> ResultPage:
        """Rows of a query that succeeded.

        Raises:
            QueryNotFound: no such query, or its result has expired.
        """

    @abstractmethod
    def export(self, query_id: str, wanted: ResultFormat) -> Iterator[bytes]:
        """The whole result as a file.

        Raises:
            QueryNotFound: no such query, or its result has expired.
        """

    @abstractmethod
    def cancel(self, query_id: str) -> None:
        """Stop the query if it still runs; its process is gone within two seconds."""


@dataclass(frozen=True)
class TableAccess:
    """What an actor may see of one table: these columns, of which `hidden_columns` only when named."""

    columns: tuple[str, ...]
    hidden_columns: frozenset[str] = frozenset()


class AccessPolicy(ABC):
    """Who may see what. Asked for every table of every query, before anything runs."""

    @abstractmethod
    def access(self, actor: Actor, table: Table) -> TableAccess | None:
        """What `actor` may see of `table`; None when it does not exist for them."""
