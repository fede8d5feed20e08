"""Parquet files that appear whole or not at all: written under a hidden name, made durable, then renamed."""

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from medical_data_pipeline.errors import BackendUnavailable, StorageFull
from medical_data_pipeline.model.conversion import WrittenFile

ROWS_A_GROUP = 120_000
_BYTES_A_GROUP = 32 << 20
_MAX_PART_BYTES = 400 << 20
# The writer keeps some kilobytes about each column of each group of rows until its file is closed.
_MAX_PART_CHUNKS = 10_000
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def storage_errors() -> Iterator[None]:
    """Turn a failing disk into one of our errors; its message may hold a path, ours does not."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise StorageFull("no room left for the converted file") from None
        raise BackendUnavailable("the storage failed while the converted file was written") from None


@dataclass(frozen=True)
class Encodings:
    """Columns with a dictionary, whole numbers that grow, and columns whose least and greatest are told."""

    dictionaries: Sequence[str]
    deltas: Sequence[str]
    bounded: Sequence[str]


class PartWriter:
    """Parquet files `<prefix>-00000.parquet` and on; the next begins when one is large enough."""

    def __init__(
        self,
        directory: Path,
        prefix: str,
        schema: pa.Schema,
        encodings: Encodings,
    ) -> None:
        self._directory = directory
        self._prefix = prefix
        self._schema = schema
        self._encodings = encodings
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._pending_bytes = 0
        self._writer: pq.ParquetWriter | None = None
        self._path = directory
        self._rows = 0
        self._chunks = 0
        self._finished: list[tuple[Path, int]] = []

    def write(self, table: pa.Table) -> None:
        """Add rows; they reach the file a row group at a time."""
        if not table.num_rows:
            return
        self._pending.append(table)
        self._pending_rows += table.num_rows
        self._pending_bytes += table.nbytes
        if self._pending_rows >= ROWS_A_GROUP or self._pending_bytes >= _BYTES_A_GROUP:
            self._flush()

    def held(self) -> Sequence[pa.Table] | None:
        """The rows while they are in memory only; None when a file has some."""
        return None if self._writer is not None or self._finished else tuple(self._pending)

    def finish(self, keep_empty: bool) -> list[WrittenFile]:
        """Make every file durable under its hidden name; `publish` gives them their real ones."""
        self._flush()
        if self._writer is None and not self._finished and keep_empty:
            self._open()
        self._close()
        return [
            WrittenFile(path.name.removeprefix("."), path.stat().st_size, rows)
            for path, rows in self._finished
        ]

    def abandon(self) -> None:
        """Leave nothing behind."""
        if self._writer is not None:
            # It would write its footer, for which there may be no room.
            with suppress(OSError):
                self._writer.close()
            self._path.unlink(missing_ok=True)
            self._writer = None
        for path, _ in self._finished:
            path.unlink(missing_ok=True)

    def _flush(self) -> None:
        if not self._pending:
            return
        table = self._pending[0] if len(self._pending) == 1 else pa.concat_tables(self._pending)
        if len(self._pending) > 1:
            table = table.unify_dictionaries()
        self._pending, self._pending_rows, self._pending_bytes = [], 0, 0
        with storage_errors():
            writer = self._writer or self._open()
            writer.write_table(table, row_group_size=table.num_rows)
            self._rows += table.num_rows
            self._chunks += table.num_columns
            _begin_to_store(self._path)
            if self._path.stat().st_size > _MAX_PART_BYTES or self._chunks > _MAX_PART_CHUNKS:
                self._close()

    def _open(self) -> pq.ParquetWriter:
        self._path = self._directory / f".{self._prefix}-{len(self._finished):05d}.parquet"
        self._rows = self._chunks = 0
        self._directory.mkdir(exist_ok=True)
        deltas = frozenset(self._encodings.deltas)
        self._writer = pq.ParquetWriter(
            self._path,
            self._schema,
            # What is packed as differences is as small as it gets; a codec would only take time over it.
            compression={name: "none" if name in deltas else "zstd" for name in self._schema.names},
            compression_level={name: 1 for name in self._schema.names if name not in deltas},
            use_dictionary=list(self._encodings.dictionaries),
            column_encoding=dict.fromkeys(deltas, "DELTA_BINARY_PACKED"),
            store_decimal_as_integer=True,
            write_statistics=list(self._encodings.bounded),
            # Arrow's own types (dictionaries) are nobody else's business.
            store_schema=False,
        )
        return self._writer

    def _close(self) -> None:
        if self._writer is None:
            return
        with storage_errors():
            self._writer.close()
            self._writer = None
            sync(self._path)
        self._finished.append((self._path, self._rows))


def publish(directory: Path, prefix: str, files: Sequence[WrittenFile]) -> None:
    """Give finished files their names, and remove those of an earlier, larger run with that prefix."""
    with storage_errors():
        names = {file.name for file in files}
        for file in files:
            os.replace(directory / f".{file.name}", directory / file.name)
        for old in directory.glob(f"{prefix}*.parquet"):
            if old.name not in names:
                old.unlink()
        sync(directory)


def _begin_to_store(path: Path) -> None:
    """Let the disk take what is written so far, so that making it durable at the end waits for little."""
    if not hasattr(os, "posix_fadvise"):
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Make a file's bytes, or a directory's names, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
