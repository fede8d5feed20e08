"""What lies under `input/` against what the ledger knows: lost events, and files put there by hand."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from threading import Event, Thread
from time import monotonic

from medical_data_pipeline.conversion.intake import IntakeService
from medical_data_pipeline.errors import PipelineError
from medical_data_pipeline.model.keys import RAW_PREFIX, is_hidden
from medical_data_pipeline.model.objects import ObjectHead
from medical_data_pipeline.ports import Clock, ObjectStore

# A file that was changed a moment ago may still be growing.
QUIET_TIME = timedelta(seconds=2)
MAX_TOGETHER = 100
_MAX_BYTES_TOGETHER = 4 << 20
# To look through very many files takes long, and must not be all that is done when nothing comes.
_IDLE_PAUSE_SHARE = 10
# But whoever drops a file does not wait for minutes, even where a busy machine made a scan slow.
_MAX_IDLE_PAUSE_S = 10.0


class Reconciler:
    """Looks through the raw zone every `period_s` seconds or more, in a thread of its own."""

    def __init__(
        self, store: ObjectStore, intake: IntakeService, clock: Clock, on_error: Callable[[str], None]
    ) -> None:
        self._store = store
        self._intake = intake
        self._clock = clock
        self._on_error = on_error
        self._known: dict[str, tuple[int, datetime]] = {}
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self, period_s: float) -> None:
        self._thread = Thread(target=self._run, args=(period_s,), name="reconciler", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Whether it has come to an end in time."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def scan(self) -> int:
        """Announce every raw object that is new or changed since the last scan; returns how many were.

        The oldest first, since the first file of a table decides what types it has.
        """
        found = 0
        for batch in self._batches():
            if self._stopping.is_set():
                break
            try:
                found += self._announced(batch)
            except PipelineError:
                found += sum(self._announced_alone(head) for head in batch)
        return found

    def _batches(self) -> Iterator[list[ObjectHead]]:
        """What is due, a little at a time: who hashes it must be able to stop, and to say what he has."""
        batch: list[ObjectHead] = []
        for head in sorted(self._changed(), key=lambda head: (head.modified_at, head.ref.key)):
            batch.append(head)
            if len(batch) >= MAX_TOGETHER or sum(each.size_bytes for each in batch) >= _MAX_BYTES_TOGETHER:
                yield batch
                batch = []
        if batch:
            yield batch

    def _changed(self) -> Iterator[ObjectHead]:
        gone = set(self._known)
        for head in self._store.list(self._intake.bucket, RAW_PREFIX):
            gone.discard(head.ref.key)
            if is_hidden(head.ref.key):
                continue
            is_known = self._known.get(head.ref.key) == _state(head)
            # A time to come is of a clock that has been set back since, or of another machine's.
            if not is_known and abs(self._clock() - head.modified_at) >= QUIET_TIME:
                yield head
        for key in gone:
            # It may have gone before it was read, and come back just as it was.
            del self._known[key]

    def _announced_alone(self, head: ObjectHead) -> int:
        try:
            return self._announced([head])
        except PipelineError as error:
            # The others must not wait for this one; the next scan looks at it again.
            self._on_error(type(error).__name__)
            return 0

    def _announced(self, batch: Sequence[ObjectHead]) -> int:
        """Uploads count too: only a scan that comes upon nothing may be followed by a long pause."""
        self._intake.announce_all([head if head.version else self._store.head(head.ref) for head in batch])
        self._known.update({head.ref.key: _state(head) for head in batch})
        return len(batch)

    def _run(self, period_s: float) -> None:
        pause_s = period_s
        while not self._stopping.wait(pause_s):
            started = monotonic()
            found = 0
            try:
                found = self.scan()
            except Exception as error:
                # Whatever it was, the thread has to be there for the next scan.
                self._on_error(type(error).__name__)
            pause_s = period_s if found else max(period_s, _idle_pause_s(monotonic() - started))


def _idle_pause_s(scan_s: float) -> float:
    return min(_MAX_IDLE_PAUSE_S, _IDLE_PAUSE_SHARE * scan_s)


def _state(head: ObjectHead) -> tuple[int, datetime]:
    return head.size_bytes, head.modified_at
