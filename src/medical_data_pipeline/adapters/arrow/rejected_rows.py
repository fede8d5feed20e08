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
from medical_data_pipeline.adapters.arrow.record_cutter import record_ends
from medical_data_pipeline.model.conversion import Lineage, ReadPlan
from medical_data_pipeline.model.quarantine import QUARANTINE_COLUMNS, RejectedRow, RejectReason

QUARANTINE_SCHEMA = pa.schema([(column.name, arrow_type(column.type)) for column in QUARANTINE_COLUMNS])
Misfits = Mapping[str, npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class TypedBlock:
    """A block with the cells that do not fit: a mask over its table for each column that has any."""

    block: Block
    parsed: ParsedBlock
    place: Place
    misfits: Misfits

    @property
    def rows(self) -> npt.NDArray[np.int64]:
        """The number of each of the table's rows in the block, from 0."""
        return np.arange(self.parsed.rows_read) if self.parsed.rows is None else self.parsed.rows

    def kept(self) -> npt.NDArray[np.bool_] | None:
        """Which of the table's rows stay, or None for all."""
        if not self.misfits:
            return None
        keep: npt.NDArray[np.bool_] = ~np.logical_or.reduce(list(self.misfits.values()))
        return keep


def rejected_rows(typed: TypedBlock, types: Mapping[str, str], read: ReadPlan) -> list[RejectedRow]:
    """The rows to set aside, in file order; each once, for the first column that does not fit."""
    if not typed.misfits and not typed.parsed.rejected:
        return []
    lines = _RowTexts(typed, read)
    found = {odd.row: _odd(odd, lines, typed.place) for odd in typed.parsed.rejected}
    rows = typed.rows
    for name, mask in typed.misfits.items():
        for index in np.flatnonzero(mask).tolist():
            row = int(rows[index])
            if row not in found:
                found[row] = _misfit(row, name, types[name], lines, typed)
    return [found[row] for row in sorted(found)]


def _odd(odd: OddRow, lines: "_RowTexts", place: Place) -> RejectedRow:
    return RejectedRow(place.row + odd.row + 1, lines.line(odd.row), odd.reason, "", "", odd.raw)


def _misfit(row: int, name: str, wanted: str, lines: "_RowTexts", typed: TypedBlock) -> RejectedRow:
    is_short = row in typed.parsed.raw_short
    reason = RejectReason.TOO_FEW_FIELDS if is_short else RejectReason.WRONG_TYPE
    raw = typed.parsed.raw_short[row] if is_short else lines.text(row)
    return RejectedRow(typed.place.row + row + 1, lines.line(row), reason, name, wanted, raw)


class _RowTexts:
    """Where the rows of a block are in its bytes; worked out only for blocks with rejected rows."""

    def __init__(self, typed: TypedBlock, read: ReadPlan) -> None:
        data = typed.block.data
        ends = [*record_ends(data, typed.block.cut).tolist(), len(data)]
        skipped = len(data) - len(without_header(typed.block, read))
        spans = zip([0, *ends], ends, strict=False)
        self._spans = [(a, b) for a, b in spans if a >= skipped and data[a:b].strip(b"\r\n")]
        self._data = data
        self._first_line = typed.place.line

    def text(self, row: int) -> str:
        start, end = self._spans[row]
        return self._data[start:end].rstrip(b"\r\n").decode("utf-8", "backslashreplace")

    def line(self, row: int) -> int:
        """The row's physical line, from 1."""
        return self._first_line + line_ends(self._data[: self._spans[row][0]]) + 1


def line_ends(data: bytes) -> int:
    octets = np.frombuffer(data, np.uint8)
    count = int(np.count_nonzero(octets == ord("\n")))
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
