"""Blocks typed by plan and written to their series of files; rows that do not fit go to the quarantine's."""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medical_data_pipeline.adapters.arrow.block_parser import ParsedBlock
from medical_data_pipeline.adapters.arrow.block_profile import Habits
from medical_data_pipeline.adapters.arrow.blocks import Block
from medical_data_pipeline.adapters.arrow.file_pass import SERIES, Place
from medical_data_pipeline.adapters.arrow.lineage import (
    CONSTANT_TEXTS,
    LoadRows,
    lineage_columns,
    table_schema,
)
from medical_data_pipeline.adapters.arrow.parquet_parts import (
    Encodings,
    PartWriter,
    publish,
    storage_errors,
)
from medical_data_pipeline.adapters.arrow.rejected_rows import (
    QUARANTINE_FOLDER,
    QUARANTINE_SCHEMA,
    Fault,
    Misfit,
    TypedBlock,
    counted_misfits,
    quarantine_rows,
    rejected_rows,
)
from medical_data_pipeline.adapters.arrow.shared_files import ArrowSharedFiles, HeldTables
from medical_data_pipeline.adapters.arrow.wide_cells import typed_columns
from medical_data_pipeline.errors import FileRefused
from medical_data_pipeline.model.conversion import ReadPlan, WritePlan, WriteReport, WrittenFile
from medical_data_pipeline.model.quarantine import RejectedRow, RejectReason
from medical_data_pipeline.model.row_layout import PartitionValue
from medical_data_pipeline.model.table import LINEAGE, Kind

if TYPE_CHECKING:
    from medical_data_pipeline.adapters.arrow.repeated_keys import RepeatedKeys

SCRATCH_FOLDER = ".scratch"
_GROWING = (Kind.BIGINT, Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ)


