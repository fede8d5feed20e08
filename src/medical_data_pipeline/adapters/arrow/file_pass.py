"""One pass over a file: blocks dealt to a fixed number of series in turn, each series worked on in order."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from threading import Condition
from typing import TypeVar

from medical_data_pipeline.adapters.arrow.blocks import Block

# Blocks always go to the same series, so a second run writes the same files.
SERIES = 2

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class Place:
    """Where a block begins in its file: data rows and physical lines before it."""

    row: int
    line: int


class Places:
    """Tells each block where it begins, once all blocks before it have said how long they are."""

    def __init__(self, first_line: int) -> None:
        self._starts = {0: Place(0, first_line)}
        self._has_failed = False
        self._changed = Condition()

    def report(self, number: int, rows: int, lines: int) -> Place:
        """Say how long block `number` is and wait to learn where it begins."""
        with self._changed:
            self._changed.wait_for(lambda: number in self._starts or self._has_failed)
            if self._has_failed:
                raise PassFailed
            start = self._starts.pop(number)
            self._starts[number + 1] = Place(start.row + rows, start.line + lines)
            self._changed.notify_all()
            return start

    def fail(self) -> None:
        """Let nobody wait for a block that will never report."""
        with self._changed:
            self._has_failed = True
            self._changed.notify_all()


class PassFailed(Exception):
    """Another block of the file failed."""


def run_pass(
    found: Iterator[Block], work: Callable[[Block], _Result], places: Places, series: int = SERIES
) -> Iterator[_Result]:
    """The results of `work` on every block, in order; a few blocks are in memory at a time."""
    # Threads of a pool start with its first block, so a file of one block starts none.
    pools: Sequence[ThreadPoolExecutor] = [ThreadPoolExecutor(1) for _ in range(series)]
    waiting: list[Future[_Result]] = []
    try:
        for block in found:
            waiting.append(pools[block.number % series].submit(_guarded, work, block, places))
            if len(waiting) > 2 * series:
                yield waiting.pop(0).result()
        while waiting:
            yield waiting.pop(0).result()
    except PassFailed:
        for future in waiting:
            error = future.exception()
            if error is not None and not isinstance(error, PassFailed):
                raise error from None
        raise
    finally:
        places.fail()
        for pool in pools:
            pool.shutdown(cancel_futures=True)


def _guarded(work: Callable[[Block], _Result], block: Block, places: Places) -> _Result:
    try:
        return work(block)
    except BaseException:
        places.fail()
        raise
