"""The embedded pipeline at work: loads converted by a few threads, committed in batches by one."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Event, Lock, Thread
from time import monotonic

from medical_data_pipeline.catalog.registration import CatalogService
from medical_data_pipeline.conversion.intake import Milestone
from medical_data_pipeline.conversion.load_conversion import LoadConversion
from medical_data_pipeline.errors import BackendError, ObjectNotFound, PipelineError, SchemaConflict
from medical_data_pipeline.model.load import Load, LoadState, Manifest
from medical_data_pipeline.ports import Clock, Ledger, Step

MAX_ATTEMPTS = 5
MAX_BATCH = 500
_POLL_S = 0.2
# Small loads mostly wait for the disk, so several go on at once; a large one fills two cores and memory.
_LARGE_BYTES = 4 << 20
_LARGE_AT_ONCE = 1
# How long a commit waits for further loads that are being converted right now: it costs the same for all, so
# the wait grows with what the last one took.
_GATHER_S = 0.02
_MAX_GATHER_S = 0.25
_GATHER_SHARE = 3.0


@dataclass(frozen=True)
class Happening:
    """One thing that happened to a load, for the log: names and counts, never a key or a cell."""

    event: str
    load_id: str
    table: str
    detail: str = ""
    rows_loaded: int = 0
    rows_quarantined: int = 0


Report = Callable[[Happening], None]


@dataclass(frozen=True)
class Stages:
    """What the worker drives. `reached` is told of milestones, for tests that end the process there."""

    conversion: LoadConversion
    catalog: CatalogService
    ledger: Ledger
    clock: Clock
    reached: Milestone


class LocalWorker:
    """Finishes every load the ledger knows as unfinished; `submit` says that there is one more."""

    def __init__(self, stages: Stages, report: Report, threads: int = 6) -> None:
        self._conversion = stages.conversion
        self._catalog = stages.catalog
        self._ledger = stages.ledger
        self._clock = stages.clock
        self._reached = stages.reached
        self._report = report
        self._in_hand: set[str] = set()
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
        self._busy.add()
        self._to_convert.put(load.load_id)

    def wait_settled(self, timeout_s: float) -> bool:
        """Whether all that was submitted has come to an end within `timeout_s`."""
        return self._busy.wait_idle(timeout_s)

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
            finally:
                with self._guard:
                    self._in_hand.discard(load_id)
            if not goes_on:
                self._busy.done()

    def _is_taken(self, load_id: str) -> bool:
        """Take a load in hand; false when another thread has it."""
        with self._guard:
            if load_id in self._in_hand:
                return False
            self._in_hand.add(load_id)
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
            return self._fail(load, type(error).__name__)
        if manifest is None:
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
                self._commit(batch)
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
        try:
            self._register(batch)
        except SchemaConflict as conflict:
            if len(batch) > 1:
                for manifest in batch:
                    self._commit([manifest])
                return
            self._convert_again(batch[0], str(conflict))
        except Exception as error:
            self._commit_later(batch, error)

    def _register(self, batch: Sequence[Manifest]) -> None:
        outcome = self._catalog.register(batch)
        self._reached("catalog-committed")
        now = self._clock()
        superseded = set(outcome.superseded)
        steps = [
            Step(manifest.load_id, LoadState.SUPERSEDED, now, reason="SUPERSEDED")
            if manifest.load_id in superseded
            else Step(manifest.load_id, LoadState.COMMITTED, now, rows=manifest.rows)
            for manifest in batch
        ]
        self._ledger.advance_many(steps)
        self._reached("ledger-committed")
        for manifest in batch:
            event = "superseded" if manifest.load_id in superseded else "committed"
            self._report(_happening(event, manifest))
            self._busy.done()

    def _convert_again(self, manifest: Manifest, detail: str) -> None:
        """Another load gave the table its types first: read the file again, now against those."""
        load = self._ledger.find(manifest.load_id)
        if load.attempts + 1 >= MAX_ATTEMPTS:
            self._ledger.advance(
                load.load_id, LoadState.REFUSED, reason="SCHEMA_CONFLICT", detail=detail, now=self._clock()
            )
            self._report_state(load.load_id)
            self._busy.done()
            return
        self._ledger.advance(load.load_id, LoadState.RECEIVED, detail=detail, now=self._clock())
        self._to_convert.put(load.load_id)

    def _commit_later(self, batch: Sequence[Manifest], error: Exception) -> None:
        """The outcome may be unknown: nothing is cleaned up, the same commit is tried again."""
        detail = str(error) if isinstance(error, PipelineError) else type(error).__name__
        for manifest in batch:
            self._report(Happening("commit-failed", manifest.load_id, manifest.table, detail))
        if self._stopping.wait(1.0):
            return
        for manifest in batch:
            self._retry_commit(manifest)

    def _retry_commit(self, manifest: Manifest) -> None:
        try:
            load = self._ledger.find(manifest.load_id)
        except ObjectNotFound:
            self._busy.done()
            return
        if load.state is LoadState.CONVERTED:
            self._to_commit.put(manifest)
        else:
            self._busy.done()

    def _report_state(self, load_id: str) -> None:
        load = self._ledger.find(load_id)
        detail = f"{load.reason} {load.detail}".strip()
        self._report(Happening(load.state.value, load_id, load.table, detail))


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
