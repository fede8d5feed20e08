"""The embedded pipeline at work: loads converted by a few threads, committed in batches by one."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Event, Lock, Thread
from time import monotonic

from medical_data_pipeline.catalog.load_commit import CommitReport, LoadCommit
from medical_data_pipeline.composition.happenings import Happening, Report
from medical_data_pipeline.conversion.load_conversion import LoadConversion
from medical_data_pipeline.errors import BackendError, PipelineError, SchemaConflict
from medical_data_pipeline.model.load import Load, LoadState, Manifest
from medical_data_pipeline.ports import Clock, Ledger

MAX_ATTEMPTS = 5
MAX_BATCH = 500
_POLL_S = 0.2
_PAUSE_S = 1.0
# Small loads mostly wait for the disk, so several go on at once; a large one fills two cores and memory.
_LARGE_BYTES = 4 << 20
_LARGE_AT_ONCE = 1
# How long a commit waits for further loads that are being converted right now: it costs the same for all, so
# the wait grows with what the last one took.
_GATHER_S = 0.02
_MAX_GATHER_S = 0.25
_GATHER_SHARE = 3.0


@dataclass(frozen=True)
class Stages:
    """What the worker drives."""

    conversion: LoadConversion
    commit: LoadCommit
    ledger: Ledger
    clock: Clock


class LocalWorker:
    """Finishes every load the ledger knows as unfinished; `submit` says that there is one more."""

    def __init__(self, stages: Stages, report: Report, threads: int = 6) -> None:
        self._conversion = stages.conversion
        self._load_commit = stages.commit
        self._ledger = stages.ledger
        self._clock = stages.clock
        self._report = report
        self._in_hand: dict[str, bool] = {}  # by load: whether it was submitted again meanwhile
        self._guard = Lock()
        self._large = BoundedSemaphore(_LARGE_AT_ONCE)
        self._to_convert: SimpleQueue[str] = SimpleQueue()
        self._to_commit: SimpleQueue[Manifest] = SimpleQueue()
        self._gather_s = _GATHER_S
        self._stopping = Event()
        self._busy = _Busy()
        self._threads = [
            *(Thread(target=self._convert_all, name=f"conversion-{number}") for number in range(threads)),
            Thread(target=self._commit_all, name="catalog"),
        ]

    def start(self) -> None:
        """Take up what a stop, or a crash, left behind, then wait for more."""
        for load in self._ledger.unfinished():
            self._resume(load)
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> None:
        """Finish what is in hand and stop; the rest is in the ledger."""
        self._stopping.set()
        deadline = monotonic() + timeout_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - monotonic()))

    @property
    def is_alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def submit(self, load: Load) -> None:
        self._submit(load.load_id)

    def wait_settled(self, timeout_s: float) -> bool:
        """Whether all that was submitted has come to an end within `timeout_s`."""
        return self._busy.wait_idle(timeout_s)

    def _submit(self, load_id: str) -> None:
        self._busy.add()
        self._to_convert.put(load_id)

    def _resume(self, load: Load) -> None:
        if load.state is LoadState.CONVERTED:
            try:
                manifest = self._conversion.manifest(load)
            except PipelineError:
                self._ledger.advance(load.load_id, LoadState.RECEIVED, now=self._clock())
            else:
                self._busy.add()
                self._to_commit.put(manifest)
                return
        self.submit(load)

    def _convert_all(self) -> None:
        while not self._stopping.is_set():
            try:
                load_id = self._to_convert.get(timeout=_POLL_S)
            except Empty:
                continue
            if not self._is_taken(load_id):
                self._busy.done()
                continue
            try:
                goes_on = self._convert(load_id)
            except Exception as error:
                goes_on = self._convert_later(load_id, error)
            with self._guard:
                came_again = self._in_hand.pop(load_id)
            if came_again:
                self._submit(load_id)
            if not goes_on:
                self._busy.done()

    def _is_taken(self, load_id: str) -> bool:
        """Take a load in hand; false when another thread has it, which then looks at it once more."""
        with self._guard:
            if load_id in self._in_hand:
                self._in_hand[load_id] = True
                return False
            self._in_hand[load_id] = False
            return True

    def _convert_later(self, load_id: str, error: Exception) -> bool:
        """The ledger itself failed, so nothing can be noted: the load stays what it is and is tried again."""
        self._report(Happening("conversion-postponed", load_id, "", _kind(error)))
        self._stopping.wait(_PAUSE_S)
        self._to_convert.put(load_id)
        return True

    def _convert(self, load_id: str) -> bool:
        """Convert one load; true when it goes on to the commit."""
        load = self._ledger.find(load_id)
        if load.state is not LoadState.RECEIVED:
            return False
        try:
            with self._large if load.size_bytes > _LARGE_BYTES else nullcontext():
                manifest = self._conversion.convert(load)
        except BackendError as error:
            return self._again(load, error)
        except Exception as error:
            # A bug must not stop the other loads. Its text may hold a cell, so only its kind is kept.
            return self._fail(load, _kind(error))
        if manifest is None:
            if self._ledger.find(load_id).state is LoadState.RECEIVED:
                # It arrived again while its former arrival was converted.
                self._to_convert.put(load_id)
                return True
            self._report_state(load_id)
            return False
        self._report(_happening("converted", manifest))
        self._to_commit.put(manifest)
        return True

    def _again(self, load: Load, error: BackendError) -> bool:
        """Put a load back whose storage failed; after a few tries an operator has to look."""
        if load.attempts + 1 >= MAX_ATTEMPTS:
            return self._fail(load, str(error))
        self._ledger.advance(load.load_id, LoadState.RECEIVED, detail=str(error), now=self._clock())
        self._stopping.wait(min(5.0, 0.1 * 2**load.attempts))
        self._to_convert.put(load.load_id)
        return True

    def _fail(self, load: Load, detail: str) -> bool:
        self._ledger.advance(
            load.load_id, LoadState.FAILED, reason="INTERNAL", detail=detail, now=self._clock()
        )
        self._report(Happening("failed", load.load_id, load.table, detail))
        return False

    def _commit_all(self) -> None:
        while not (self._stopping.is_set() and self._to_commit.empty()):
            batch = self._gathered()
            if batch:
                started = monotonic()
                try:
                    self._commit(batch)
                except Exception as error:
                    self._commit_later(batch, error)
                self._gather_s = min(_MAX_GATHER_S, max(_GATHER_S, _GATHER_SHARE * (monotonic() - started)))

    def _gathered(self) -> list[Manifest]:
        try:
            batch = [self._to_commit.get(timeout=_POLL_S)]
        except Empty:
            return []
        deadline = monotonic() + self._gather_s
        while len(batch) < MAX_BATCH:
            is_worth_waiting = self._busy.count > len(batch)
            try:
                batch.append(
                    self._to_commit.get(timeout=max(0.0, deadline - monotonic()) if is_worth_waiting else 0)
                )
            except Empty:
                break
        return batch

    def _commit(self, batch: Sequence[Manifest]) -> None:
        """Commit a batch; where that fails load by load, so that one of them does not stop the others."""
        try:
            done = self._load_commit.commit(batch)
        except BackendError as error:
            tables = {manifest.table for manifest in batch}
            if len(tables) == 1:
                self._commit_later(batch, error)
            for table in tables if len(tables) > 1 else ():
                self._commit([manifest for manifest in batch if manifest.table == table])
        except Exception as error:
            if len(batch) == 1:
                self._convert_again(batch[0], error)
            for manifest in batch if len(batch) > 1 else ():
                self._commit([manifest])
        else:
            self._report_commit(done)

    def _report_commit(self, done: CommitReport) -> None:
        for event, manifests in (("committed", done.committed), ("superseded", done.superseded)):
            for manifest in manifests:
                self._report(_happening(event, manifest))
                self._busy.done()
        for manifest in done.outdated:
            # It ended, or arrived again, since it was converted; in the latter case it has its turn.
            self._to_convert.put(manifest.load_id)

    def _convert_again(self, manifest: Manifest, error: Exception) -> None:
        """Another load gave the table its types first, or a file was lost: read the raw file again."""
        load = self._ledger.find(manifest.load_id)
        detail = str(error) if isinstance(error, PipelineError) else _kind(error)
        if load.attempts + 1 < MAX_ATTEMPTS:
            self._ledger.advance(load.load_id, LoadState.RECEIVED, detail=detail, now=self._clock())
            self._to_convert.put(load.load_id)
            return
        is_refused = isinstance(error, SchemaConflict)
        self._ledger.advance(
            load.load_id,
            LoadState.REFUSED if is_refused else LoadState.FAILED,
            reason="SCHEMA_CONFLICT" if is_refused else "INTERNAL",
            detail=detail,
            now=self._clock(),
        )
        self._report_state(load.load_id)
        self._busy.done()

    def _commit_later(self, batch: Sequence[Manifest], error: Exception) -> None:
        """The outcome may be unknown: nothing is cleaned up, the same commit is tried again."""
        detail = str(error) if isinstance(error, PipelineError) else _kind(error)
        for manifest in batch:
            self._report(Happening("commit-failed", manifest.load_id, manifest.table, detail))
        if not self._stopping.wait(_PAUSE_S):
            for manifest in batch:
                self._to_commit.put(manifest)

    def _report_state(self, load_id: str) -> None:
        load = self._ledger.find(load_id)
        detail = f"{load.reason} {load.detail}".strip()
        self._report(Happening(load.state.value, load_id, load.table, detail))


def _kind(error: Exception) -> str:
    """Not its text, which may hold a cell when a library wrote it."""
    return type(error).__name__


def _happening(event: str, manifest: Manifest) -> Happening:
    return Happening(
        event,
        manifest.load_id,
        manifest.table,
        rows_loaded=manifest.rows.loaded,
        rows_quarantined=manifest.rows.quarantined,
    )


class _Busy:
    """How many loads are on their way."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._idle = Event()
        self._idle.set()
        self.count = 0

    def add(self) -> None:
        with self._lock:
            self.count += 1
            self._idle.clear()

    def done(self) -> None:
        with self._lock:
            self.count -= 1
            if self.count <= 0:
                self._idle.set()

    def wait_idle(self, timeout_s: float) -> bool:
        return self._idle.wait(timeout_s)
