"""Where a file is cut into blocks changes nothing: no byte is lost, and the same rows come out."""

import csv
import io
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medical_data_pipeline.adapters.arrow.block_parser import ParsedBlock, parse_block
from medical_data_pipeline.adapters.arrow.blocks import Block, BlockSizes, blocks
from medical_data_pipeline.adapters.arrow.byte_source import ByteSource
from medical_data_pipeline.conversion.tokenizer import tokenize
from medical_data_pipeline.model.conversion import ReadPlan
from medical_data_pipeline.model.dialect import Dialect

COLUMNS = ("a", "b", "c")
DIALECTS = st.builds(
    Dialect,
    delimiter=st.sampled_from(",;|"),
    escape=st.sampled_from(["", "", "\\"]),
    has_header=st.just(False),
)
# What a parser stumbles over, in any order.
SCRAPS = st.lists(
    st.sampled_from([",", ",", ";", '"', '"', '""', "\n", "\n", "\r\n", "\r", "\\", "x", "1", "é", " "]),
    max_size=60,
).map("".join)
CELLS = st.text(st.sampled_from(list("ab1 ,;|\"'\\\n\ré")), max_size=8)
SIZES = st.builds(BlockSizes, st.integers(1, 40), st.integers(1, 40))
WHOLE = BlockSizes(1 << 20, 1 << 20)


def cut(text: str, dialect: Dialect, sizes: BlockSizes) -> list[Block]:
    plan = ReadPlan(dialect, COLUMNS, is_encoding_lenient=True)
    return list(blocks(ByteSource(io.BytesIO(text.encode())), plan, sizes))


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_lines_above_the_table_are_left_out_however_little_is_read_at_a_time(line_end: str) -> None:
    dialect = Dialect(has_header=False, skip_lines=3)
    text = line_end.join(["Report", "", "of the ward", "1,2,3", "4,5,6", ""])

    for size in range(1, len(text)):
        found = rows_of(cut(text, dialect, BlockSizes(size, size)), dialect)
        assert found == [("1", "2", "3"), ("4", "5", "6")]


def rows_of(found: list[Block], dialect: Dialect) -> list[tuple[object, ...]]:
    """Every row of the blocks in order: its cells, or why it is none and its text."""
    plan = ReadPlan(dialect, COLUMNS)
    return [row for block in found for row in rows_of_block(parse_block(block, plan, COLUMNS))]


def rows_of_block(parsed: ParsedBlock) -> list[tuple[object, ...]]:
    numbers = range(parsed.rows_read) if parsed.rows is None else parsed.rows.tolist()
    cells = zip(*(parsed.column(name).to_pylist() for name in COLUMNS), strict=True)
    rows: dict[int, tuple[object, ...]] = dict(zip(numbers, cells, strict=True))
    rows |= {odd.row: (odd.reason.value, odd.raw) for odd in parsed.rejected}
    assert len(rows) == parsed.rows_read
    return [rows[number] for number in sorted(rows)]


def with_set_aside(block: Block) -> bytes:
    data = block.data
    for aside in block.set_aside:
        data = data.replace(aside.mark.encode(), aside.raw, 1)
    return data


@settings(max_examples=500, deadline=None, suppress_health_check=list(HealthCheck))
@given(SCRAPS, DIALECTS, SIZES)
def test_no_byte_is_lost_and_no_row_depends_on_where_blocks_end(
    text: str, dialect: Dialect, sizes: BlockSizes
) -> None:
    small, whole = cut(text, dialect, sizes), cut(text, dialect, WHOLE)

    assert b"".join(map(with_set_aside, small)).rstrip(b"\n") == text.encode().rstrip(b"\n")
    assert rows_of(small, dialect) == rows_of(whole, dialect)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=12), st.sampled_from(["\n", "\r\n"]), SIZES)
def test_blocks_of_a_well_written_file_hold_what_another_reader_finds(
    table: list[tuple[str, str, str]], line_end: str, sizes: BlockSizes
) -> None:
    file = io.StringIO()
    csv.writer(file, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows(table)
    dialect = Dialect(has_header=False)

    found = rows_of(cut(file.getvalue(), dialect, sizes), dialect)

    assert found == [tuple(row) for row in csv.reader(io.StringIO(file.getvalue(), newline=""))]


def escaped(cell: str) -> str:
    """As MySQL's `INTO OUTFILE` writes a cell: what could end it is escaped, and so is the escape itself."""
    return "".join("\\" + char if char in '\\,"\n' else char for char in cell)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(st.tuples(CELLS, CELLS, CELLS), max_size=12), st.booleans(), SIZES)
def test_an_escaped_line_end_is_a_part_of_its_cell(
    table: list[tuple[str, str, str]], is_quoted: bool, sizes: BlockSizes
) -> None:
    table = [tuple("x" + cell.replace("\r", "") for cell in row) for row in table]  # type: ignore[misc]
    form = '"{}"' if is_quoted else "{}"
    text = "".join(",".join(form.format(escaped(cell)) for cell in row) + "\n" for row in table)
    dialect = Dialect(escape="\\", has_header=False)

    assert rows_of(cut(text, dialect, sizes), dialect) == table
    assert [record.texts for record in tokenize(text, dialect)] == table


def test_an_escaped_line_end_of_windows_is_a_part_of_its_cell_too() -> None:
    dialect = Dialect(escape="\\", has_header=False)
    text = "a,one\\\r\ntwo,b\r\nc,C:\\\\,d\r\n"

    for size in range(3, 30):
        found = rows_of(cut(text, dialect, BlockSizes(size, size)), dialect)
        assert found == [("a", "one\r\ntwo", "b"), ("c", "C:\\", "d")]


def test_a_line_that_begins_a_quote_is_set_aside_wherever_its_block_ends() -> None:
    text = "".join(f"{n},{chr(34) if n == 20 else ''}row {n},x\n" for n in range(40))
    dialect = replace(Dialect(), has_header=False)

    for size in (7, 50, 400):
        rows = rows_of(cut(text, dialect, BlockSizes(size, size)), dialect)
        assert [row for row in rows if len(row) == 2] == [("unclosed_quote", '20,"row 20,x')]
