"""A result of Athena's as Arrow, with the types that the embedded engine has for Athena's."""

import contextlib
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from medical_data_pipeline.adapters.aws.athena_csv import text_batches
from medical_data_pipeline.adapters.aws.athena_types import AthenaColumn, AthenaType, parse_type
from medical_data_pipeline.adapters.aws.athena_values import reader_of
from medical_data_pipeline.adapters.result_files.exports import Batches, export
from medical_data_pipeline.errors import BackendError
from medical_data_pipeline.model.query import ResultFormat

_EPOCH = date(1970, 1, 1).toordinal()
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
    "timestamp": pa.timestamp("us"),
    "timestamp with time zone": pa.timestamp("us", "UTC"),
    # Only null is of no type.
    "unknown": pa.int32(),
}
_FAR_DATE = re.compile(r"([+-]?\d+)-(\d\d)-(\d\d)(?: (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?)?(?: UTC)?")


def result_file(
    columns: Sequence[AthenaColumn], pieces: Iterable[bytes], wanted: ResultFormat
) -> Iterator[bytes]:
    """`pieces` are of the CSV file that Athena wrote."""
    return export(arrow_batches(columns, pieces), wanted)


def arrow_batches(columns: Sequence[AthenaColumn], pieces: Iterable[bytes]) -> Batches:
    schema = pa.schema([pa.field(column.name, arrow_type(parse_type(column.exact))) for column in columns])
    texts = text_batches(pieces, len(columns))
    return Batches(schema, (_batch(columns, schema, each) for each in texts))


def arrow_type(kind: AthenaType) -> pa.DataType:
    """Whatever has no type of Arrow's is told as text."""
    if kind.name == "decimal":
        return pa.decimal128(*kind.numbers)
    if not kind.is_nested:
        return _TYPES.get(kind.name, pa.string())
    items = [arrow_type(item) for item in kind.items]
    match kind.name:
        case "array":
            return pa.list_(pa.field("l", items[0]))
        case "map":
            return pa.map_(*items)
    return pa.struct(list(zip(kind.names, items, strict=True)))


def _batch(columns: Sequence[AthenaColumn], schema: pa.Schema, texts: Sequence[pa.Array]) -> pa.RecordBatch:
    arrays = [
        _array(text, column, field.type) for text, column, field in zip(texts, columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _array(text: pa.Array, column: AthenaColumn, kind: pa.DataType) -> pa.Array:
    if pa.types.is_string(kind):
        return text
    # A year beyond 9999 and what Arrow has no words for are read one by one.
    with contextlib.suppress(pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return _cast(text, kind)
    read = reader_of(column.exact)
    try:
        values = [None if each is None else read(each) for each in text.to_pylist()]
        return pa.array([_carried(value, kind) for value in values], kind)
    except (pa.ArrowException, ArithmeticError, TypeError, ValueError):
        # Such an error quotes the value.
        raise BackendError("Athena gave a value that its column's type cannot hold") from None


def _cast(text: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_timestamp(kind) and kind.tz:
        text = pc.replace_substring_regex(text, " UTC$", "").cast(pa.timestamp(kind.unit))
    elif pa.types.is_binary(kind) or pa.types.is_nested(kind):
        raise pa.ArrowNotImplementedError("Athena has its own words for it")
    return text.cast(kind)


def _is_day(kind: pa.DataType) -> bool:
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def _carried(value: object, kind: pa.DataType) -> object:
    """The value as Arrow takes it: a map as pairs, a year that Python does not have as a number."""
    if value is None:
        return None
    if pa.types.is_map(kind):
        pairs = value.items() if isinstance(value, dict) else value
        return [(_carried(k, kind.key_type), _carried(v, kind.item_type)) for k, v in pairs]  # type: ignore[attr-defined]
    if isinstance(value, dict):
        return {field.name: _carried(value[field.name], field.type) for field in kind}
    if isinstance(value, list):
        return [_carried(item, kind.value_type) for item in value]
    if pa.types.is_string(kind):
        return value if isinstance(value, str) else str(value)
    return _far(value, kind) if isinstance(value, str) and _is_day(kind) else value


def _far(text: str, kind: pa.DataType) -> int:
    """Days, or microseconds, since 1970. In Arrow's calendar as in Athena's every 400 years are alike."""
    found = _FAR_DATE.fullmatch(text)
    if found is None:
        raise ValueError("no date")
    year, month, day, *clock = (int(part or 0) for part in found.groups()[:6])
    cycles, near = divmod(year - 2000, 400)
    days = cycles * 146_097 + date(2000 + near, month, day).toordinal() - _EPOCH
    if pa.types.is_date(kind):
        return days
    hours, minutes, seconds = clock
    micros = int((found[7] or "").ljust(6, "0"))
    return ((days * 24 + hours) * 60 + minutes) * 60_000_000 + seconds * 1_000_000 + micros
