"""A stored result as a file in pieces (Arrow, Parquet, CSV); memory does not grow with it."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from medical_data_pipeline.adapters.result_files.csv_text import csv_header, csv_lines
from medical_data_pipeline.model.query import ResultFormat

ROW_GROUP_BYTES = 32 << 20


@dataclass(frozen=True)
class Batches:
    """A result as Arrow, to be gone through once."""

    schema: pa.Schema
    batches: Iterable[pa.RecordBatch]


def batches_of(result: pa.RecordBatchFileReader) -> Batches:
    indexes = range(result.num_record_batches)
    return Batches(result.schema, (result.get_batch(index) for index in indexes))


def export(result: Batches, wanted: ResultFormat) -> Iterator[bytes]:
    match wanted:
        case ResultFormat.CSV:
            return export_csv(result)
        case ResultFormat.ARROW:
            return _arrow(result)
        case ResultFormat.PARQUET:
            return _parquet(result)


def export_csv(result: Batches, *, is_spreadsheet_safe: bool = False) -> Iterator[bytes]:
    """CSV after RFC 4180: null is an empty cell, the empty string a quoted one.

    `is_spreadsheet_safe` puts an apostrophe before text that a spreadsheet would run as a formula, which
    changes the text.
    """
    yield csv_header(result.schema.names)
    for batch in result.batches:
        yield csv_lines(batch, is_spreadsheet_safe)


def _arrow(result: Batches) -> Iterator[bytes]:
    written = _Written()
    with pa.ipc.new_stream(pa.PythonFile(written, "w"), result.schema) as writer:
        for batch in result.batches:
            writer.write_batch(batch)
            yield written.take()
    yield written.take()


def _parquet(result: Batches) -> Iterator[bytes]:
    written = _Written()
    schema = _with_distinct_names(result.schema)
    with pq.ParquetWriter(pa.PythonFile(written, "w"), schema, compression="zstd") as writer:
        for batches in _row_groups(result):
            columns = (batch.columns for batch in batches)
            renamed = [pa.RecordBatch.from_arrays(each, schema=schema) for each in columns]
            writer.write_table(pa.Table.from_batches(renamed, schema=schema))
            yield written.take()
    yield written.take()


def _row_groups(result: Batches) -> Iterator[list[pa.RecordBatch]]:
    group: list[pa.RecordBatch] = []
    size_bytes = 0
    for batch in result.batches:
        group.append(batch)
        size_bytes += batch.nbytes
        if size_bytes >= ROW_GROUP_BYTES:
            yield group
            group, size_bytes = [], 0
    if group:
        yield group


def _with_distinct_names(schema: pa.Schema) -> pa.Schema:
    """Columns of one name told apart by a number, since readers of Parquet go by the name."""
    taken: set[str] = set()
    fields = []
    for field in schema:
        name, number = field.name, 2
        while name in taken:
            name, number = f"{field.name}_{number}", number + 1
        taken.add(name)
        fields.append(field.with_name(name))
    return pa.schema(fields)


class _Written(io.RawIOBase):
    """A file that only gathers what is written until somebody takes it."""

    def __init__(self) -> None:
        super().__init__()
        self._chunks: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        chunk = bytes(data)  # type: ignore[call-overload]
        self._chunks.append(chunk)
        return len(chunk)

    def take(self) -> bytes:
        taken = b"".join(self._chunks)
        self._chunks.clear()
        return taken
