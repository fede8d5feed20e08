"""One block of records to columns of text, with the rows that have another width."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from medical_data_pipeline.adapters.arrow.blocks import Block
from medical_data_pipeline.adapters.arrow.empty_cells import empties_as_nulls
from medical_data_pipeline.adapters.arrow.few_rows import read_few_rows
from medical_data_pipeline.adapters.arrow.literal_marks import kept_literal
from medical_data_pipeline.adapters.arrow.record_cutter import record_ends
from medical_data_pipeline.model.conversion import ReadPlan
from medical_data_pipeline.model.quarantine import RejectReason, is_row_count_line


@dataclass(frozen=True)
class OddRow:
    """A row that is not in the table as it came. `row` counts the block's rows from 0."""

    row: int
    raw: str
    reason: RejectReason


@dataclass(frozen=True)
class ParsedBlock:
    """`table` in row order, `rows` the number of each of its rows in the block, from 0, or None for all.

    `is_short` tells the rows that came with missing trailing fields, or None when there are none. Without
    `has_quotes` no cell is quoted, so an empty one is null.
    """

    table: pa.Table
    rows_read: int
    rejected: tuple[OddRow, ...] = ()
    rows: np.ndarray | None = None
    is_short: np.ndarray | None = None
    short_rows: frozenset[int] = frozenset()
    has_quotes: bool = True

    def column(self, name: str) -> pa.StringArray:
        cells = self.table.column(name)
        return cells.chunk(0) if cells.num_chunks == 1 else cells.combine_chunks()


class _OddRows:
    """Collects what the parser finds too wide or too narrow."""

    def __init__(self) -> None:
        self.rows: list[tuple[int, int, int, str]] = []

    def __call__(self, row: pa_csv.InvalidRow) -> str:
        self.rows.append((row.number - 1, row.actual_columns, row.expected_columns, row.text))
        return "skip"


def parse_block(block: Block, plan: ReadPlan, wanted: Sequence[str]) -> ParsedBlock:
    """The columns `wanted` from the block, as text: null where the cell is empty and not quoted."""
    data = without_header(block, plan)
    few = read_few_rows(data, plan, wanted)
    if few is not None:
        return ParsedBlock(few, few.num_rows, has_quotes=False)
    odd = _OddRows()
    table = _read(kept_literal(block, data, plan.dialect), plan, wanted, odd)
    if not odd.rows:
        return ParsedBlock(table, table.num_rows)
    return _with_odd_rows(block, plan, table, odd.rows)


def without_header(block: Block, plan: ReadPlan) -> bytes:
    """The records of the block that are rows."""
    if block.number or not plan.dialect.has_header:
        return block.data
    start, lines = 0, 1 + plan.dialect.has_ruler
    plain_end = _plain_line_end(block)
    if plain_end and lines == 1:
        return block.data[plain_end:]
    for end in record_ends(block.data, block.cut).tolist():
        # Blank lines may stand before the header; none of them is it.
        lines -= bool(block.data[start:end].strip(b"\r\n"))
        start = end
        if not lines:
            return block.data[end:]
    return b""


def _plain_line_end(block: Block) -> int:
    """The end of the first line where nothing but a line feed can end it; 0 where it takes more to know."""
    end = block.data.find(b"\n") + 1
    has_quotes = block.cut.quotes is not None and len(block.cut.quotes) > 0
    is_plain = not has_quotes and block.data.find(b"\r", 0, end) in (-1, end - 2)
    return end if is_plain and block.data[:end].strip(b"\r\n") else 0


