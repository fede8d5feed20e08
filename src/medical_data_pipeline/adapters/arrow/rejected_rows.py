"""The rows of a block that are set aside: their place in the file, their text and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medical_data_pipeline.adapters.arrow.block_parser import OddRow, ParsedBlock, without_header
from medical_data_pipeline.adapters.arrow.blocks import Block
from medical_data_pipeline.adapters.arrow.cells import arrow_type
from medical_data_pipeline.adapters.arrow.file_pass import Place
from medical_data_pipeline.adapters.arrow.record_cutter import line_ends, record_ends
from medical_data_pipeline.model.conversion import Lineage, ReadPlan
from medical_data_pipeline.model.quarantine import QUARANTINE_COLUMNS, RejectedRow, RejectReason

QUARANTINE_FOLDER = "_quarantine"
QUARANTINE_SCHEMA = pa.schema([(column.name, arrow_type(column.type)) for column in QUARANTINE_COLUMNS])

_COLUMNS_SAID = 3
_NAME_CHARACTERS = 60
_BY_WIDTH = (RejectReason.TOO_MANY_FIELDS, RejectReason.TOO_FEW_FIELDS)


@dataclass(frozen=True)
class Fault:
    """Why some of a block's rows are set aside; `rows` is a mask over its table."""

    reason: RejectReason
    rows: npt.NDArray[np.bool_]
    column: str = ""
    wanted: str = ""


@dataclass(frozen=True)
class TypedBlock:
    """A block whose cells have been typed, with what is wrong with some of its rows."""

    block: Block
    parsed: ParsedBlock
    place: Place
    faults: Sequence[Fault] = ()

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """The number of each of the table's rows in the block, from 0."""
        return np.arange(self.parsed.rows_read) if self.parsed.rows is None else self.parsed.rows

    def kept(self) -> npt.NDArray[np.bool_] | None:
        """Which of the table's rows stay, or None for all."""
        if not self.faults:
            return None
        keep: npt.NDArray[np.bool_] = ~np.logical_or.reduce([fault.rows for fault in self.faults])
        return keep


def rejected_rows(typed: TypedBlock, read: ReadPlan) -> list[RejectedRow]:
    """The rows to set aside, in file order; each once, for the first of its faults."""
    if not typed.faults and not typed.parsed.rejected:
        return []
    lines = _RowTexts(typed, read)
    found = {odd.row: _odd(odd, lines, typed.place) for odd in typed.parsed.rejected}
    rows = typed.rows
    for fault in typed.faults:
        for index in np.flatnonzero(fault.rows).tolist():
            row = int(rows[index])
            if row not in found:
                found[row] = _faulty(row, fault, lines, typed)
    return [found[row] for row in sorted(found)]


def _odd(odd: OddRow, lines: "_RowTexts", place: Place) -> RejectedRow:
    # What was set aside before parsing is not in the block; what the parser met may have been rewritten.
    raw = lines.text(odd.row) if odd.reason in _BY_WIDTH else odd.raw
    return RejectedRow(place.row + odd.row + 1, lines.line(odd.row), odd.reason, "", "", raw)


def _faulty(row: int, fault: Fault, lines: "_RowTexts", typed: TypedBlock) -> RejectedRow:
    is_short = row in typed.parsed.short_rows
    is_too_short = is_short and fault.reason is not RejectReason.DUPLICATE_KEY
    reason = RejectReason.TOO_FEW_FIELDS if is_too_short else fault.reason
    return RejectedRow(
        typed.place.row + row + 1, lines.line(row), reason, fault.column, fault.wanted, lines.text(row)
    )


@dataclass(frozen=True)
class Misfit:
    """Why a row is set aside, and the column and its type if that is about one."""

    reason: str
    column: str = ""
    wanted: str = ""

    def __str__(self) -> str:
        name = self.column if len(self.column) <= _NAME_CHARACTERS else self.column[:_NAME_CHARACTERS] + "…"
        return f"{name}: {self.wanted}" if self.wanted else name


def counted_misfits(misfits: Mapping[Misfit, int]) -> str:
    """How many rows there are of each reason, and in which columns, those with most rows first."""
    said = []
    for reason in sorted({misfit.reason for misfit in misfits}):
        counts = {misfit: count for misfit, count in misfits.items() if misfit.reason == reason}
        said.append(f"{reason} {sum(counts.values())}{_in_columns(counts)}")
    return ", ".join(said)


def _in_columns(counts: Mapping[Misfit, int]) -> str:
    found = sorted((-count, misfit.column, misfit) for misfit, count in counts.items() if misfit.column)
    if not found:
        return ""
    if len(found) == 1:
        return f" (column {found[0][2]})"
    named = [f"{misfit} {-count}" for count, _, misfit in found[:_COLUMNS_SAID]]
    more = [f"{len(found) - _COLUMNS_SAID} more"] if len(found) > _COLUMNS_SAID else []
    return f" (columns {', '.join(named + more)})"


class _RowTexts:
    """Where the rows of a block are in its bytes; worked out only for blocks with rejected rows."""

    def __init__(self, typed: TypedBlock, read: ReadPlan) -> None:
        data = typed.block.data
        ends = [*record_ends(data, typed.block.cut).tolist(), len(data)]
        skipped = len(data) - len(without_header(typed.block, read))
        spans = zip([0, *ends], ends, strict=False)
        self._spans = [(a, b) for a, b in spans if a >= skipped and data[a:b].strip(b"\r\n")]
        self._data = data
        self._line_ends = line_ends(data)
        self._first_line = typed.place.line

    def text(self, row: int) -> str:
        start, end = self._spans[row]
        return self._data[start:end].rstrip(b"\r\n").decode("utf-8", "backslashreplace")

    def line(self, row: int) -> int:
        """The row's physical line, from 1."""
        before = int(np.searchsorted(self._line_ends, self._spans[row][0], side="right"))
        return self._first_line + before + 1


def line_count(data: bytes) -> int:
    count = int(np.count_nonzero(np.frombuffer(data, np.uint8) == ord("\n")))
    if b"\r" in data:
        count += data.count(b"\r") - data.count(b"\r\n")
    return count


def quarantine_rows(rejected: Sequence[RejectedRow], lineage: Lineage) -> pa.Table:
    """The rejected rows as the quarantine table holds them."""
    count = len(rejected)
    return pa.table(
        {
            "line": [row.line for row in rejected],
            "reason": [row.reason.value for row in rejected],
            "column_name": [row.column or None for row in rejected],
            "wanted": [row.wanted or None for row in rejected],
            "raw_text": [row.raw_text for row in rejected],
            "_source_file": [lineage.source_file] * count,
            "_source_row": [row.row for row in rejected],
            "_load_id": [lineage.load_id] * count,
            "_loaded_at": [lineage.loaded_at] * count,
        },
        schema=QUARANTINE_SCHEMA,
    )
