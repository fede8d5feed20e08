"""A query's rows written as they come into one Arrow file that can be read at any offset."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from medical_data_pipeline.adapters.local.duckdb_worker.failures import ResourceLimit
from medical_data_pipeline.adapters.local.duckdb_worker.messages import WorkerLimits

RESULT_NAME = "result.arrow"
ROWS_PER_FETCH = 16_384
BATCH_BYTES = 4 << 20


def write_result(
    reader: pa.RecordBatchReader, names: Sequence[str], path: Path, limits: WorkerLimits
) -> tuple[int, ...]:
    """Write every row and return the rows of each record batch. The names may repeat.

    Raises:
        ResourceLimit: the result, or one row of it, is larger than it may be.
    """
    if len(names) != len(reader.schema):
        raise ValueError("the statement has not the columns it was said to have")
    fields = (field.with_name(name) for field, name in zip(reader.schema, names, strict=True))
    schema = pa.schema(list(fields))
    batch_rows: list[int] = []
    # Uncompressed, so that a page is read from the mapped file without unpacking a batch.
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for fetched in reader:
            for batch in _bounded(fetched, limits.row_bytes):
                writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
                batch_rows.append(batch.num_rows)
                if sink.tell() > limits.result_bytes:
                    raise ResourceLimit("the result is larger than a result may be")
    return tuple(batch_rows)


def _bounded(batch: pa.RecordBatch, row_bytes: int) -> Iterator[pa.RecordBatch]:
    """The batch in pieces of at most BATCH_BYTES, or of one row."""
    if batch.num_rows == 0:
        return
    if batch.num_rows == 1 and batch.nbytes > row_bytes:
        raise ResourceLimit("a row of the result is larger than a row may be")
    if batch.num_rows == 1 or batch.nbytes <= BATCH_BYTES:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _bounded(batch.slice(0, half), row_bytes)
    yield from _bounded(batch.slice(half), row_bytes)
