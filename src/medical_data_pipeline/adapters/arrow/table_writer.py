"""Blocks typed by plan and written to their series of files; rows that do not fit go to the quarantine's."""

from collections import Counter
from datetime import datetime
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medical_data_pipeline.adapters.arrow.block_parser import ParsedBlock
from medical_data_pipeline.adapters.arrow.blocks import Block
from medical_data_pipeline.adapters.arrow.cells import arrow_type, typed_cells
from medical_data_pipeline.adapters.arrow.file_pass import SERIES, Place
from medical_data_pipeline.adapters.arrow.parquet_parts import PartWriter, publish
from medical_data_pipeline.adapters.arrow.rejected_rows import (
    QUARANTINE_SCHEMA,
    TypedBlock,
    quarantine_rows,
    rejected_rows,
)
from medical_data_pipeline.errors import FileRefused
from medical_data_pipeline.model.conversion import Lineage, ReadPlan, WritePlan, WriteReport, WrittenFile
from medical_data_pipeline.model.quarantine import RejectedRow
from medical_data_pipeline.model.table import LINEAGE, Kind

QUARANTINE_FOLDER = "_quarantine"
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())
_CONSTANT_TEXTS = ("_source_file", "_load_id")
_GROWING = (Kind.BIGINT, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ)


class TableWriter:
    """All files of one file's rows. Hidden until `publish`; `abandon` leaves nothing."""

    def __init__(self, read: ReadPlan, plan: WritePlan, repeating: frozenset[str]) -> None:
        self._read = read
        self.plan = plan
        self._types = {column.name: str(column.type) for column in plan.columns}
        self._schema = _schema(plan)
        plan.directory.mkdir(parents=True, exist_ok=True)
        folder = plan.directory / QUARANTINE_FOLDER
        self._parts = [self._part(plan.directory, index, repeating) for index in range(SERIES)]
        self._quarantine = PartWriter(folder, "part", QUARANTINE_SCHEMA, ["reason", "_source_file"], [])
        self._lock = Lock()
        self._loaded = 0
        self._filled = 0
        self._rejected: Counter[str] = Counter()
        self._nulls: Counter[str] = Counter()

    def write(self, block: Block, parsed: ParsedBlock, place: Place) -> None:
        """Write one block.

        Raises:
            pa.ArrowInvalid: a cell does not fit a type that is not forced.
        """
        columns, misfits = [], {}
        for column in self.plan.columns:
            typed = typed_cells(parsed.column(column.source), column)
            columns.append(typed.column)
            if typed.misfits is not None:
                misfits[column.name] = typed.misfits
        typed_block = TypedBlock(block, parsed, place, misfits)
        if self.plan.has_lineage_columns:
            columns += _lineage_columns(self.plan.lineage, typed_block.rows + place.row + 1)
        self._write_table(pa.table(columns, schema=self._schema), typed_block)

    def _write_table(self, table: pa.Table, typed: TypedBlock) -> None:
        keep = typed.kept()
        if keep is not None:
            table = table.filter(pa.array(keep))
        rejected = rejected_rows(typed, self._types, self._read)
        self._count(table, typed, rejected)
        self._parts[typed.block.number % SERIES].write(table)
        if rejected:
            with self._lock:
                self._quarantine.write(quarantine_rows(rejected, self.plan.lineage))

    def _count(self, table: pa.Table, typed: TypedBlock, rejected: list[RejectedRow]) -> None:
        short, keep = typed.parsed.is_short, typed.kept()
        filled = 0 if short is None else int((short if keep is None else short & keep).sum())
        with self._lock:
            self._loaded += table.num_rows
            self._filled += filled
            self._rejected.update(row.reason.value for row in rejected)
            for name in table.column_names:
                self._nulls[name] += table.column(name).null_count

    def publish(self) -> WriteReport:
        """Make the files durable and visible, unless too many rows were set aside.

        Raises:
            FileRefused: TOO_MANY_BAD_ROWS; nothing is left.
        """
        try:
            self._require_within_limit()
            written = [part.finish(keep_empty=index == 0) for index, part in enumerate(self._parts)]
            data = [file for files in written for file in files]
            rejected = self._quarantine.finish(keep_empty=False)
            if (self.plan.directory / QUARANTINE_FOLDER).is_dir():
                publish(self.plan.directory / QUARANTINE_FOLDER, rejected)
            publish(self.plan.directory, data)
        except BaseException:
            self.abandon()
            raise
        self._remove_empty_folder()
        return self._report(data, rejected)

    def abandon(self) -> None:
        for part in (*self._parts, self._quarantine):
            part.abandon()
        self._remove_empty_folder()

    def _part(self, directory: Path, index: int, repeating: frozenset[str]) -> PartWriter:
        dictionaries = [column.name for column in self.plan.columns if column.source in repeating]
        growing = [
            column.name
            for column in self.plan.columns
            if column.type.kind in _GROWING and column.source not in repeating
        ]
        if self.plan.has_lineage_columns:
            dictionaries += [*_CONSTANT_TEXTS, "_loaded_at"]
            growing.append("_source_row")
        return PartWriter(directory, f"part-{index}", self._schema, dictionaries, growing)

    def _require_within_limit(self) -> None:
        rejected = sum(self._rejected.values())
        read = self._loaded + rejected
        if self.plan.reject_limit.is_exceeded(rejected, read):
            counts = ", ".join(f"{reason} {count}" for reason, count in sorted(self._rejected.items()))
            raise FileRefused("TOO_MANY_BAD_ROWS", f"{rejected} of {read} rows do not fit: {counts}")

    def _remove_empty_folder(self) -> None:
        folder = self.plan.directory / QUARANTINE_FOLDER
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def _report(self, data: list[WrittenFile], rejected: list[WrittenFile]) -> WriteReport:
        return WriteReport(
            data_files=tuple(data),
            quarantine_files=tuple(
                WrittenFile(f"{QUARANTINE_FOLDER}/{file.name}", file.size_bytes, file.rows)
                for file in rejected
            ),
            rows_loaded=self._loaded,
            rows_filled=self._filled,
            rejected=dict(self._rejected),
            nulls=dict(self._nulls),
        )


def _schema(plan: WritePlan) -> pa.Schema:
    fields = [pa.field(column.name, arrow_type(column.type)) for column in plan.columns]
    if plan.has_lineage_columns:
        fields += [
            pa.field(c.name, _DICTIONARY if c.name in _CONSTANT_TEXTS else arrow_type(c.type))
            for c in LINEAGE
        ]
    return pa.schema(fields)


def _lineage_columns(lineage: Lineage, rows: npt.NDArray[np.int64]) -> list[pa.Array]:
    zeros = pa.array(np.zeros(len(rows), np.int32))
    return [
        pa.DictionaryArray.from_arrays(zeros, pa.array([lineage.source_file])),
        pa.array(rows, pa.int64()),
        pa.DictionaryArray.from_arrays(zeros, pa.array([lineage.load_id])),
        pa.array(np.full(len(rows), _micros(lineage.loaded_at)), pa.int64()).view(pa.timestamp("us", "UTC")),
    ]


def _micros(moment: datetime) -> int:
    return int(pa.scalar(moment, pa.timestamp("us", "UTC")).value)
