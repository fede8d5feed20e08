"""Delimiter, quote and escape, found from the first part of a file's text."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from medical_data_pipeline.conversion.tokenizer import Record, tokenize
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.model.dialect import Dialect

MAX_PREAMBLE = 40
_DELIMITERS = (",", ";", "\t", "|", "\x1f", "^", "~", "\x01")
_NO_DELIMITER = "\x1f"
_MAX_RECORDS = 400
_WELL_CUT = 0.5
# What follows a long preamble has to be cut better than a whole file has to.
_BODY_WELL_CUT = 0.9
_TYPED = re.compile(
    r"[-+]?[\d.,]*\d[\d.,]*(?:[eE][-+]?\d+)?%?"  # numbers
    r"|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}(?:[T ].*)?"  # dates
    r"|\d{1,2}:\d{2}(?::\d{2})?"
)


@dataclass(frozen=True)
class Reading:
    """A text cut into records by a dialect, blank ones left out.

    `quality` tells how well it is cut: the share of rows with the usual number of fields (`width`) less that
    of rows whose quotes stand in no order; 0 when this is no table of several columns. `start` is the index
    of the header where it was found behind a long preamble, or 0.
    """

    dialect: Dialect
    records: tuple[Record, ...]
    width: int
    quality: float
    start: int = 0

    @property
    def rank(self) -> tuple[float, bool, int]:
        return (self.quality, not _cuts_numbers(self), self.width)


def read_as_detected(text: str, declared: Dataset, encoding: str) -> Reading:
    """`text`, the start of a file, in the dialect that explains it best."""
    quotes = (declared.quote,) if declared.quote is not None else _quotes(text)
    escapes = (declared.escape,) if declared.escape is not None else _escapes(text)
    present = tuple(mark for mark in _DELIMITERS if mark in text) or (_NO_DELIMITER,)
    delimiters = (declared.delimiter,) if declared.delimiter is not None else present
    readings = [
        _reading(text, Dialect(delimiter, quote, escape, encoding))
        for delimiter in delimiters
        for quote in quotes
        for escape in escapes
        if delimiter not in (quote, escape)
    ]
    best = max(readings, key=lambda reading: reading.rank) if len(readings) > 1 else readings[0]
    if declared.quote is None:
        best = _without_needless_quotes(text, best)
    if declared.delimiter is None and best.quality <= 0:
        # One column: nothing in it may be taken for a delimiter.
        return _reading(text, replace(best.dialect, delimiter=_NO_DELIMITER))
    return best


def _quotes(text: str) -> tuple[str, ...]:
    """Apostrophes quote only where they stand around something that needs it."""
    if "'" not in text:
        return ('"',)
    needed = re.findall(r"(?:^|[,;\t|])'[^'\n]*[,;\t|][^'\n]*'(?=[,;\t|\r\n]|\Z)", text, re.MULTILINE)
    return ('"', "'") if len(needed) >= 2 else ('"',)


def _escapes(text: str) -> tuple[str, ...]:
    return ("", "\\") if "\\" in text and re.search(r'\\["\',;\t|^~\r\n]', text) else ("",)


def _reading(text: str, dialect: Dialect) -> Reading:
    records = tokenize(text, dialect, _MAX_RECORDS)
    if len(records) < _MAX_RECORDS and not text.endswith(("\n", "\r")):
        records = records[:-1] or records  # the last one may be cut off
    filled = tuple(record for record in records if not record.is_blank)
    width, even, start = _usual_width(filled)
    is_table = width > 1 and even >= _WELL_CUT and has_credible_start(filled, width)
    sloppy = sum(_is_sloppy(record) for record in filled) / len(filled) if filled else 0.0
    return Reading(dialect, filled, width, round(even - sloppy, 3) if is_table else 0.0, start)


def _usual_width(records: Sequence[Record]) -> tuple[int, float, int]:
    """The number of fields most rows have, how many do, and from where on if behind a long preamble."""
    width, even = _most_common_width(records)
    if width > 1 and even >= _WELL_CUT:
        return _without_trailing_delimiter(records, width), even, 0
    for start in range(1, min(len(records) - 1, MAX_PREAMBLE + 1)):
        body = records[start:]
        width, even = _most_common_width(body)
        if width > 1 and even >= _BODY_WELL_CUT and is_header_of(body[0], body[1:], width):
            return width, _WELL_CUT, start
    return (*_most_common_width(records), 0)


def _most_common_width(records: Sequence[Record]) -> tuple[int, float]:
    if not records:
        return 0, 0.0
    counts = Counter(record.width for record in records)
    width = max(counts, key=lambda width: (counts[width], width))
    return width, counts[width] / len(records)


def _without_trailing_delimiter(records: Sequence[Record], width: int) -> int:
    """Some programs end each row with a delimiter, but not the header."""
    if records[0].width != width - 1 or width < 3:
        return width
    is_unused = all(record.fields[-1].is_null for record in records if record.width == width)
    return width - 1 if is_unused else width


def has_credible_start(records: Sequence[Record], width: int) -> bool:
    """Whether a table of two columns may begin after other lines, or this is one column of text."""
    first = next((i for i, record in enumerate(records[:MAX_PREAMBLE]) if record.width >= width), None)
    if first is None:
        return False
    narrow = [record for record in records[:first] if not record.texts[0].startswith("#")]
    if not narrow or width > 2:
        return True
    return is_header_of(records[first], records[first + 1 :], width)


def is_header_of(record: Record, rows: Sequence[Record], width: int) -> bool:
    """Whether a record of words stands above rows in which some column holds numbers or dates only."""
    if record.width != width or not has_words_only(record):
        return False
    return any(_is_typed([row.texts[i] for row in rows if row.width > i]) for i in range(width))


def has_words_only(record: Record) -> bool:
    texts = [text.strip() for text in record.texts if text.strip()]
    return bool(texts) and len(set(texts)) == len(texts) and not any(map(is_typed, texts))


def is_typed(text: str) -> bool:
    """Whether a cell is a number, a date or a time."""
    return _TYPED.fullmatch(text) is not None


def _is_typed(cells: Sequence[str]) -> bool:
    filled = [cell.strip() for cell in cells if cell.strip()]
    return bool(filled) and all(map(is_typed, filled))


def _is_sloppy(record: Record) -> bool:
    return record.is_open or (bool(record.marked) and any(field.has_tail for field in record.marked))


def _cuts_numbers(reading: Reading) -> bool:
    """Whether the delimiter only ever cuts numbers in two, and is rather a decimal comma."""
    if reading.dialect.delimiter != "," or not reading.quality:
        return False
    return all(re.search(r"\d,\d", ",".join(record.texts)) for record in reading.records[1:])


def _without_needless_quotes(text: str, best: Reading) -> Reading:
    """Some databases write no quotes at all; those that begin a cell are then a part of its text."""
    fields = [field for record in best.records for field in record.marked if field.is_quoted]
    loose = sum(map(_is_sloppy, best.records))
    if loose <= len(fields) - loose:
        return best
    unquoted = _reading(text, replace(best.dialect, quote=""))
    return unquoted if unquoted.quality >= best.quality else best
