"""The forms of a column's cells: each form once, and a number for each cell."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medical_data_pipeline.model.facts import ColumnFacts
from medical_data_pipeline.model.forms import Form, FormKind, classify

BLANKS = b" \t"
# Digits up to which no number of these forms changes as a 64-bit integer or as a double.
_SAFE_DIGITS = 15
_TELLING = frozenset(
    {FormKind.INTEGER, FormKind.DECIMAL, FormKind.BOOLEAN, FormKind.THOUSANDS, FormKind.TOKEN}
)


@dataclass(frozen=True)
class CodedForms:
    """The forms that occur, perhaps one of them twice, and for each cell the number of its form.

    `tokens` names those that are one; `is_padded`: some cells have blanks around them.
    """

    forms: tuple[Form, ...]
    codes: npt.NDArray[np.integer]
    tokens: Mapping[int, str] = field(default_factory=dict)
    is_padded: bool = False


def tells_all(form: Form) -> bool:
    """Whether no cell of this form has to be looked at by its value."""
    return form.kind in _TELLING and form.digits + form.scale <= _SAFE_DIGITS


@dataclass(frozen=True)
class FormCount:
    """How many cells have one form, and the first row that does; `token` is their text where they are one."""

    form: Form
    token: str
    cells: int
    row: int

    @classmethod
    def of(cls, shape: str, cells: int, row: int) -> "FormCount":
        form = classify(shape)
        return cls(form, shape if form.kind is FormKind.TOKEN else "", cells, row)


def with_forms(base: ColumnFacts, found: Iterable[FormCount]) -> ColumnFacts:
    """The facts of a column whose cells are of these forms, some of which may be there twice."""
    forms: dict[Form, int] = {}
    rows: dict[Form, int] = {}
    tokens: dict[str, int] = {}
    for each in found:
        forms[each.form] = forms.get(each.form, 0) + each.cells
        rows[each.form] = min(each.row, rows.get(each.form, each.row))
        if each.token:
            tokens[each.token] = each.cells
    return replace(base, forms=forms, first_rows=rows, tokens=tokens)


def form_of(shape: bytes) -> Form:
    return classify(shape.decode("utf-8", "replace"))


def forms_of_shapes(shapes: pa.DictionaryArray) -> CodedForms:
    """The forms of cells of any kind, whose shapes these are."""
    found = shapes.dictionary.to_pylist()
    forms = tuple(form_of(shape) for shape in found)
    tokens = {code: found[code].decode() for code, form in enumerate(forms) if form.kind is FormKind.TOKEN}
    is_padded = any(shape != shape.strip(BLANKS) for shape in found)
    return CodedForms(forms, shapes.indices.to_numpy(), tokens, is_padded)
