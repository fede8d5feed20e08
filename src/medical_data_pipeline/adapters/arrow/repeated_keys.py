"""Which rows of a file are followed by another with the same key, found on disk, for any number of keys."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from sqlglot import exp

from medical_data_pipeline.adapters.arrow.parquet_parts import storage_errors
from medical_data_pipeline.adapters.arrow.spilling_sql import parquet_rows, spilling_connection

_ROW = "row"


class RepeatedKeys:
    """Keys are added series by series, each series by one thread; then `rows` tells the repeated ones."""

    def __init__(self, scratch: Path, key: Sequence[str], series: int) -> None:
        self._scratch = scratch
        self._key = tuple(key)
        self._writers: list[pq.ParquetWriter | None] = [None] * series

    def add(self, series: int, rows: npt.NDArray[np.int64], table: pa.Table) -> None:
        """Add the keys of `table`, whose rows have these numbers in the file."""
        # Numbered names, so that no column of the data can be taken for ours.
        names = [_ROW, *(f"key_{number}" for number in range(len(self._key)))]
        keys = pa.table([pa.array(rows), *(table.column(name) for name in self._key)], names=names)
        with storage_errors():
            writer = self._writers[series]
            if writer is None:
                self._scratch.mkdir(exist_ok=True)
                writer = pq.ParquetWriter(self._path(series), keys.schema, compression="zstd")
                self._writers[series] = writer
            writer.write_table(keys)

    def rows(self) -> npt.NDArray[np.int64]:
        """The numbers of all rows but the last of each key, in order."""
        paths = self._close()
        if not paths:
            return np.array([], np.int64)
        row = exp.column(_ROW)
        keys = [exp.column(f"key_{number}") for number in range(len(self._key))]
        last = exp.Window(this=exp.Max(this=row.copy()), partition_by=keys)
        numbered = (
            exp.select(row, exp.alias_(last, "last_row")).from_(parquet_rows(paths)).subquery("numbered")
        )
        query = exp.select(row).from_(numbered).where(exp.LT(this=row, expression=exp.column("last_row")))
        with storage_errors(), spilling_connection(self._scratch) as connection:
            found = connection.execute(query.order_by(row).sql("duckdb")).to_arrow_table()
        return np.asarray(found.column(0).to_numpy(), np.int64)

    def close(self) -> None:
        """Let the files go, which nobody reads any more; there may be no room for their footers."""
        for writer in self._writers:
            if writer is not None:
                with suppress(OSError):
                    writer.close()

    def _close(self) -> list[Path]:
        used = [number for number, writer in enumerate(self._writers) if writer is not None]
        for writer in self._writers:
            if writer is not None:
                writer.close()
        return [self._path(number) for number in used]

    def _path(self, series: int) -> Path:
        return self._scratch / f"keys-{series}.parquet"
