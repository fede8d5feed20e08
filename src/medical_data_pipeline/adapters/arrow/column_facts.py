"""The facts of one column of one block, from its text."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medical_data_pipeline.adapters.arrow.coded_forms import BLANKS, CodedForms, form_of, forms_of_shapes
from medical_data_pipeline.adapters.arrow.few_cells import FEW_CELLS, few_cells_facts
from medical_data_pipeline.adapters.arrow.moments import parse_iso, parse_moments
from medical_data_pipeline.adapters.arrow.plain_numbers import plain_numbers
from medical_data_pipeline.adapters.arrow.shapes import shapes_of
from medical_data_pipeline.model.facts import ColumnFacts
from medical_data_pipeline.model.forms import TEXT_FORM, TOKEN_FORM, Form, FormKind, shape_of

_PEEK_CELLS = 1000
_MAX_SHAPES = 20_000
_SAFE_DOUBLE_DIGITS = 15
_INT64_DIGITS = 19
_OFFSET_LENGTH = len("+00:00")
# A date, and a timestamp to the second without and with Z: no two forms share one of these lengths.
_UNIFORM_LENGTHS = frozenset({10, 19, 20})


@dataclass(frozen=True)
class _Cells:
    """Cells that hold something, with the row each is in."""

    texts: pa.StringArray
    rows: npt.NDArray[np.int64]


def column_facts(column: pa.StringArray, rows: npt.NDArray[np.int64]) -> ColumnFacts:
    """The facts of a column of text; `rows` are its row numbers."""
    found = few_cells_facts(column, rows) if len(column) <= FEW_CELLS else None
    return found or _facts_of_all(column, rows)


def _facts_of_all(column: pa.StringArray, rows: npt.NDArray[np.int64]) -> ColumnFacts:
    """The facts as they are found in columns of many cells."""
    nulls = column.null_count
    cells = _Cells(column, rows)
    if not nulls and pc.min(pc.binary_length(column)).as_py():
        base = ColumnFacts()
    else:
        filled = np.flatnonzero(np.asarray(pc.binary_length(column).fill_null(0)))
        base = ColumnFacts(nulls=nulls, empties=len(column) - nulls - len(filled))
        cells = _chosen(cells, filled)
    if not len(cells.texts):
        return base
    text_row = _early_text(cells)
    if text_row is not None:
        return replace(base, forms={TEXT_FORM: len(cells.texts)}, first_rows={TEXT_FORM: text_row})
    return _uniform_moments(cells, base) or _facts_of(cells, base)


def _chosen(cells: _Cells, positions: npt.NDArray[np.int64]) -> _Cells:
    return _Cells(cells.texts.take(pa.array(positions)), cells.rows[positions])


def _early_text(cells: _Cells) -> int | None:
    """The row of a text among the first cells: most columns of text show it at once."""
    shapes = shapes_of(cells.texts.slice(0, _PEEK_CELLS))
    is_text = [_is_text(shape) for shape in shapes.dictionary.to_pylist()]
    found = np.flatnonzero(np.array(is_text, bool)[shapes.indices.to_numpy()])
    return int(cells.rows[found[0]]) if len(found) else None


def _is_text(shape: bytes) -> bool:
    """Whether nothing but a text has this shape; blanks around a cell, or alone in it, do not make it one."""
    within = shape.strip(BLANKS)
    return bool(within) and form_of(within).kind is FormKind.TEXT


def _uniform_moments(cells: _Cells, base: ColumnFacts) -> ColumnFacts | None:
    """The common case in one pass: cells of one length that are all real ISO moments are all of one form."""
    first = cells.texts[0].as_py()
    form = form_of(shape_of(first).encode())
    lengths = pc.min_max(pc.binary_length(cells.texts)).as_py()
    is_uniform = len(first) in _UNIFORM_LENGTHS and lengths == {"min": len(first), "max": len(first)}
    if form.kind is not FormKind.MOMENT or form.order != "ymd" or not is_uniform:
        return None
    if form.has_offset or first[4] != "-" or parse_iso(cells.texts) is None:
        return None
    return replace(
        base,
        forms={form: len(cells.texts)},
        first_rows={form: int(cells.rows.min())},
        valid_moments={"ymd": len(cells.texts)},
        offsets=frozenset({"+00:00"} if form.zone else ()),
    )


def _facts_of(cells: _Cells, base: ColumnFacts) -> ColumnFacts:
    coded = plain_numbers(cells.texts) or _by_shape(cells.texts)
    if coded is None:
        return replace(base, forms={TEXT_FORM: len(cells.texts)}, first_rows={TEXT_FORM: int(cells.rows[0])})
    if coded.is_padded:
        return _facts_within(cells, base)
    forms, codes = coded.forms, coded.codes
    counts = np.bincount(codes, minlength=len(forms))
    first = np.zeros(len(forms), np.int64)
    first[codes[::-1]] = cells.rows[::-1]
    facts = replace(
        base,
        forms=_summed(forms, counts),
        first_rows=_smallest(forms, first),
        tokens={token: int(counts[code]) for code, token in coded.tokens.items()},
    )
    if facts.has_text:
        return facts
    return _checked(facts, cells, codes, forms)


def _facts_within(cells: _Cells, base: ColumnFacts) -> ColumnFacts:
    """The facts of cells some of which have blanks around them: those of what is within the blanks."""
    texts = pc.utf8_trim(cells.texts, characters=BLANKS.decode())
    lengths = pc.binary_length(texts).to_numpy()
    padded = int((lengths < pc.binary_length(cells.texts).to_numpy()).sum())
    filled = np.flatnonzero(lengths)
    blanks = len(texts) - len(filled)
    facts = replace(base, padded=padded)
    if len(filled):
        facts = _facts_of(_chosen(_Cells(texts, cells.rows), filled), facts)
    if not blanks:
        return facts
    forms = {**facts.forms, TOKEN_FORM: facts.forms.get(TOKEN_FORM, 0) + blanks}
    return replace(facts, forms=forms, tokens={**facts.tokens, " ": blanks})


def _by_shape(texts: pa.StringArray) -> CodedForms | None:
    """The forms of cells of any kind; None when there are so many shapes that it can only be text."""
    shapes = shapes_of(texts)
    return None if len(shapes.dictionary) > _MAX_SHAPES else forms_of_shapes(shapes)


def _summed(forms: Iterable[Form], counts: npt.NDArray[np.int64]) -> dict[Form, int]:
    total: dict[Form, int] = {}
    for form, count in zip(forms, counts.tolist(), strict=True):
        total[form] = total.get(form, 0) + count
    return total


def _smallest(forms: Iterable[Form], rows: npt.NDArray[np.int64]) -> dict[Form, int]:
    first: dict[Form, int] = {}
    for form, row in zip(forms, rows.tolist(), strict=True):
        first[form] = min(row, first.get(form, row))
    return first


def _checked(
    facts: ColumnFacts, cells: _Cells, codes: npt.NDArray[np.integer], forms: Sequence[Form]
) -> ColumnFacts:
    """Add what only the values tell: calendars, offsets, 64-bit range, doubles."""
    kinds = {form.kind for form in forms} - {FormKind.TOKEN}
    if kinds == {FormKind.MOMENT}:
        return _with_moments(facts, cells, codes, forms)
    if not kinds <= {FormKind.INTEGER, FormKind.DECIMAL, FormKind.EXPONENT}:
        return facts
    big = [form.kind is FormKind.INTEGER and form.digits >= _INT64_DIGITS for form in forms]
    long = [_may_change_as_double(form) for form in forms]
    return replace(
        facts,
        int64_misfits=sum(not _fits_int64(text) for text in _distinct(cells, codes, big)),
        inexact_doubles=_inexact(cells, codes, long),
    )


def _may_change_as_double(form: Form) -> bool:
    if form.kind is FormKind.EXPONENT:
        return True
    return form.kind is not FormKind.TOKEN and form.digits + form.scale > _SAFE_DOUBLE_DIGITS


def _distinct(cells: _Cells, codes: npt.NDArray[np.integer], wanted: list[bool]) -> list[str]:
    if not any(wanted):
        return []
    chosen = np.flatnonzero(np.array(wanted, bool)[codes])
    distinct: list[str] = pc.unique(cells.texts.take(pa.array(chosen))).to_pylist()
    return distinct


def _fits_int64(text: str) -> bool:
    return -(2**63) <= int(text) < 2**63


def _inexact(cells: _Cells, codes: npt.NDArray[np.integer], wanted: list[bool]) -> int:
    """How many distinct numbers a double would change; only those it prints otherwise are looked at."""
    if not any(wanted):
        return 0
    texts = cells.texts.take(pa.array(np.flatnonzero(np.array(wanted, bool)[codes])))
    texts = pc.replace_substring(texts, ",", ".")
    printed = pc.cast(pc.cast(texts, pa.float64()), pa.string())
    doubtful = pc.unique(texts.filter(pc.not_equal(printed, texts))).to_pylist()
    return sum(not _survives_as_double(text) for text in doubtful)


def _survives_as_double(text: str) -> bool:
    number = float(text)
    return abs(number) != float("inf") and Decimal(repr(number)) == Decimal(text)


def _with_moments(
    facts: ColumnFacts, cells: _Cells, codes: npt.NDArray[np.integer], forms: Sequence[Form]
) -> ColumnFacts:
    is_moment = np.array([form.kind is FormKind.MOMENT for form in forms], bool)[codes]
    chosen = _chosen(cells, np.flatnonzero(is_moment))
    orders = {form.order for form in forms if form.order}
    tried = {each for order in orders for each in (("mdy", "dmy") if order == "dmy/mdy" else (order,))}
    valid = {order: int(parse_moments(chosen.texts, order).is_valid.sum()) for order in tried}
    zoned = np.flatnonzero(np.array([form.has_offset for form in forms], bool)[codes])
    endings = pc.unique(pc.utf8_slice_codeunits(cells.texts.take(pa.array(zoned)), -_OFFSET_LENGTH))
    offsets = {_offset(ending) for ending in endings.to_pylist()}
    if any(form.zone == "Z" for form in forms):
        offsets.add("+00:00")
    return replace(facts, valid_moments=valid, offsets=frozenset(offsets))


def _offset(ending: str) -> str:
    digits = ending[max(ending.rfind("+"), ending.rfind("-")) :].replace(":", "")
    return f"{digits[:3]}:{digits[3:] or '00'}"