def _read(data: bytes, plan: ReadPlan, wanted: Sequence[str], odd: _OddRows | None) -> pa.Table:
    if not data.strip(b"\r\n"):
        return pa.table({name: pa.array([], pa.string()) for name in wanted})
    dialect = plan.dialect
    if not data.endswith((b"\n", b"\r")):
        # Without it this parser takes an empty last cell after a quoted one for quoted too.
        data += b"\n"
    quote = dialect.quote.encode()
    # What this parser need not look for makes it faster.
    has_quotes = bool(quote) and quote in data
    has_quoted_empties = has_quotes and quote * 2 in data
    table = pa_csv.read_csv(
        pa.BufferReader(pa.py_buffer(data)),
        read_options=pa_csv.ReadOptions(
            use_threads=False, block_size=len(data) + 1, column_names=list(plan.columns)
        ),
        parse_options=pa_csv.ParseOptions(
            delimiter=dialect.delimiter,
            quote_char=dialect.quote if has_quotes else False,
            double_quote=has_quotes,
            escape_char=dialect.escape or False,
            newlines_in_values=has_quotes,
            invalid_row_handler=odd,
        ),
        convert_options=pa_csv.ConvertOptions(
            column_types=dict.fromkeys(wanted, pa.string()),
            include_columns=list(wanted),
            null_values=[""] if has_quoted_empties else [],
            strings_can_be_null=has_quoted_empties,
            quoted_strings_can_be_null=False,
            check_utf8=False,
        ),
    )
    return table if has_quoted_empties else empties_as_nulls(table)


def _with_odd_rows(
    block: Block,
    plan: ReadPlan,
    table: pa.Table,
    found: Sequence[tuple[int, int, int, str]],
) -> ParsedBlock:
    marks = {aside.mark: aside for aside in block.set_aside}
    rejected: list[OddRow] = []
    kept: list[tuple[int, str, bool]] = []
    for row, actual, expected, text in found:
        aside = marks.get(text)
        repaired = _repaired(text, actual, expected, plan)
        if aside is not None:
            rejected.append(OddRow(row, aside.raw.decode("utf-8", "backslashreplace"), aside.reason))
        elif actual == 1 and is_row_count_line(text):
            rejected.append(OddRow(row, text, RejectReason.ROW_COUNT_LINE))
        elif repaired is None:
            is_short = actual < expected
            reason = RejectReason.TOO_FEW_FIELDS if is_short else RejectReason.TOO_MANY_FIELDS
            rejected.append(OddRow(row, text, reason))
        else:
            kept.append((row, repaired, actual < expected))
    rows_read = table.num_rows + len(found)
    regular = np.setdiff1d(np.arange(rows_read), np.array([row for row, *_ in found]), assume_unique=True)
    return _merged(ParsedBlock(table, rows_read, tuple(rejected), regular), kept, plan)


def _repaired(text: str, actual: int, expected: int, plan: ReadPlan) -> str | None:
    """The row with as many fields as the header, if only empty ones have to come or go."""
    if actual < expected:
        # The parser took an escaped line end at the end of the row for the row's own: the cell is not whole.
        is_whole = not _ends_in_escape(text, plan)
        return text + plan.dialect.delimiter * (expected - actual) if is_whole else None
    surplus = plan.dialect.delimiter * (actual - expected)
    rest = text.removesuffix(surplus)
    return None if rest == text or _ends_in_escape(rest, plan) else rest


def _ends_in_escape(text: str, plan: ReadPlan) -> bool:
    escape = plan.dialect.escape
    return bool(escape) and (len(text) - len(text.rstrip(escape))) % 2 == 1


def _merged(parsed: ParsedBlock, kept: Sequence[tuple[int, str, bool]], plan: ReadPlan) -> ParsedBlock:
    if parsed.rows is None or not kept:
        return parsed
    texts = "\n".join(text for _, text, _ in kept).encode("utf-8")
    table = pa.concat_tables([parsed.table, _read(texts, plan, parsed.table.column_names, None)])
    rows = np.concatenate([parsed.rows, np.array([row for row, *_ in kept])])
    is_short = np.concatenate([np.zeros(len(parsed.rows), bool), [short for *_, short in kept]])
    order = np.argsort(rows, kind="stable")
    return ParsedBlock(
        table.take(pa.array(order)).combine_chunks(),
        parsed.rows_read,
        parsed.rejected,
        rows[order],
        is_short[order],
        frozenset(row for row, _, short in kept if short),
    )