class TableWriter:
    """All files of one file's rows. Hidden until `publish`; `abandon` leaves nothing."""

    def __init__(
        self,
        read: ReadPlan,
        plan: WritePlan,
        habits: Habits,
        repeated_rows: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """`repeated_rows` are the rows to set aside for a later one of their key; None: not known yet."""
        self._read = read
        self.plan = plan
        self._habits = habits
        self._repeated_rows = repeated_rows
        # Rows to be arranged always carry their lineage: it makes their order the same each time.
        self._has_lineage = plan.has_lineage_columns or bool(plan.layout)
        self._schema = table_schema(plan, self._has_lineage)
        self._prefix = f"part-{plan.attempt}-" if plan.attempt else "part-"
        self._scratch = plan.directory / SCRATCH_FOLDER
        plan.directory.mkdir(parents=True, exist_ok=True)
        folder = plan.directory / QUARANTINE_FOLDER
        target = self._scratch if plan.layout else plan.directory
        self._parts = [self._part(target, f"{self._prefix}{index}", self._schema) for index in range(SERIES)]
        self._keys = _repeated_keys(self._scratch, plan) if repeated_rows is None else None
        self._arranged: list[PartWriter] = []
        named = ["reason", "_source_file"]
        encodings = Encodings(named, [], QUARANTINE_SCHEMA.names)
        self._quarantine = PartWriter(folder, f"{self._prefix}0", QUARANTINE_SCHEMA, encodings)
        self._lock = Lock()
        self._loaded = 0
        self._filled = 0
        self._misfits: Counter[Misfit] = Counter()
        self._nulls: Counter[str] = Counter()

    def write(self, block: Block, parsed: ParsedBlock, place: Place) -> None:
        """Write one block.

        Raises:
            pa.ArrowInvalid: a cell does not fit a type that is not forced.
        """
        columns, faults = [], []
        cells = [parsed.column(column.source) for column in self.plan.columns]
        for column, typed in zip(self.plan.columns, typed_columns(cells, self.plan.columns), strict=True):
            columns.append(typed.column)
            if typed.misfits is not None:
                fault = Fault(RejectReason.WRONG_TYPE, typed.misfits, column.name, str(column.type))
                faults.append(fault)
        rows = TypedBlock(block, parsed, place).rows + place.row + 1
        if self._has_lineage:
            columns += lineage_columns([LoadRows(self.plan.lineage, rows)])
        table = pa.table(columns, schema=self._schema)
        faults += self._key_faults(table, rows)
        self._write_table(table, TypedBlock(block, parsed, place, faults))

    def _key_faults(self, table: pa.Table, rows: npt.NDArray[np.int64]) -> list[Fault]:
        faults = [
            Fault(RejectReason.NULL_KEY, np.asarray(table.column(name).is_null()), name)
            for name in self.plan.key
            if table.column(name).null_count
        ]
        if self._repeated_rows is not None and len(self._repeated_rows):
            repeated = np.isin(rows, self._repeated_rows, assume_unique=True)
            faults += [Fault(RejectReason.DUPLICATE_KEY, repeated)] if repeated.any() else []
        return faults

    def _write_table(self, table: pa.Table, typed: TypedBlock) -> None:
        series, rows = typed.block.number % SERIES, typed.rows + typed.place.row + 1
        keep = typed.kept()
        if keep is not None:
            table, rows = table.filter(pa.array(keep)), rows[keep]
        rejected = rejected_rows(typed, self._read)
        self._count(table, typed, rejected)
        self._parts[series].write(table)
        if self._keys is not None:
            self._keys.add(series, rows, table)
        if rejected:
            with self._lock:
                self._quarantine.write(quarantine_rows(rejected, self.plan.lineage))

    def _count(self, table: pa.Table, typed: TypedBlock, rejected: list[RejectedRow]) -> None:
        short, keep = typed.parsed.is_short, typed.kept()
        filled = 0 if short is None else int((short if keep is None else short & keep).sum())
        with self._lock:
            self._loaded += table.num_rows
            self._filled += filled
            self._misfits.update(Misfit(row.reason.value, row.column, row.wanted) for row in rejected)
            for column in self.plan.columns:
                self._nulls[column.name] += table.column(column.name).null_count

    def repeated_rows(self) -> npt.NDArray[np.int64]:
        """The rows written although a later one has their key: then the file has to be written anew."""
        return np.array([], np.int64) if self._keys is None else self._keys.rows()

    def put_into(self, shared: ArrowSharedFiles) -> WriteReport | None:
        """The report of rows that are in `shared` from now on; None when they need files of their own.

        Raises:
            FileRefused: TOO_MANY_BAD_ROWS; nothing is left.
        """
        rows = [part.held() for part in self._parts]
        rejected = self._quarantine.held()
        if self.plan.layout or self._keys is not None or not self._has_lineage or None in (*rows, rejected):
            return None
        try:
            self._require_within_limit()
        except FileRefused:
            self.abandon()
            raise
        tables = [table for part in rows for table in part or ()]
        held = HeldTables(self.plan.lineage.load_id, tables, rejected or ())
        return self._report([], []) if shared.takes(held) else None

    def publish(self) -> WriteReport:
        """Make the files durable and visible, unless too many rows were set aside.

        Raises:
            FileRefused: TOO_MANY_BAD_ROWS; nothing is left.
        """
        try:
            self._require_within_limit()
            data = self._finished_parts()
            rejected = self._quarantine.finish(keep_empty=False)
            if (self.plan.directory / QUARANTINE_FOLDER).is_dir():
                publish(self.plan.directory / QUARANTINE_FOLDER, self._prefix, rejected)
            publish(self.plan.directory, self._prefix, data)
        except BaseException:
            self.abandon()
            raise
        self._clean_up()
        return self._report(data, rejected)

    def abandon(self) -> None:
        for part in (*self._parts, *self._arranged, self._quarantine):
            part.abandon()
        if self._keys is not None:
            self._keys.close()
        self._clean_up()

    def _finished_parts(self) -> list[WrittenFile]:
        is_final = not self.plan.layout
        written = [part.finish(keep_empty=is_final and index == 0) for index, part in enumerate(self._parts)]
        data = [file for files in written for file in files]
        if is_final:
            return data
        with storage_errors():
            return self._arranged_parts([self._scratch / f".{file.name}" for file in data])

    def _arranged_parts(self, paths: Sequence[Path]) -> list[WrittenFile]:
        """The rows of `paths` in new files, one or more for each partition."""
        # Loading SQL takes longer than a small file, and few tables have a layout.
        from medical_data_pipeline.adapters.arrow.arranged_rows import arranged_rows  # noqa: PLC0415

        schema = table_schema(self.plan, self.plan.has_lineage_columns, is_plain=True)
        finished: list[WrittenFile] = []
        partition: tuple[PartitionValue, ...] | None = None
        rows = arranged_rows(paths, schema, self.plan.layout, self._scratch) if paths else iter(())
        for found, table in rows:
            if partition is None or found != partition:
                finished += self._finished_partition(partition)
                partition = found
                self._arranged.append(
                    self._part(self.plan.directory, f"{self._prefix}{len(self._arranged)}", schema)
                )
            self._arranged[-1].write(table)
        if partition is None:
            self._arranged.append(self._part(self.plan.directory, f"{self._prefix}0", schema))
            return self._arranged[-1].finish(keep_empty=True)
        return finished + self._finished_partition(partition)

    def _finished_partition(self, partition: tuple[PartitionValue, ...] | None) -> list[WrittenFile]:
        if partition is None:
            return []
        return [replace(file, partition=partition) for file in self._arranged[-1].finish(keep_empty=False)]

    def _part(self, directory: Path, prefix: str, schema: pa.Schema) -> PartWriter:
        columns = self.plan.columns
        habits = self._habits
        dictionaries = [column.name for column in columns if column.source in habits.repeating]
        growing = [
            column.name
            for column in columns
            if column.type.kind in _GROWING and column.source not in habits.repeating
        ]
        # The least and greatest text of a group of rows take long to find, and tell nothing out of order.
        ordered = {*self.plan.layout.columns, *self.plan.key}
        bounded = [
            column.name
            for column in columns
            if column.type.kind is not Kind.TEXT or column.source in habits.ordered or column.name in ordered
        ]
        if "_source_row" in schema.names:
            dictionaries += [*CONSTANT_TEXTS, "_loaded_at"]
            growing.append("_source_row")
            bounded += [column.name for column in LINEAGE]
        return PartWriter(directory, prefix, schema, Encodings(dictionaries, growing, bounded))

    def _require_within_limit(self) -> None:
        by_reason = self._rejected()
        rejected = by_reason.total()
        read = self._loaded + rejected
        rejected -= by_reason[RejectReason.DUPLICATE_KEY.value]
        if self.plan.reject_limit.is_exceeded(rejected, read):
            counts = counted_misfits(self._misfits)
            raise FileRefused("TOO_MANY_BAD_ROWS", f"{rejected} of {read} rows do not fit: {counts}")

    def _rejected(self) -> Counter[str]:
        """How many rows are set aside for each reason."""
        counts: Counter[str] = Counter()
        for misfit, count in self._misfits.items():
            counts[misfit.reason] += count
        return counts

    def _clean_up(self) -> None:
        if self._scratch.is_dir():
            shutil.rmtree(self._scratch)
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
            rejected=dict(self._rejected()),
            nulls=dict(self._nulls),
        )


def _repeated_keys(scratch: Path, plan: WritePlan) -> "RepeatedKeys | None":
    if not plan.key:
        return None
    from medical_data_pipeline.adapters.arrow.repeated_keys import RepeatedKeys  # noqa: PLC0415 - as above

    return RepeatedKeys(scratch, plan.key, SERIES)
