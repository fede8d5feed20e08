"""What is done faster for a few rows gives what is done for many: a property test of each shorter way."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from medical_data_pipeline.adapters.arrow.block_parser import parse_block
from medical_data_pipeline.adapters.arrow.blocks import Block
from medical_data_pipeline.adapters.arrow.cells import typed_cells
from medical_data_pipeline.adapters.arrow.column_facts import column_facts
from medical_data_pipeline.adapters.arrow.few_cells import FEW_CELLS
from medical_data_pipeline.adapters.arrow.few_rows import FEW_BYTES
from medical_data_pipeline.adapters.arrow.record_cutter import cut_records
from medical_data_pipeline.adapters.arrow.wide_cells import typed_columns
from medical_data_pipeline.adapters.arrow.wide_facts import is_wide, wide_facts
from medical_data_pipeline.conversion.tokenizer import tokenize
from medical_data_pipeline.model.conversion import ColumnPlan, ReadPlan
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.model.dialect import Dialect
from medical_data_pipeline.model.table import BIGINT, BOOLEAN, DATE, DOUBLE, TEXT, decimal
from tests.conversions import Converter

_NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.integers(0, 99_999).map("{:05d}".format),
    st.decimals(-1000, 1000, places=2).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
)
_TOKENS = st.sampled_from(
    ["", None, "NA", "N/A", ".", "\\N", "true", "False", "TRUE", "1,234", "-0", "-0.00"]
)
_WORDS = st.sampled_from(
    ["0", "-", "+5", " 7", "7\t", " ", "2024-02-30", "2024-01-31T08:00:00Z", "é", "A\nB", "٣"]
)
_MORE = st.sampled_from(["-.00", ".5", "5.", "-5.", "05/03/2024", "12E4", "1,5", "-5", "007"])
_CELLS = st.lists(st.one_of(_NUMBERS, _TOKENS, _WORDS, _MORE), min_size=1, max_size=20)
_TABLE = st.integers(1, 12).flatmap(
    lambda rows: st.lists(
        st.lists(st.one_of(_NUMBERS, _TOKENS, _WORDS, _MORE), min_size=rows, max_size=rows),
        min_size=1,
        max_size=6,
    )
)
_LINE = st.lists(st.text("ab1 é-.", max_size=3), min_size=1, max_size=4)
_LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r", "\n\n"])


@settings(deadline=None)
@given(_CELLS)
def test_the_facts_of_few_cells_are_those_of_many_alike(cells: list[str | None]) -> None:
    times = FEW_CELLS // len(cells) + 2
    few = column_facts(pa.array(cells, pa.string()), np.arange(len(cells)) + 1)

    many = column_facts(pa.array(cells * times, pa.string()), np.arange(len(cells) * times) + 1)

    assert (many.nulls, many.empties, many.padded) == (
        few.nulls * times,
        few.empties * times,
        few.padded * times,
    )
    assert many.forms == {form: count * times for form, count in few.forms.items()}
    assert many.first_rows == few.first_rows
    assert many.tokens == {token: count * times for token, count in few.tokens.items()}
    assert many.valid_moments == {order: count * times for order, count in few.valid_moments.items()}
    assert (many.offsets, bool(many.int64_misfits), bool(many.inexact_doubles)) == (
        few.offsets,
        bool(few.int64_misfits),
        bool(few.inexact_doubles),
    )


@settings(deadline=None)
@given(_TABLE)
def test_the_facts_of_many_columns_are_those_of_each(table: list[list[str | None]]) -> None:
    columns = [pa.array(cells, pa.string()) for cells in table]
    rows = np.arange(len(table[0])) + 1

    found = wide_facts(columns, rows)

    each = [column_facts(column, rows) for column in columns]
    assert [facts or alone for facts, alone in zip(found, each, strict=True)] == each


def test_a_declared_word_for_null_is_no_text_in_many_columns_either(convert: Converter) -> None:
    names = [f"n{number}" for number in range(40)]
    rows = (names, ["unknown"] * 40, ["7"] * 40)

    converted = convert(
        "".join(",".join(row) + "\n" for row in rows), Dataset(table="t", null_tokens=("unknown",))
    )

    assert converted.types == dict.fromkeys(names, "bigint")
    assert converted.table.to_pylist() == [dict.fromkeys(names), dict.fromkeys(names, 7)]


_PLANS = [
    ColumnPlan("a", "a", column_type, null_tokens=("NA",), is_forced=True)
    for column_type in (TEXT, BIGINT, DOUBLE, DATE, BOOLEAN, decimal(9, 2))
]


@settings(deadline=None, max_examples=30)
@given(_TABLE, st.data())
def test_many_columns_are_typed_as_each_is(table: list[list[str | None]], data: st.DataObject) -> None:
    columns = [pa.array(cells, pa.string()) for cells in table] * 32
    assert is_wide(len(columns), len(table[0]))
    plans = data.draw(st.lists(st.sampled_from(_PLANS), min_size=len(columns), max_size=len(columns)))

    together = typed_columns(columns, plans)

    for whole, column, plan in zip(together, columns, plans, strict=True):
        alone = typed_cells(column, plan)
        assert whole.column.to_pylist() == alone.column.to_pylist()
        no_misfits = [False] * len(column)
        assert list(whole.misfits if whole.misfits is not None else no_misfits) == list(
            alone.misfits if alone.misfits is not None else no_misfits
        )


@settings(deadline=None)
@given(st.lists(_LINE, min_size=1, max_size=8), _LINE_ENDS, st.sampled_from(",;\t"), st.booleans())
def test_few_rows_are_parsed_as_many_are(
    lines: list[list[str]], line_end: str, delimiter: str, is_quoting: bool
) -> None:
    plan = ReadPlan(Dialect(delimiter, '"' if is_quoting else ""), ("a", "b"))
    text = "".join(delimiter.join(line) + line_end for line in lines)
    times = FEW_BYTES // len(text.encode()) + 2

    few, many = (parsed(content, plan) for content in (text, text * times))

    assert many.rows_read == few.rows_read * times
    assert len(many.rejected) == len(few.rejected) * times
    assert many.table.to_pylist() == few.table.to_pylist() * times


def parsed(text: str, plan: ReadPlan):  # type: ignore[no-untyped-def]
    data = text.encode()
    # Not the first block: it has no header.
    return parse_block(Block(1, data, (), cut_records(data, plan.dialect, is_last=True)), plan, plan.columns)


@settings(deadline=None)
@given(st.lists(_LINE, max_size=8), _LINE_ENDS, st.sampled_from(",;\t"))
def test_a_text_without_quotes_is_cut_as_one_with_them(
    lines: list[list[str]], line_end: str, delimiter: str
) -> None:
    text = "".join(delimiter.join(line) + line_end for line in lines)
    dialect = Dialect(delimiter, '"', "")

    *records, last = tokenize(text + '"quoted"', dialect)

    assert last.texts == ("quoted",)
    assert tokenize(text, dialect) == records
