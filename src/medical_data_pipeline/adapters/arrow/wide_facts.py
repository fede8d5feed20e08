"""The facts of many columns of few cells each, found in one go: calls for each column would cost more."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medical_data_pipeline.adapters.arrow.coded_forms import (
    BLANKS,
    FormCount,
    form_of,
    tells_all,
    with_forms,
)
from medical_data_pipeline.adapters.arrow.shapes import octets_of, shapes_of
from medical_data_pipeline.model.facts import ColumnFacts
from medical_data_pipeline.model.forms import TEXT_FORM, Form, FormKind

CELLS_AT_ONCE = 1 << 17
_MIN_COLUMNS = 32
_MAX_ROWS = 5_000
_PEEK_ROWS = 8
_MAX_SHAPES = 20_000
# What a cell can be other than of a form that tells all.
_EMPTY, _UNCLEAR, _TEXT = 0, 1, 2

Rows = npt.NDArray[np.int64]
Facts = list[ColumnFacts | None]


def is_wide(columns: int, rows: int) -> bool:
    """Whether a block of this size is better looked at all at once."""
    return columns >= _MIN_COLUMNS and 0 < rows <= _MAX_ROWS


def wide_facts(columns: Sequence[pa.StringArray], rows: Rows) -> Facts:
    """The same as `column_facts` of each of these columns, or None for one that it takes more to look at."""
    found: Facts = []
    step = max(1, CELLS_AT_ONCE // max(1, len(rows)))
    for start in range(0, len(columns), step):
        found += _facts_of(columns[start : start + step], rows)
    return found


def _facts_of(columns: Sequence[pa.StringArray], rows: Rows) -> Facts:
    """Columns of text show it at once: only the others are looked at in full."""
    first = _coded([column.slice(0, _PEEK_ROWS) for column in columns])
    is_text = (first.codes == _TEXT).any(axis=1) if first else np.zeros(len(columns), bool)
    others = [column for column, is_known in zip(columns, is_text, strict=True) if not is_known]
    coded = _coded(others) if others else None
    rest = iter(_counted(others, coded, rows) if coded else [None] * len(others))
    text_rows = (first.codes == _TEXT).argmax(axis=1) if first else np.zeros(len(columns), np.int64)
    return [
        _of_text(column, int(rows[row])) if is_known else next(rest)
        for column, is_known, row in zip(columns, is_text, text_rows.tolist(), strict=True)
    ]


def _of_text(column: pa.StringArray, row: int) -> ColumnFacts:
    nulls, empties = column.null_count, _zero_lengths(column) - column.null_count
    return ColumnFacts(nulls, empties, {TEXT_FORM: len(column) - nulls - empties}, {TEXT_FORM: row})


def _zero_lengths(column: pa.StringArray) -> int:
    _, offsets = octets_of(column)
    return int(np.count_nonzero(offsets[1:] == offsets[:-1]))


@dataclass(frozen=True)
class _Coded:
    """For each column a row of codes, one a cell; from 3 on `forms` names them, and those that are tokens."""

    codes: npt.NDArray[np.int64]
    forms: tuple[tuple[Form, str], ...]


def _coded(columns: Sequence[pa.StringArray]) -> _Coded | None:
    """Columns of one length; None when there are too many shapes to look at."""
    cells = pa.concat_arrays(columns)
    # A null is an empty cell here.
    _, offsets, data = cells.buffers()
    shapes = shapes_of(pa.StringArray.from_buffers(len(cells), offsets, data))
    if len(shapes.dictionary) > _MAX_SHAPES:
        return None
    numbers: dict[tuple[Form, str], int] = {}
    code_of = np.array([_code(shape, numbers) for shape in shapes.dictionary.to_pylist()], np.int64)
    return _Coded(code_of[shapes.indices.to_numpy()].reshape(len(columns), -1), tuple(numbers))


def _code(shape: bytes, numbers: dict[tuple[Form, str], int]) -> int:
    if not shape:
        return _EMPTY
    if shape.strip(BLANKS) != shape:
        return _UNCLEAR
    form = form_of(shape)
    if form.kind is FormKind.TEXT:
        return _TEXT
    if not tells_all(form):
        return _UNCLEAR
    token = shape.decode() if form.kind is FormKind.TOKEN else ""
    return numbers.setdefault((form, token), len(numbers) + _TEXT + 1)


def _counted(columns: Sequence[pa.StringArray], coded: _Coded, rows: Rows) -> Facts:
    width = len(coded.forms) + _TEXT + 1
    keys = (coded.codes + np.arange(len(columns))[:, None] * width).ravel()
    counts = np.bincount(keys, minlength=len(columns) * width)
    first = np.zeros(len(counts), np.int64)
    first[keys[::-1]] = np.tile(rows[::-1], len(columns))
    present = np.flatnonzero(counts)
    of_columns: dict[int, list[_Count]] = defaultdict(list)
    for key, count, row in zip(
        present.tolist(), counts[present].tolist(), first[present].tolist(), strict=True
    ):
        column, code = divmod(key, width)
        of_columns[column].append(_Count(code, count, row))
    return [_facts(column, of_columns[index], coded) for index, column in enumerate(columns)]


@dataclass(frozen=True)
class _Count:
    """How many cells of a column have a code, and the first row that does."""

    code: int
    cells: int
    row: int


def _facts(column: pa.StringArray, counts: Sequence[_Count], coded: _Coded) -> ColumnFacts | None:
    codes = {each.code for each in counts}
    if _TEXT in codes:
        return _of_text(column, next(each.row for each in counts if each.code == _TEXT))
    if _UNCLEAR in codes:
        return None
    empties = sum(each.cells for each in counts if each.code == _EMPTY) - column.null_count
    found = (
        FormCount(*coded.forms[each.code - _TEXT - 1], each.cells, each.row)
        for each in counts
        if each.code != _EMPTY
    )
    return with_forms(ColumnFacts(column.null_count, empties), found)
