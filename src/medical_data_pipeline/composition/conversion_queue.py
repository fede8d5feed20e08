"""Loads that wait for their conversion: large ones one by one, small ones of one table together."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from medical_data_pipeline.model.load import Load

MAX_TOGETHER = 100
_MAX_BYTES_TOGETHER = 4 << 20
# Nobody waits for a batch to fill: it is what has come while as many as this were at work on the table.
_BATCHES_AT_ONCE = 2


class ConversionQueue:
    """First come, first served, table by table. `can_share` tells which loads may be converted together."""

    def __init__(self, can_share: Callable[[Load], bool]) -> None:
        self._can_share = can_share
        self._changed = Condition()
        self._waiting: OrderedDict[str, deque[Load]] = OrderedDict()
        self._at_work: dict[str, int] = {}

    def put(self, load: Load) -> None:
        key = load.table if self._can_share(load) else f"load {load.load_id}"
        with self._changed:
            self._waiting.setdefault(key, deque()).append(load)
            self._changed.notify()

    @contextmanager
    def taken(self, timeout_s: float) -> Iterator[list[Load]]:
        """Loads to convert together, as they were when they were put; none when none has come in time."""
        with self._changed:
            self._changed.wait_for(lambda: self._free() is not None, timeout_s)
            key = self._free()
            loads = [] if key is None else self._batch(key)
        try:
            yield loads
        finally:
            if key is not None:
                self._done(key)

    def _free(self) -> str | None:
        return next((key for key in self._waiting if self._at_work.get(key, 0) < _BATCHES_AT_ONCE), None)

    def _batch(self, key: str) -> list[Load]:
        waiting = self._waiting[key]
        batch = [waiting.popleft()]
        size_bytes = batch[0].size_bytes
        while waiting and len(batch) < MAX_TOGETHER and size_bytes < _MAX_BYTES_TOGETHER:
            batch.append(waiting.popleft())
            size_bytes += batch[-1].size_bytes
        if waiting:
            self._waiting.move_to_end(key)
        else:
            del self._waiting[key]
        self._at_work[key] = self._at_work.get(key, 0) + 1
        return batch

    def _done(self, key: str) -> None:
        with self._changed:
            self._at_work[key] -= 1
            if not self._at_work[key]:
                del self._at_work[key]
            self._changed.notify()
