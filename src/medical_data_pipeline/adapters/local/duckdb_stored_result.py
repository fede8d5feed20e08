"""A finished query's result on disk, read a page or a record batch at a time."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

import pyarrow as pa

from medical_data_pipeline.adapters.result_files.arrow_values import python_values
from medical_data_pipeline.model.query import ResultColumn, ResultPage


@dataclass(frozen=True)
class StoredResult:
    """The Arrow file at `path`. `batch_ends` are the rows before the end of each record batch."""

    path: Path
    columns: tuple[ResultColumn, ...]
    batch_ends: Sequence[int]
    size_bytes: int

    @property
    def rows(self) -> int:
        return self.batch_ends[-1] if self.batch_ends else 0

    def page(self, offset: int, max_rows: int, max_bytes: int) -> ResultPage:
        """Rows from `offset`: at most `max_rows`, fewer when they are large, at least one if there is one."""
        rows: list[tuple[object, ...]] = []
        size_bytes = 0
        for piece in self._pieces(offset, max_rows):
            if rows and size_bytes + piece.nbytes > max_bytes:
                break
            size_bytes += piece.nbytes
            rows.extend(zip(*map(python_values, piece.columns), strict=True))
        end = offset + len(rows)
        return ResultPage(self.columns, tuple(rows), end if rows and end < self.rows else None)

    def open(self) -> pa.RecordBatchFileReader:
        """The record batches, mapped and not loaded; they stay readable when the file is removed."""
        return pa.ipc.open_file(pa.memory_map(str(self.path)))

    def _pieces(self, offset: int, max_rows: int) -> Iterator[pa.RecordBatch]:
        """The record batches of the range, cut to it."""
        end = min(offset + max_rows, self.rows)
        if offset >= end:
            return
        with pa.memory_map(str(self.path)) as source, pa.ipc.open_file(source) as reader:
            index = bisect_right(self.batch_ends, offset)
            while offset < end:
                batch_end = self.batch_ends[index]
                batch = reader.get_batch(index)
                start = offset - (batch_end - batch.num_rows)
                yield batch.slice(start, end - offset)
                offset, index = batch_end, index + 1


def batch_ends(batch_rows: Sequence[int]) -> tuple[int, ...]:
    return tuple(accumulate(batch_rows))
