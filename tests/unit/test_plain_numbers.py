"""Numbers seen from their bytes have the very forms that looking at each cell's shape gives."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from medical_data_pipeline.adapters.arrow.plain_numbers import plain_numbers
from medical_data_pipeline.model.forms import Form, classify, shape_of

CELLS = st.one_of(
    st.text(alphabet="0123456789.-", min_size=1, max_size=8),
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(lambda number: f"{number:f}"),
)


def one_by_one(cells: list[str]) -> list[Form]:
    return [classify(shape_of(cell)) for cell in cells]


@given(st.lists(CELLS, min_size=1, max_size=30))
def test_forms_are_those_of_the_shapes_or_the_question_is_left_open(cells: list[str]) -> None:
    found = plain_numbers(pa.array(cells))

    if found is not None:
        assert [found.forms[code] for code in found.codes] == one_by_one(cells)


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "20", "-300", "0"],
        ["007", "7"],
        ["1.50", "22.75", "-3.00"],
        ["1.5", "22", "300.125"],
        [".5", "0.5"],
    ],
)
def test_everyday_columns_are_answered_at_once(cells: list[str]) -> None:
    found = plain_numbers(pa.array(cells))

    assert found is not None
    assert [found.forms[code] for code in found.codes] == one_by_one(cells)


def test_a_slice_of_a_column_is_read_from_its_own_cells_only() -> None:
    column = pa.array(["text", "12", "3.5", "more text"])

    found = plain_numbers(column.slice(1, 2))

    assert found is not None
    assert [found.forms[code] for code in np.asarray(found.codes)] == one_by_one(["12", "3.5"])


@pytest.mark.parametrize("cells", [["-0"], ["-0.0"], ["5."], ["1.2.3"], ["1-2"], ["-"], ["12a"], ["9" * 70]])
def test_what_is_not_plain_is_left_to_a_closer_look(cells: list[str]) -> None:
    assert plain_numbers(pa.array(cells)) is None
