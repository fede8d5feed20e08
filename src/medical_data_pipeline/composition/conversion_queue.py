"""Loads that wait for their conversion: large ones one by one, small ones of one table together."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Condition

from medical_data_pipeline.model.load import Load

MAX_TOGETHER = 100
_MAX_BYTES_TOGETHER = 4 << 20


class ConversionQueue:
    """First come, first served, table by table. `can_share` tells which loads may be converted together.

    Of those one batch is at work for each table: the next is what has come meanwhile, so that nobody waits
    for a batch to fill, and the busier it gets the larger they are.
    """

    def __init__(self, can_share: Callable[[Load], bool]) -> None:
        self._can_share = can_share
        self._changed = Condition()
        self._waiting: OrderedDict[str, deque[Load]] = OrderedDict()
        self._at_work: set[str] = set()

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
        return next((key for key in self._waiting if key not in self._at_work), None)

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
        self._at_work.add(key)
        return batch

    def _done(self, key: str) -> None:
        with self._changed:
            self._at_work.discard(key)
            self._changed.notify()
