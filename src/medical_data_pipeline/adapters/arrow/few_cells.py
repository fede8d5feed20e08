"""The facts of a column of few cells, one by one: for so few, the calls for whole columns cost more."""

from collections import Counter

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medical_data_pipeline.adapters.arrow.coded_forms import FormCount, tells_all, with_forms
from medical_data_pipeline.model.facts import ColumnFacts
from medical_data_pipeline.model.forms import TEXT_FORM, FormKind, classify, shapes_of_lines

FEW_CELLS = 300
_BLANKS = " \t"


def few_cells_facts(column: pa.StringArray, rows: npt.NDArray[np.int64]) -> ColumnFacts | None:
    """The same as `column_facts`, or None for cells that it takes more to look at: moments, padded cells."""
    cells = column.to_pylist()
    distinct = Counter(cells)  # in the order in which they first come
    nulls, empties = distinct.pop(None, 0), distinct.pop("", 0)
    texts = list(distinct)
    if any("\n" in text for text in texts):
        return None
    counts: dict[str, int] = {}
    first_rows: dict[str, int] = {}
    for text, shape in zip(texts, shapes_of_lines(texts) if texts else (), strict=True):
        if shape in counts:
            counts[shape] += distinct[text]
            continue
        if shape[0] in _BLANKS or shape[-1] in _BLANKS:
            return None
        form, row = classify(shape), int(rows[cells.index(text)])
        if form.kind is FormKind.TEXT:
            return ColumnFacts(nulls, empties, {TEXT_FORM: distinct.total()}, {TEXT_FORM: row})
        if not tells_all(form):
            return None
        counts[shape], first_rows[shape] = distinct[text], row
    return with_forms(
        ColumnFacts(nulls, empties),
        (FormCount.of(shape, count, first_rows[shape]) for shape, count in counts.items()),
    )
