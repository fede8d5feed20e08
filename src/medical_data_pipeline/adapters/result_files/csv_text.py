"""Record batches as lines of CSV, a column at a time."""

import json
from collections.abc import Callable, Sequence
from decimal import Decimal

import pyarrow as pa
import pyarrow.compute as pc

from medical_data_pipeline.adapters.result_files.arrow_values import python_values

_NEEDS_QUOTES = '[",\r\n]|^$'
_SCALE_WITHOUT_EXPONENT = 6
_FORMULA_START = "^[=+@\t\r-]"


def csv_header(names: Sequence[str]) -> bytes:
    row = [_quoted(pa.array([name], pa.string())) for name in names]
    return _joined(row)


def csv_lines(batch: pa.RecordBatch, is_spreadsheet_safe: bool) -> bytes:
    """The rows as Athena writes their values: null is nothing, the empty string is two quotes."""
    if not batch.num_columns or not batch.num_rows:
        return b""
    return _joined([_cells(column, is_spreadsheet_safe) for column in batch.columns])


def _joined(columns: Sequence[pa.Array]) -> bytes:
    columns = [pc.fill_null(column, "").cast(pa.large_string()) for column in columns]
    lines = pc.binary_join_element_wise(*columns, pa.scalar(",", pa.large_string()))
    end = pa.scalar("\r\n", pa.large_string())
    ended = pc.binary_join_element_wise(lines, pa.scalar("", pa.large_string()), end)
    # The text of a new array lies in one buffer; a str for each line would cost most of the time.
    size_bytes = pc.sum(pc.binary_length(ended)).as_py()
    return bytes(ended.buffers()[2].slice(0, size_bytes).to_pybytes())


def _cells(column: pa.Array, is_spreadsheet_safe: bool) -> pa.Array:
    text = _text(column)
    if is_spreadsheet_safe and _is_text(column.type):
        is_formula = pc.match_substring_regex(text, _FORMULA_START)
        text = pc.if_else(is_formula, pc.binary_join_element_wise("'", text, ""), text)
    return _quoted(text)


def _quoted(text: pa.Array) -> pa.Array:
    doubled = pc.replace_substring(text, '"', '""')
    quoted = pc.binary_join_element_wise('"', doubled, '"', "")
    return pc.if_else(pc.match_substring_regex(text, _NEEDS_QUOTES), quoted, text)


def _text(column: pa.Array) -> pa.Array:
    kind = column.type
    for is_of_kind, convert in _TEXTS:
        if is_of_kind(kind):
            return convert(column)
    if pa.types.is_nested(kind):
        return _each(column, _json)
    return column.cast(pa.string())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_dictionary(kind))


def _timestamps(column: pa.Array) -> pa.Array:
    if column.type.tz is None:
        return column.cast(pa.string())
    utc = column.cast(pa.timestamp(column.type.unit)).cast(pa.string())
    return pc.binary_join_element_wise(utc, "UTC", " ")


def _spaced_hex(value: object) -> str:
    return value.hex(" ") if isinstance(value, bytes) else str(value)


def _json(value: object) -> str:
    return json.dumps(_with_text_keys(value), default=_plain, ensure_ascii=False)


def _with_text_keys(value: object) -> object:
    """JSON's keys are text, a map's may be days or bytes."""
    if isinstance(value, list):
        return [_with_text_keys(item) for item in value]
    if isinstance(value, dict):
        return {_key(key): _with_text_keys(item) for key, item in value.items()}
    return value


def _key(key: object) -> object:
    return key if isinstance(key, str | int | float) else _plain(key)


def _plain(value: object) -> object:
    return _spaced_hex(value) if isinstance(value, bytes) else str(value)


def _each(column: pa.Array, text: Callable[[object], str]) -> pa.Array:
    texts = [None if value is None else text(value) for value in python_values(column)]
    return pa.array(texts, pa.string())


def _decimals(column: pa.Array) -> pa.Array:
    # Arrow writes 0.0000001 with an exponent, and without one is much faster than Python.
    if column.type.scale <= _SCALE_WITHOUT_EXPONENT:
        return column.cast(pa.string())
    return _each(column, lambda value: f"{value:f}" if isinstance(value, Decimal) else str(value))


def _doubles(column: pa.Array) -> pa.Array:
    return _each(column, repr)


_TEXTS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], pa.Array]], ...] = (
    (pa.types.is_timestamp, _timestamps),
    (pa.types.is_decimal, _decimals),
    (pa.types.is_floating, _doubles),
    (pa.types.is_binary, lambda column: _each(column, _spaced_hex)),
    (pa.types.is_large_binary, lambda column: _each(column, _spaced_hex)),
    (pa.types.is_interval, lambda column: _each(column, str)),
)
