"""The embedded pipeline at work: loads converted by a few threads, committed in batches by one."""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Event, Lock, Thread
from time import monotonic

from medical_data_pipeline.catalog.load_commit import CommitReport, LoadCommit
from medical_data_pipeline.composition.conversion_queue import ConversionQueue
from medical_data_pipeline.composition.happenings import Happening, Report, of_load, of_manifest, told
from medical_data_pipeline.conversion.load_conversion import Converted, LoadConversion
from medical_data_pipeline.errors import BackendError, PipelineError, StorageFull
from medical_data_pipeline.model.load import MAX_ATTEMPTS, Load, LoadState, Manifest
from medical_data_pipeline.ports import Clock, Ledger, Step

MAX_BATCH = 500
_POLL_S = 0.2
_PAUSE_S = 1.0
# Small loads mostly wait for the disk, so several go on at once; a large one fills two cores and memory.
_LARGE_BYTES = 4 << 20
_LARGE_AT_ONCE = 1
# How long a commit waits for further loads that are being converted right now: it costs the same for all, so
# the wait grows with what the last one took.
_GATHER_S = 0.02
_MAX_GATHER_S = 1.0
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
        self._to_convert = ConversionQueue(stages.conversion.can_share)
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
        for place in _by_place(self._ledger.unfinished()):
            self._resume(place)
        for thread in self._threads:
            thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Finish what is in hand and stop; the rest is in the ledger. Whether that was done in time."""
        self._stopping.set()
        deadline = monotonic() + timeout_s
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(max(0.0, deadline - monotonic()))
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def is_alive(self) -> bool:
        return all(thread.is_alive() for thread in self._threads)

    def submit(self, load: Load) -> None:
        self._busy.add()
        self._to_convert.put(load)

    def wait_settled(self, timeout_s: float) -> bool:
        """Whether all that was submitted has come to an end within `timeout_s`."""
        return self._busy.wait_idle(timeout_s)

    def _resume(self, loads: Sequence[Load]) -> None:
        """Take up loads whose conversion put what it made in one place, if it has come so far."""
        converted = [load for load in loads if load.state is LoadState.CONVERTED]
        try:
            manifests = self._conversion.manifests(converted) if converted else ()
        except PipelineError:
            again = [Step(load.load_id, LoadState.RECEIVED, self._clock()) for load in converted]
            self._ledger.advance_many(again)
            manifests, converted = (), []
        for load in loads:
            if load not in converted:
                self.submit(load)
        for manifest in manifests:
            self._busy.add()
            self._to_commit.put(manifest)

    def _convert_all(self) -> None:
        while not self._stopping.is_set():
            with self._to_convert.taken(_POLL_S) as waiting:
                loads = [load for load in waiting if self._is_taken(load)]
                if loads:
                    self._convert_taken(loads)

    def _is_taken(self, load: Load) -> bool:
        """Take a load in hand; false when another thread has it, which then looks at it once more."""
        with self._guard:
            is_free = load.load_id not in self._in_hand
            self._in_hand[load.load_id] = not is_free
        if not is_free:
            self._busy.done()
        return is_free

    def _convert_taken(self, loads: Sequence[Load]) -> None:
        try:
            found = self._ledger.find_many([load.load_id for load in loads])
            going_on = self._convert([found[load.load_id] for load in loads if load.load_id in found])
        except Exception as error:
            going_on = self._convert_later(loads, error)
        for load in loads:
            with self._guard:
                came_again = self._in_hand.pop(load.load_id)
            if came_again:
                self.submit(load)
            if load.load_id not in going_on:
                self._busy.done()

    def _convert_later(self, loads: Sequence[Load], error: Exception) -> set[str]:
        """The ledger itself failed, so nothing can be noted: loads stay what they are and are tried again."""
        for load in loads:
            self._report(Happening("conversion-postponed", load.load_id, load.table, _kind(error)))
        self._stopping.wait(_PAUSE_S)
        return self._wait_again(loads)

    def _convert(self, found: Sequence[Load]) -> set[str]:
        """Convert loads; the ids of those that go on, to the commit or to another try."""
        loads = [load for load in found if load.state is LoadState.RECEIVED]
        if not loads:
            return set()
        try:
            with self._large if loads[0].size_bytes > _LARGE_BYTES else nullcontext():
                converted = self._conversion.convert_together(loads)
        except BackendError as error:
            return self._again(loads, error)
        except Exception as error:
            if len(loads) > 1:
                # A bug must not stop the other loads: one of them alone will meet it again.
                return set().union(*(self._convert([load]) for load in loads))
            self._fail(loads[0], _kind(error))
            return set()
        return self._passed_on(loads, converted)

    def _passed_on(self, loads: Sequence[Load], converted: Converted) -> set[str]:
        for manifest in converted.manifests:
            self._report(of_manifest("converted", manifest))
            self._to_commit.put(manifest)
        for load, error in converted.failed:
            # Its text may hold a cell, so only its kind is kept.
            self._fail(load, _kind(error))
        going_on = {manifest.load_id for manifest in converted.manifests}
        known = going_on | {load.load_id for load, _ in converted.failed}
        others = [self._ledger.find(load.load_id) for load in loads if load.load_id not in known]
        for load in others:
            if load.state is not LoadState.RECEIVED:
                self._report(of_load(load))
        # Some arrived again while their former arrival was converted.
        return going_on | self._wait_again([load for load in others if load.state is LoadState.RECEIVED])

    def _again(self, loads: Sequence[Load], error: BackendError) -> set[str]:
        """Put loads back whose storage failed; after a few tries an operator has to look.

        A full disk may last, and whoever makes room should not have to do more than that.
        """
        is_full = isinstance(error, StorageFull)
        spent = [load for load in loads if load.attempts + 1 >= MAX_ATTEMPTS and not is_full]
        again = [load for load in loads if load not in spent]
        for load in spent:
            self._fail(load, str(error))
        now, detail = self._clock(), str(error)
        self._ledger.advance_many(
            [Step(load.load_id, LoadState.RECEIVED, now, detail=detail) for load in again]
        )
        tries = min(MAX_ATTEMPTS, max((load.attempts for load in again), default=0))
        self._stopping.wait(0.1 * 2**tries)
        return self._wait_again(again)

    def _wait_again(self, loads: Sequence[Load]) -> set[str]:
        for load in loads:
            self._to_convert.put(load)
        return {load.load_id for load in loads}

    def _fail(self, load: Load, detail: str) -> None:
        self._ledger.advance(
            load.load_id, LoadState.FAILED, reason="INTERNAL", detail=detail, now=self._clock()
        )
        self._report(Happening("failed", load.load_id, load.table, detail))

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
            parts = _by_shared_file(batch)
            for part in parts:
                if len(parts) > 1:
                    self._commit(part)
                for manifest in part if len(parts) == 1 else ():
                    self._convert_again(manifest, error)
        else:
            self._report_commit(done)

    def _report_commit(self, done: CommitReport) -> None:
        for event, manifests in (("committed", done.committed), ("superseded", done.superseded)):
            for manifest in manifests:
                self._report(of_manifest(event, manifest))
                self._busy.done()
        for manifest in done.outdated:
            # It ended, or arrived again, since it was converted; in the latter case it has its turn.
            self._to_convert.put(self._ledger.find(manifest.load_id))

    def _convert_again(self, manifest: Manifest, error: Exception) -> None:
        load = self._ledger.find(manifest.load_id)
        if self._load_commit.put_back(load, error, told(error)):
            self._to_convert.put(load)
            return
        self._report(of_load(self._ledger.find(load.load_id)))
        self._busy.done()

    def _commit_later(self, batch: Sequence[Manifest], error: Exception) -> None:
        """The outcome may be unknown: nothing is cleaned up, the same commit is tried again."""
        for manifest in batch:
            self._report(Happening("commit-failed", manifest.load_id, manifest.table, told(error)))
        if not self._stopping.wait(_PAUSE_S):
            for manifest in batch:
                self._to_commit.put(manifest)


def _by_place(loads: Sequence[Load]) -> list[list[Load]]:
    """Loads, oldest first, with those together whose conversion put what it made in one place."""
    places: dict[str, list[Load]] = {}
    for load in loads:
        places.setdefault(load.key_of(""), []).append(load)
    return list(places.values())


def _by_shared_file(batch: Sequence[Manifest]) -> list[list[Manifest]]:
    """A batch in parts that can be committed apart without writing files anew."""
    parts: dict[str, list[Manifest]] = {}
    for manifest in batch:
        first = next(iter((*manifest.data_files, *manifest.quarantine_files)), None)
        parts.setdefault(first.key if first else manifest.load_id, []).append(manifest)
    return list(parts.values())


def _kind(error: Exception) -> str:
    """Not its text, which may hold a cell when a library wrote it."""
    return type(error).__name__


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
