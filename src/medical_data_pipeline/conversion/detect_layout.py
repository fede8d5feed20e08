"""Where the header is, what stands before and under it, and how many fields a row has."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from medical_data_pipeline.conversion.detect_dialect import (
    MAX_PREAMBLE,
    has_words_only,
    is_header_of,
    is_typed,
    read_as_detected,
)
from medical_data_pipeline.conversion.tokenizer import Record
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.model.dialect import Dialect

_YEAR = re.compile(r"(?:19|20)\d\d")
# The line with which Excel is told the delimiter.
_EXCEL_SEPARATOR = re.compile(r"sep=([,;\t|^~])\r?\n", re.IGNORECASE)
_DASHES = re.compile(r"-+|=+")


@dataclass(frozen=True)
class Layout:
    """A dialect, the header as the file has it (empty without one) and the number of fields in a row."""

    dialect: Dialect
    header: tuple[str, ...]
    width: int


def detect_layout(text: str, declared: Dataset, encoding: str, known: frozenset[str] = frozenset()) -> Layout:
    """How to read `text`, the start of a file. `known` are the headers the dataset's table has already."""
    said = _EXCEL_SEPARATOR.match(text)
    if said and declared.delimiter is None and declared.skip_lines is None:
        declared = replace(declared, delimiter=said[1], skip_lines=1)
    reading = read_as_detected(text, declared, encoding)
    records, width = reading.records, reading.width
    if not records:
        return Layout(reading.dialect, (), 0)
    if declared.skip_lines is None:
        first = reading.start or _first_row(records, width, known)
        skip_lines = records[first].line if first else 0
    else:
        first = _at_line(records, declared.skip_lines)
        skip_lines = declared.skip_lines
    rows = records[first + 1 :]
    has_header = declared.has_header
    if has_header is None:
        has_header = _is_header(records[first], rows, known)
    header = records[first].texts if has_header else ()
    dialect = replace(
        reading.dialect,
        has_header=has_header,
        skip_lines=skip_lines,
        has_ruler=has_header and bool(rows) and _is_ruler(rows[0]),
    )
    return Layout(dialect, header, len(header) or width)


def _at_line(records: Sequence[Record], line: int) -> int:
    return next((index for index, record in enumerate(records) if record.line >= line), len(records) - 1)


def _first_row(records: Sequence[Record], width: int, known: frozenset[str]) -> int:
    """The index of the header, or of the first row of data: what stands before it is a preamble.

    Only lines that cannot be rows are passed over: comments, titles too narrow for a header that follows,
    and half-empty lines above a full one.
    """
    head = records[:MAX_PREAMBLE]
    start = next((index for index, record in enumerate(head) if not record.texts[0].startswith("#")), 0)
    for index in range(start, len(head)):
        if _names_known(head[index], known):
            return index
        if head[index].width == width and _filled(head[index]) * 2 >= width:
            return index if _may_follow(records, start, index, width) else start
    return start


def _names_known(record: Record, known: frozenset[str]) -> bool:
    return bool(known) and sum(text.strip() in known for text in record.texts) * 2 > len(record.texts)


def _may_follow(records: Sequence[Record], start: int, index: int, width: int) -> bool:
    """Whether the records from `start` to before `index` are no rows, and that at `index` may be a header."""
    if index == start:
        return True
    if max(_filled(record) for record in records[start:index]) >= max(width - 1, 2):
        # Nearly as wide as the rows it may be a header with a name too few or too many.
        return is_header_of(records[index], records[index + 1 :], width)
    return has_words_only(records[index])


def _filled(record: Record) -> int:
    return sum(not field.is_null for field in record.fields)


def _is_header(first: Record, rows: Sequence[Record], known: frozenset[str]) -> bool:
    texts = [text.strip() for text in first.texts]
    if _names_known(first, known) or not any(texts):
        return True
    typed = [index for index, text in enumerate(texts) if is_typed(text)]
    if not typed:
        return True
    if not rows:
        return len(typed) < len(texts)
    columns = [[row.texts[i] for row in rows[:100] if i < row.width] for i in range(len(texts))]
    # A number that heads a column is a name only if it is a year, and nothing below it is one.
    return all(_YEAR.fullmatch(texts[i]) and not _has_years(columns[i]) for i in typed)


def _has_years(cells: Sequence[str]) -> bool:
    return any(_YEAR.fullmatch(cell.strip()) for cell in cells)


def _is_ruler(record: Record) -> bool:
    """Dashes under each name, as database clients draw them. Single ones alone may stand for nulls."""
    texts = [text.strip() for text in record.texts if text.strip()]
    return bool(texts) and all(map(_DASHES.fullmatch, texts)) and sum(map(len, texts)) > 2 * len(texts)
