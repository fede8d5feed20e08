"""Delimiter, quote, escape, preamble and header, found from the first part of a file's text."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from medical_data_pipeline.conversion.tokenizer import Record, tokenize
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.model.dialect import Dialect

_DELIMITERS = (",", ";", "\t", "|", "\x1f", "^", "~", "\x01")
_NO_DELIMITER = "\x1f"
_MAX_RECORDS = 1000
_MAX_PREAMBLE = 40
_TYPED = re.compile(
    r"[-+]?[\d.,]*\d[\d.,]*(?:[eE][-+]?\d+)?%?"  # numbers
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?"  # dates
    r"|\d{1,2}:\d{2}(?::\d{2})?"
)
_YEAR = re.compile(r"(?:19|20)\d\d")


@dataclass(frozen=True)
class Layout:
    """A dialect, the header as the file has it (empty without one) and the number of fields in a row."""

    dialect: Dialect
    header: tuple[str, ...]
    width: int


def detect_layout(text: str, declared: Dataset, encoding: str, known: frozenset[str] = frozenset()) -> Layout:
    """How to read `text`, the start of a file. `known` are the headers the dataset's table has already."""
    dialect = _detect_marks(text, declared, encoding)
    records = [record for record in tokenize(text, dialect, _MAX_RECORDS) if not record.is_blank]
    if not records:
        return Layout(dialect, (), 0)
    width = _usual_width(records)
    first = (
        _first_row(records, width) if declared.skip_lines is None else _at_line(records, declared.skip_lines)
    )
    rows = records[first + 1 :]
    has_header = declared.has_header
    if has_header is None:
        has_header = _is_header(records[first], rows, known)
    skip_lines = declared.skip_lines if declared.skip_lines is not None else _lines_before(records, first)
    header = records[first].texts if has_header else ()
    layout = replace(dialect, has_header=has_header, skip_lines=skip_lines)
    return Layout(layout, header, len(header) or width)


def _lines_before(records: Sequence[Record], first: int) -> int:
    return records[first].line if first else 0


def _at_line(records: Sequence[Record], line: int) -> int:
    return next((index for index, record in enumerate(records) if record.line >= line), len(records) - 1)


def _detect_marks(text: str, declared: Dataset, encoding: str) -> Dialect:
    quotes = (
        (declared.quote,)
        if declared.quote is not None
        else ('"', "'")
        if _has_single_quoted(text)
        else ('"',)
    )
    escapes = (declared.escape,) if declared.escape is not None else ("", "\\") if '\\"' in text else ("",)
    present = [mark for mark in _DELIMITERS if mark in text] or [_NO_DELIMITER]
    delimiters = (declared.delimiter,) if declared.delimiter is not None else tuple(present)
    candidates = [
        Dialect(delimiter, quote, escape, encoding)
        for delimiter in delimiters
        for quote in quotes
        for escape in escapes
        if quote != delimiter
    ]
    if len(candidates) == 1:
        return candidates[0]
    best = max(candidates, key=lambda dialect: _score(text, dialect))
    if declared.delimiter is None and _score(text, best)[0] <= 0:
        # One column: nothing in it may be taken for a delimiter.
        return replace(best, delimiter=_NO_DELIMITER)
    return best


def _has_single_quoted(text: str) -> bool:
    """Whether 'fields' are quoted with apostrophes, and around something that needs it."""
    return len(re.findall(r"(?:^|[,;\t|])'[^'\n]*[,;\t|][^'\n]*'(?=[,;\t|\r\n]|\Z)", text, re.MULTILINE)) >= 2


def _score(text: str, dialect: Dialect) -> tuple[float, float, int]:
    """How well a dialect explains the text: how evenly it cuts rows, clean quotes, then the width."""
    records = tokenize(text, dialect, 400)
    whole = records if text.endswith(("\n", "\r")) else records[:-1] or records
    complete = [record for record in whole if not record.is_blank]
    if not complete:
        return (0.0, 0.0, 0)
    width = _usual_width(complete)
    if width < 2:
        return (0.0, 0.0, 1)
    even = sum(len(record.fields) == width for record in complete) / len(complete)
    header_fits = any(len(record.fields) == width for record in complete[:_MAX_PREAMBLE])
    if even < 0.5 or not header_fits:
        return (0.0, 0.0, 1)
    sloppy = sum(_sloppy_quotes(record) for record in complete) / len(complete)
    # A delimiter that only ever cuts numbers in two is a decimal comma.
    return (round(even - sloppy, 3), -_looks_like_decimals(complete, dialect), width)


def _sloppy_quotes(record: Record) -> int:
    return int(record.is_open or any(field.has_tail for field in record.fields))


def _looks_like_decimals(records: Sequence[Record], dialect: Dialect) -> float:
    if dialect.delimiter != ",":
        return 0.0
    return float(all(re.search(r"\d,\d", ",".join(record.texts)) for record in records[1:]))


def _usual_width(records: Sequence[Record]) -> int:
    counts = Counter(len(record.fields) for record in records)
    return max(counts, key=lambda width: (counts[width], width))


def _first_row(records: Sequence[Record], width: int) -> int:
    """The index of the header, or of the first row of data: what stands before it is a preamble.

    Only lines that cannot be rows are passed over: comments, titles too narrow for a header that follows,
    and half-empty lines above a full one.
    """
    head = records[:_MAX_PREAMBLE]
    start = next((index for index, record in enumerate(head) if not record.texts[0].startswith("#")), 0)
    for index in range(start, len(head)):
        if len(head[index].fields) == width and _filled(head[index]) * 2 >= width:
            return index if index == start or _is_all_words(head[index]) else start
    return start


def _filled(record: Record) -> int:
    return sum(not field.is_null for field in record.fields)


def _is_all_words(record: Record) -> bool:
    texts = [text.strip() for text in record.texts if text.strip()]
    return len(set(texts)) == len(texts) and not any(_TYPED.fullmatch(text) for text in texts)


def _is_header(first: Record, rows: Sequence[Record], known: frozenset[str]) -> bool:
    texts = [text.strip() for text in first.texts]
    if known and sum(text in known for text in texts) * 2 > len(texts):
        return True
    if not rows or not any(texts):
        return True
    typed = [index for index, text in enumerate(texts) if _TYPED.fullmatch(text)]
    if not typed:
        return True
    columns = [[row.fields[i].text for row in rows[:100] if i < len(row.fields)] for i in range(len(texts))]
    # A number that heads a column is a name only if it is a year, and nothing below it is one.
    return all(_YEAR.fullmatch(texts[i]) and not _has_years(columns[i]) for i in typed)


def _has_years(cells: Sequence[str]) -> bool:
    return any(_YEAR.fullmatch(cell.strip()) for cell in cells)
