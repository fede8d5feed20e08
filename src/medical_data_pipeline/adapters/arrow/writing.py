"""The second pass: every block typed by plan and written, rows that do not fit set aside with their text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medical_data_pipeline.adapters.arrow.block_parser import (
    ArrowTypes,
    OddRow,
    ParsedBlock,
    header_lines,
    parse_block,
)
from medical_data_pipeline.adapters.arrow.blocks import Block
from medical_data_pipeline.adapters.arrow.cells import arrow_type, can_parse_directly, typed_cells
from medical_data_pipeline.adapters.arrow.parquet_parts import PartWriter
from medical_data_pipeline.adapters.arrow.profiling import DICTIONARY_TYPE, TEXT_TYPE, one_chunk
from medical_data_pipeline.adapters.arrow.record_cutter import record_ends
from medical_data_pipeline.errors import FileRefused
from medical_data_pipeline.model.conversion import ColumnPlan, Lineage, ReadPlan, WritePlan
from medical_data_pipeline.model.quarantine import QUARANTINE_COLUMNS, RejectedRow, RejectReason
from medical_data_pipeline.model.table import LINEAGE, Kind

QUARANTINE_SCHEMA = pa.schema([(column.name, arrow_type(column.type)) for column in QUARANTINE_COLUMNS])


@dataclass(frozen=True)
class Layout:
    """How every block is parsed and written: decided once, before the first."""

    read: ReadPlan
    plan: WritePlan
    parse_types: ArrowTypes
    schema: pa.Schema
    dictionaries: tuple[str, ...]
    deltas: tuple[str, ...]


def make_layout(read: ReadPlan, plan: WritePlan, repeating: frozenset[str]) -> Layout:
    fields, parse_types, dictionaries, deltas = [], {}, [], []
    for column in plan.columns:
        is_text = column.type.kind is Kind.TEXT
        parse_types[column.source] = _parse_type(column, column.source in repeating)
        kind = DICTIONARY_TYPE if is_text and column.source in repeating else arrow_type(column.type)
        fields.append(pa.field(column.name, kind))
        if column.source in repeating:
            dictionaries.append(column.name)
        elif column.type.kind in (Kind.BIGINT, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ, Kind.DATE):
            deltas.append(column.name)
    if plan.has_lineage_columns:
        texts = {"_source_file", "_load_id"}
        fields += [
            pa.field(column.name, DICTIONARY_TYPE if column.name in texts else arrow_type(column.type))
            for column in LINEAGE
        ]
        dictionaries += [*sorted(texts), "_loaded_at"]
        deltas.append("_source_row")
    return Layout(read, plan, parse_types, pa.schema(fields), tuple(dictionaries), tuple(deltas))


def _parse_type(column: ColumnPlan, repeats: bool) -> pa.DataType:
    if can_parse_directly(column):
        return arrow_type(column.type)
    return DICTIONARY_TYPE if repeats else TEXT_TYPE


@dataclass
class Tally:
    """What the threads have counted so far; the lock is theirs to share."""

    rows_read: int
    loaded: int = 0
    filled: int = 0
    rejected: dict[str, int] = field(default_factory=dict)
    nulls: dict[str, int] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    def count(self, table: pa.Table, filled: int, rejected: Sequence[RejectedRow]) -> int:
        """Add one block; returns how many rows are set aside by now."""
        with self.lock:
            self.loaded += table.num_rows
            self.filled += filled
            for name in table.column_names:
                self.nulls[name] = self.nulls.get(name, 0) + table.column(name).null_count
            for row in rejected:
                self.rejected[row.reason.value] = self.rejected.get(row.reason.value, 0) + 1
            return sum(self.rejected.values())


class BlockWriter:
    """Types blocks and hands them to their series of files, and the rejected rows to the quarantine's."""

    def __init__(self, layout: Layout, quarantine: PartWriter, tally: Tally) -> None:
        self._layout = layout
        self._quarantine = quarantine
        self._tally = tally

    def write(self, block: Block, first_row: int, part: PartWriter) -> None:
        """Write one block whose first row has number `first_row`, from 0."""
        layout = self._layout
        parsed = parse_block(block, layout.read, layout.parse_types)
        columns, misfits = _typed_columns(parsed, layout.plan.columns)
        rows = np.arange(parsed.rows_read) if parsed.rows is None else parsed.rows
        keep = _kept(misfits, len(rows))
        if layout.plan.has_lineage_columns:
            columns += _lineage_columns(layout.plan.lineage, rows + first_row + 1)
        table = pa.table(columns, schema=layout.schema)
        if keep is not None:
            table = table.filter(pa.array(keep))
        rejected = _rejected_rows(_Rejects(block, parsed, rows, misfits, first_row), layout)
        filled = (
            0 if parsed.is_short is None else int((parsed.is_short & (True if keep is None else keep)).sum())
        )
        total = self._tally.count(table, filled, rejected)
        self._require_within_limit(total)
        part.write(table)
        if rejected:
            self._write_rejected(rejected)

    def _require_within_limit(self, rejected: int) -> None:
        limit = self._layout.plan.reject_limit
        if limit.is_exceeded(rejected, self._tally.rows_read):
            raise FileRefused(
                "TOO_MANY_BAD_ROWS",
                f"more than {limit.share:.0%} of {self._tally.rows_read} rows do not fit: "
                + ", ".join(f"{reason} {count}" for reason, count in sorted(self._tally.rejected.items())),
            )

    def _write_rejected(self, rejected: Sequence[RejectedRow]) -> None:
        lineage = self._layout.plan.lineage
        table = pa.table(
            {
                "line": [row.line for row in rejected],
                "reason": [row.reason.value for row in rejected],
                "column_name": [row.column or None for row in rejected],
                "wanted": [row.wanted or None for row in rejected],
                "raw_text": [row.raw_text for row in rejected],
                "_source_file": [lineage.source_file] * len(rejected),
                "_source_row": [row.row for row in rejected],
                "_load_id": [lineage.load_id] * len(rejected),
                "_loaded_at": [lineage.loaded_at] * len(rejected),
            },
            schema=QUARANTINE_SCHEMA,
        )
        with self._tally.lock:
            self._quarantine.write(table)


