"""What lies under `input/` against what the ledger knows: lost events, and files put there by hand."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Event, Thread

from medical_data_pipeline.conversion.intake import IntakeService
from medical_data_pipeline.errors import PipelineError
from medical_data_pipeline.model.keys import RAW_PREFIX
from medical_data_pipeline.model.objects import ObjectHead
from medical_data_pipeline.ports import Clock, ObjectStore

# A file that was changed a moment ago may still be growing.
QUIET_TIME = timedelta(seconds=2)


class Reconciler:
    """Looks through the raw zone every `period_s` seconds, in a thread of its own."""

    def __init__(
        self, store: ObjectStore, intake: IntakeService, clock: Clock, on_error: Callable[[str], None]
    ) -> None:
        self._store = store
        self._intake = intake
        self._clock = clock
        self._on_error = on_error
        self._known: dict[str, tuple[int, object]] = {}
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
        """Announce every raw object that is new or changed since the last scan; returns how many were new.

        The oldest first, since the first file of a table decides what types it has.
        """
        found = 0
        for head in sorted(self._changed(), key=lambda head: (head.modified_at, head.ref.key)):
            if self._stopping.is_set():
                break
            try:
                found += self._announced(head)
            except PipelineError as error:
                # The others must not wait for this one; the next scan looks at it again.
                self._on_error(type(error).__name__)
            else:
                self._known[head.ref.key] = (head.size_bytes, head.modified_at)
        return found

    def _changed(self) -> Iterator[ObjectHead]:
        for head in self._store.list(self._intake.bucket, RAW_PREFIX):
            is_known = self._known.get(head.ref.key) == (head.size_bytes, head.modified_at)
            # A time to come is of a clock that has been set back since, or of another machine's.
            if not is_known and abs(self._clock() - head.modified_at) >= QUIET_TIME:
                yield head

    def _announced(self, head: ObjectHead) -> bool:
        complete = head if head.version else self._store.head(head.ref)
        return self._intake.announce(complete) is not None

    def _run(self, period_s: float) -> None:
        while not self._stopping.wait(period_s):
            try:
                self.scan()
            except Exception as error:
                # Whatever it was, the thread has to be there for the next scan.
                self._on_error(type(error).__name__)
