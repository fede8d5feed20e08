"""Rows of many small files, held until they are written together: one Parquet file for all of one schema."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medical_data_pipeline.adapters.arrow.block_parser import ParsedBlock
from medical_data_pipeline.adapters.arrow.cells import typed_cells
from medical_data_pipeline.adapters.arrow.lineage import LoadRows, lineage_columns, table_schema
from medical_data_pipeline.adapters.arrow.parquet_parts import (
    Encodings,
    PartWriter,
    publish,
    storage_errors,
    sync,
)
from medical_data_pipeline.adapters.arrow.rejected_rows import QUARANTINE_FOLDER
from medical_data_pipeline.adapters.arrow.wide_cells import typed_columns
from medical_data_pipeline.model.conversion import ColumnPlan, LoadFiles, WritePlan, WriteReport, WrittenFile
from medical_data_pipeline.ports import SharedFiles

_MAX_HELD_BYTES = 32 << 20
# A dictionary pays when a value comes again at least this often.
_REPEATS = 4

_SchemaKey = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class HeldTables:
    """Rows of one load that no file has yet, with their lineage: to be loaded, and to be set aside."""

    load_id: str
    rows: Sequence[pa.Table]
    rejected: Sequence[pa.Table]


class ArrowSharedFiles(SharedFiles):
    """Holds rows up to a limit of memory; loads beyond it get files of their own."""

    def __init__(self, directory: Path, attempt: str) -> None:
        self._directory = directory
        self._prefix = f"part-{attempt}-"
        self._loads: list[str] = []
        self._data: dict[_SchemaKey, _Group] = {}
        self._rejected: dict[_SchemaKey, _Group] = {}
        self._texts: dict[tuple[ColumnPlan, ...], list[_CleanRows]] = {}
        self._size_bytes = 0

    def takes(self, held: HeldTables) -> bool:
        """Whether there was room; if so, the rows are here."""
        if not self._has_room(sum(table.nbytes for table in (*held.rows, *held.rejected))):
            return False
        self._loads.append(held.load_id)
        for groups, tables in ((self._data, held.rows), (self._rejected, held.rejected)):
            for table in tables:
                _group_of(groups, table.schema).add(held.load_id, table)
        return True

    def put(self, parsed: ParsedBlock, plan: WritePlan) -> WriteReport | None:
        """The report of a file of one block of which every row fits; None when it takes more than this.

        Raises:
            pa.ArrowInvalid: a cell does not fit a type that is not forced.
        """
        if parsed.rows is not None or plan.layout or plan.key or not plan.has_lineage_columns:
            return None
        if not parsed.has_quotes and all(map(_is_proven, plan.columns)):
            return self._put_texts(parsed, plan)
        cells = typed_columns([parsed.column(column.source) for column in plan.columns], plan.columns)
        size_bytes = sum(each.column.nbytes for each in cells)
        if any(each.misfits is not None for each in cells) or not self._has_room(size_bytes):
            return None
        numbers = np.arange(1, parsed.rows_read + 1)
        clean = _CleanRows([each.column for each in cells], LoadRows(plan.lineage, numbers))
        self._loads.append(plan.lineage.load_id)
        if parsed.rows_read:
            _group_of(self._data, table_schema(plan, has_lineage=True)).add_clean(clean)
        nulls = {
            column.name: each.column.null_count for column, each in zip(plan.columns, cells, strict=True)
        }
        return WriteReport((), (), parsed.rows_read, 0, {}, nulls)

    def _put_texts(self, parsed: ParsedBlock, plan: WritePlan) -> WriteReport | None:
        """The same for texts that become values only when those of many files do so together."""
        texts = [parsed.column(column.source) for column in plan.columns]
        if not self._has_room(sum(column.nbytes for column in texts)):
            return None
        self._loads.append(plan.lineage.load_id)
        if parsed.rows_read:
            if plan.columns not in self._texts:
                group = _group_of(self._data, table_schema(plan, has_lineage=True))
                self._texts[plan.columns] = group.texts_of(plan.columns)
            numbers = np.arange(1, parsed.rows_read + 1)
            self._texts[plan.columns].append(_CleanRows(texts, LoadRows(plan.lineage, numbers)))
        nulls = {column.name: each.null_count for column, each in zip(plan.columns, texts, strict=True)}
        return WriteReport((), (), parsed.rows_read, 0, {}, nulls)

    def publish(self) -> Mapping[str, LoadFiles]:
        # Rows set aside first: the names of data files are what others look for.
        rejected = self._written(QUARANTINE_FOLDER + "/", self._rejected.values())
        data = self._written("", self._data.values())
        with storage_errors():
            sync(self._directory)
        return {load: LoadFiles(data.get(load, ()), rejected.get(load, ())) for load in self._loads}

    def _has_room(self, size_bytes: int) -> bool:
        if self._size_bytes + size_bytes > _MAX_HELD_BYTES:
            return False
        self._size_bytes += size_bytes
        return True

    def _written(self, folder: str, groups: Iterable["_Group"]) -> Mapping[str, tuple[WrittenFile, ...]]:
        """The files with rows of each load, each schema in a file of its own."""
        directory = self._directory / folder
        writers: list[tuple[_Group, PartWriter]] = []
        try:
            for number, group in enumerate(groups):
                writers.append((group, group.writer(directory, f"{self._prefix}{number}")))
            finished = [(group, file) for group, writer in writers for file in writer.finish(False)]
            if finished:
                publish(directory, self._prefix, [file for _, file in finished])
        except BaseException:
            for _, writer in writers:
                writer.abandon()
            raise
        return _by_load([(group, replace(file, name=folder + file.name)) for group, file in finished])


@dataclass(frozen=True)
class _CleanRows:
    """Rows of one load of which none is set aside, typed or still as text, without their lineage."""

    columns: Sequence[pa.Array]
    source: LoadRows


@dataclass
class _Group:
    """Rows of one schema, in the order they came."""

    schema: pa.Schema
    rows: dict[str, int] = field(default_factory=dict)
    _tables: list[pa.Table] = field(default_factory=list)
    _clean: list[_CleanRows] = field(default_factory=list)
    _texts: dict[tuple[ColumnPlan, ...], list[_CleanRows]] = field(default_factory=dict)

    def texts_of(self, plans: tuple[ColumnPlan, ...]) -> list[_CleanRows]:
        """Where to put rows that become values by `plans`."""
        return self._texts.setdefault(plans, [])

    def rows_by_load(self) -> dict[str, int]:
        texts = (clean for held in self._texts.values() for clean in held)
        return self.rows | {clean.source.lineage.load_id: len(clean.source.numbers) for clean in texts}

    def add(self, load_id: str, table: pa.Table) -> None:
        self._tables.append(table)
        self.rows[load_id] = self.rows.get(load_id, 0) + table.num_rows

    def add_clean(self, clean: _CleanRows) -> None:
        self._clean.append(clean)
        self.rows[clean.source.lineage.load_id] = len(clean.source.numbers)

    def writer(self, directory: Path, prefix: str) -> PartWriter:
        """What has all rows, in one file: there are too few to begin a second."""
        table = self._table()
        names = [column.name for column in self.schema if _is_repeating(table.column(column.name))]
        growing = [c.name for c in self.schema if _is_growing(c.type) and c.name not in names]
        encodings = Encodings(names, growing, self.schema.names)
        writer = PartWriter(directory, prefix, self.schema, encodings)
        writer.write(table)
        return writer

    def _table(self) -> pa.Table:
        tables = list(self._tables)
        if self._clean:
            tables.append(self._with_lineage(_together(self._clean), self._clean))
        for plans, held in self._texts.items():
            columns = [_valued(texts, plan) for texts, plan in zip(_together(held), plans, strict=True)]
            tables.append(self._with_lineage(columns, held))
        return pa.concat_tables(tables).unify_dictionaries().combine_chunks()

    def _with_lineage(self, columns: Sequence[pa.Array], rows: Sequence[_CleanRows]) -> pa.Table:
        lineage = lineage_columns([clean.source for clean in rows])
        return pa.table([*columns, *lineage], schema=self.schema)


def _together(rows: Sequence[_CleanRows]) -> list[pa.Array]:
    """Column by column the cells of all rows."""
    return [pa.concat_arrays(parts) for parts in zip(*(clean.columns for clean in rows), strict=True)]


def _is_proven(plan: ColumnPlan) -> bool:
    """Whether every cell is null or a value, so that nothing about it is left to find."""
    return not plan.is_forced and not plan.null_tokens and not plan.format.is_padded


def _valued(texts: pa.StringArray, plan: ColumnPlan) -> pa.Array:
    """Raises: pa.ArrowInvalid, without a cell in its words: the facts of one of the files were wrong."""
    try:
        values = typed_cells(texts, plan)
    except pa.ArrowInvalid:
        values = None
    if values is None or values.misfits is not None:
        raise pa.ArrowInvalid("a cell does not fit the type that the facts prove")
    return values.column


def _group_of(groups: dict[_SchemaKey, _Group], schema: pa.Schema) -> _Group:
    key = tuple((column.name, str(column.type)) for column in schema)
    return groups.setdefault(key, _Group(schema))


def _is_repeating(column: pa.ChunkedArray) -> bool:
    if pa.types.is_dictionary(column.type):
        return True
    return bool(pc.count_distinct(column).as_py() * _REPEATS <= len(column))


def _is_growing(kind: pa.DataType) -> bool:
    return bool(pa.types.is_int64(kind) or pa.types.is_date(kind) or pa.types.is_timestamp(kind))


def _by_load(finished: Sequence[tuple[_Group, WrittenFile]]) -> dict[str, tuple[WrittenFile, ...]]:
    found: dict[str, tuple[WrittenFile, ...]] = {}
    for group, file in finished:
        for load_id, rows in group.rows_by_load().items():
            found[load_id] = (*found.get(load_id, ()), replace(file, rows=rows))
    return found