def _typed_columns(
    parsed: ParsedBlock, plans: Sequence[ColumnPlan]
) -> tuple[list[pa.Array], Mapping[str, npt.NDArray[np.bool_]]]:
    columns: list[pa.Array] = []
    misfits: dict[str, npt.NDArray[np.bool_]] = {}
    for plan in plans:
        column = one_chunk(parsed.table.column(plan.source))
        if not can_parse_directly(plan):
            typed = typed_cells(column, plan)
            column = typed.column
            if typed.misfits is not None:
                misfits[plan.name] = typed.misfits
        columns.append(column)
    return columns, misfits


def _kept(misfits: Mapping[str, npt.NDArray[np.bool_]], rows: int) -> npt.NDArray[np.bool_] | None:
    if not misfits:
        return None
    keep = np.ones(rows, bool)
    for mask in misfits.values():
        keep &= ~mask
    return keep


def _lineage_columns(lineage: Lineage, rows: npt.NDArray[np.int64]) -> list[pa.Array]:
    zeros = pa.array(np.zeros(len(rows), np.int32))
    micros = _micros(lineage.loaded_at)
    return [
        pa.DictionaryArray.from_arrays(zeros, pa.array([lineage.source_file])),
        pa.array(rows, pa.int64()),
        pa.DictionaryArray.from_arrays(zeros, pa.array([lineage.load_id])),
        pa.array(np.full(len(rows), micros), pa.int64()).view(pa.timestamp("us", "UTC")),
    ]


def _micros(moment: datetime) -> int:
    return int(pa.scalar(moment, pa.timestamp("us", "UTC")).value)


@dataclass(frozen=True)
class _Rejects:
    """One block's rows that may have to be set aside, with what tells their place in the file."""

    block: Block
    parsed: ParsedBlock
    rows: npt.NDArray[np.int64]
    misfits: Mapping[str, npt.NDArray[np.bool_]]
    first_row: int


def _rejected_rows(found: _Rejects, layout: Layout) -> list[RejectedRow]:
    if not found.misfits and not found.parsed.rejected:
        return []
    place = _Places(found, layout.read)
    rejected = [_rejected(odd, place, found.first_row) for odd in found.parsed.rejected]
    types = {column.name: str(column.type) for column in layout.plan.columns}
    seen: set[int] = set()
    for name, mask in found.misfits.items():
        for index in np.flatnonzero(mask).tolist():
            row = int(found.rows[index])
            if row in seen:
                continue
            seen.add(row)
            is_short = row in found.parsed.raw_short
            reason = RejectReason.TOO_FEW_FIELDS if is_short else RejectReason.WRONG_TYPE
            raw = found.parsed.raw_short.get(row) or place.text(row)
            rejected.append(
                RejectedRow(found.first_row + row + 1, place.line(row), reason, name, types[name], raw)
            )
    return sorted(rejected, key=lambda each: each.row)


def _rejected(odd: OddRow, place: "_Places", first_row: int) -> RejectedRow:
    return RejectedRow(first_row + odd.row + 1, place.line(odd.row), odd.reason, "", "", odd.raw)


class _Places:
    """Where the rows of a block are in its bytes; worked out only for blocks with rejected rows."""

    def __init__(self, found: _Rejects, plan: ReadPlan) -> None:
        data = found.block.data
        ends = [*record_ends(data, found.block.cut).tolist(), len(data)]
        starts = [0, *ends]
        spans = [(a, b) for a, b in zip(starts, ends, strict=False) if data[a:b].strip(b"\r\n")]
        skip = 1 if header_lines(found.block, plan) else 0
        self._spans = spans[skip:]
        self._data = data
        self._first_line = found.block.first_line
        self._known = (0, 0)

    def text(self, row: int) -> str:
        start, end = self._spans[row]
        return self._data[start:end].rstrip(b"\r\n").decode("utf-8", "backslashreplace")

    def line(self, row: int) -> int:
        """The row's physical line, from 1."""
        start = self._spans[row][0]
        known_at, known_lines = self._known if self._known[0] <= start else (0, 0)
        gap = self._data[known_at:start]
        lines = known_lines + gap.count(b"\n") + gap.count(b"\r") - gap.count(b"\r\n")
        self._known = (start, lines)
        return self._first_line + lines + 1
