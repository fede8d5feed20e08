"""Rows of typed values as Arrow, with the types that the embedded engine has for Athena's."""

import re
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa

from medical_data_pipeline.adapters.result_files.exports import Batches, export
from medical_data_pipeline.model.query import ResultColumn, ResultFormat

_TYPES = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "float": pa.float32(),
    "double": pa.float64(),
    "date": pa.date32(),
    "varbinary": pa.binary(),
    "time": pa.time64("us"),
}
_DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


def result_file(
    columns: Sequence[ResultColumn], chunks: Iterable[Sequence[tuple[object, ...]]], wanted: ResultFormat
) -> Iterator[bytes]:
    return export(arrow_batches(columns, chunks), wanted)


def arrow_batches(columns: Sequence[ResultColumn], chunks: Iterable[Sequence[tuple[object, ...]]]) -> Batches:
    """Values that the type of their column cannot hold, as a year beyond Python's, make the column text."""
    schema = pa.schema([pa.field(column.name, _type(column.type)) for column in columns])
    return Batches(schema, (_batch(schema, rows) for rows in chunks))


def _batch(schema: pa.Schema, rows: Sequence[tuple[object, ...]]) -> pa.RecordBatch:
    cells = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [_array(list(column), field.type) for column, field in zip(cells, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(values: list[object], kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        values = [value if value is None or isinstance(value, str) else str(value) for value in values]
    return pa.array(values, kind)


def _type(name: str) -> pa.DataType:
    if found := _DECIMAL.fullmatch(name):
        return pa.decimal128(int(found[1]), int(found[2]))
    if name.startswith("timestamp") and "with time zone" not in name:
        return pa.timestamp("us")
    # Nested values and instants of several zones are told as text.
    return _TYPES.get(re.sub(r"\(.*\)", "", name), pa.string())
