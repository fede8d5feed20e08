"""Iceberg tables and their commits, whatever holds the name of the current metadata."""

import random
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from threading import RLock
from typing import TypeVar

from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationException,
)
from pyiceberg.manifest import DataFile, ManifestContent
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table import Transaction

from medical_data_pipeline.adapters.iceberg.contents import FileContents, LoadLists
from medical_data_pipeline.adapters.iceberg.data_files import (
    NewFile,
    data_file_entries,
    require_as_promised,
)
from medical_data_pipeline.adapters.iceberg.file_rewriter import FileRewriter, Rewritten, Taken, Target
from medical_data_pipeline.adapters.iceberg.layout import layout_of, partition_spec, sort_order
from medical_data_pipeline.adapters.iceberg.load_manifests import LoadManifests
from medical_data_pipeline.adapters.iceberg.new_files import NewFiles
from medical_data_pipeline.adapters.iceberg.schema import columns_of, iceberg_schema, iceberg_type
from medical_data_pipeline.adapters.iceberg.warehouse_files import WarehouseFiles
from medical_data_pipeline.errors import (
    BackendError,
    CommitConflict,
    SchemaConflict,
    TableNotFound,
)
from medical_data_pipeline.model.column_comment import column_comment
from medical_data_pipeline.model.commit_plan import CommitPlan, PresentLoads, plan_commit
from medical_data_pipeline.model.dataset import LoadMode
from medical_data_pipeline.model.keys import CURATED_PREFIX
from medical_data_pipeline.model.load import Manifest
from medical_data_pipeline.model.row_layout import RowLayout
from medical_data_pipeline.model.schema_change import SchemaChange, plan_schema_change
from medical_data_pipeline.model.table import Column, Snapshot, Table
from medical_data_pipeline.ports import CommitOutcome, TableCatalog

# ICEBERG.md part 2: the built-in retry defeats every check, so the loop is ours; manifests are merged and old
# metadata goes, or each commit costs more than the one before. It goes late: a query that waits for its turn
# has been told which metadata to read.
TABLE_PROPERTIES = {
    "format-version": "2",
    "commit.retry.num-retries": "0",
    "commit.manifest-merge.enabled": "true",
    "commit.manifest.min-count-to-merge": "20",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "100",
}
TABLES_PREFIX = "tables/"
_ATTEMPTS = 40
_LOST_RACE = (CommitFailedException, ValidationException, TableAlreadyExistsError, CommitConflict)

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Known:
    """A table's files at one snapshot, kept so that a commit need not read them all again."""

    snapshot_id: int | None
    files: Mapping[str, DataFile]


class IcebergTables(TableCatalog):
    """Tables under `tables/`; converted files stay under `record_folders/` and are referenced.

    `translated` turns the errors of whatever is behind `catalog` into ours: CommitConflict when another
    writer was faster, BackendUnavailable when the outcome is unknown.
    """

    def __init__(self, catalog: Catalog, database: str, files: WarehouseFiles) -> None:
        self._catalog = catalog
        self._database = database
        self.warehouse = files
        self.lists = LoadLists(files)
        self.rewriter = FileRewriter(files, self.lists)
        self.new_files = NewFiles(files, self.lists, self.rewriter)
        self._manifests = LoadManifests(files)
        self._guard = RLock()
        self._locks: dict[str, RLock] = {}
        self._tables: dict[str, Table] = {}
        self._known: dict[str, _Known] = {}

    @abstractmethod
    def translated(self) -> AbstractContextManager[None]:
        """See the class."""

    @abstractmethod
    def metadata_location(self, table: str) -> str:
        """Where the table's current metadata is.

        Raises:
            TableNotFound: no such table.
        """

    def find(self, table: str) -> Table:
        location = self.metadata_location(table)
        cached = self._tables.get(table)
        if cached is None or cached.metadata_location != location:
            cached = _described(table, self.load(table))
            self._tables[table] = cached
        return cached

    def read_location(self, table: str, snapshot_id: int | None = None) -> str:
        found = self.find(table)
        if snapshot_id is not None and all(each.snapshot_id != snapshot_id for each in found.snapshots):
            raise TableNotFound(f"table {table} has no such snapshot")
        return found.metadata_location

    def drop(self, table: str) -> None:
        with self.lock(table), self.translated(), suppress(NoSuchTableError):
            self._tables.pop(table, None)
            self._known.pop(table, None)
            self._catalog.drop_table((self._database, table))

    def commit(self, table: str, manifests: Sequence[Manifest]) -> CommitOutcome:
        self._require_files(manifests)
        upserts = [manifest for manifest in manifests if manifest.mode is LoadMode.UPSERT]
        batches = [[manifest] for manifest in upserts] or [list(manifests)]
        outcomes = [self.retried(table, partial(self._commit, table, batch)) for batch in batches]
        return CommitOutcome(
            tuple(load_id for outcome in outcomes for load_id in outcome.committed),
            tuple(load_id for outcome in outcomes for load_id in outcome.superseded),
        )

    def require_fits(self, table: str, manifests: Sequence[Manifest]) -> None:
        self._require_files(manifests)
        columns: Sequence[Column] = ()
        with suppress(TableNotFound):
            loaded = self.load(table)
            _require_same_partitions(layout_of(loaded), manifests)
            columns = columns_of(loaded.schema())
        plan_schema_change(columns, (manifest.columns for manifest in manifests if manifest.data_files))

    def retried(self, table: str, attempt: Callable[[], _Result]) -> _Result:
        """Run `attempt` under the table's lock, again whenever another process was faster.

        Raises:
            CommitConflict: another process was faster every time.
            BackendUnavailable: the outcome is unknown.
        """
        for number in range(_ATTEMPTS):
            try:
                with self.lock(table), self.translated():
                    return attempt()
            except _LOST_RACE:
                self._known.pop(table, None)
            except BaseException:
                # Whether it was done is not known; the next attempt reads what is there.
                self._known.pop(table, None)
                raise
            time.sleep(random.uniform(0, min(2.0, 0.02 * 2**number)))  # noqa: S311 - spreads retries
        raise CommitConflict(f"table {table} is being changed by others all the time")

    def lock(self, table: str) -> RLock:
        with self._guard:
            return self._locks.setdefault(table, RLock())

    def load(self, table: str) -> IcebergTable:
        """Raises: TableNotFound."""
        try:
            with self.translated():
                return self._catalog.load_table((self._database, table))
        except NoSuchTableError:
            raise TableNotFound(f"there is no table {table}") from None

    def files(self, table: str, loaded: IcebergTable) -> Mapping[str, DataFile]:
        """The data files of the table's newest snapshot, by path."""
        snapshot = loaded.current_snapshot()
        known = self._known.get(table)
        if known is not None and known.snapshot_id == (snapshot.snapshot_id if snapshot else None):
            return known.files
        found = {}
        for manifest in snapshot.manifests(loaded.io) if snapshot else ():
            if manifest.content is ManifestContent.DELETES:
                continue
            for entry in manifest.fetch_manifest_entry(loaded.io, discard_deleted=True):
                entry.data_file.spec_id = manifest.partition_spec_id
                found[entry.data_file.file_path] = entry.data_file
        return found

    def remember(self, table: str, loaded: IcebergTable, files: Mapping[str, DataFile]) -> None:
        snapshot = loaded.current_snapshot()
        self._known[table] = _Known(snapshot.snapshot_id if snapshot else None, files)

    def sequencer(self, table: str, load_id: str) -> str:
        """Raises: BackendUnavailable: the load's manifest is gone."""
        return self._manifests.sequencer(table, load_id)

    def _require_files(self, manifests: Sequence[Manifest]) -> None:
        sizes = {file.key: file.size_bytes for manifest in manifests for file in manifest.data_files}
        for key, size_bytes in sizes.items():
            require_as_promised(self.warehouse, self.warehouse.location(key), size_bytes)

    def _commit(self, table: str, manifests: Sequence[Manifest]) -> CommitOutcome:
        loaded = self._loaded_or_created(table, manifests)
        if loaded is not None:
            _require_same_partitions(layout_of(loaded), manifests)
        if loaded is None:
            plan = plan_commit(manifests, PresentLoads({}, lambda load_id: ""))
            return CommitOutcome(plan.committed, plan.superseded)
        files = self.files(table, loaded)
        contents = self.lists.of(files)
        plan = plan_commit(manifests, self._present(table, contents))
        if plan:
            after = self._apply(loaded, _Change(plan, files, contents))
            self.remember(table, loaded, after)
        return CommitOutcome(plan.committed, plan.superseded)

    def _loaded_or_created(self, table: str, manifests: Sequence[Manifest]) -> IcebergTable | None:
        """The table; created when there are rows for it. A table without any row is not worth having."""
        try:
            return self.load(table)
        except TableNotFound:
            columns = plan_schema_change((), (m.columns for m in manifests if m.data_files)).columns
        if not columns:
            return None
        schema = iceberg_schema(columns)
        layout = next(manifest.layout for manifest in manifests if manifest.data_files)
        return self._catalog.create_table(
            (self._database, table),
            schema,
            location=self.warehouse.location(TABLES_PREFIX + table),
            partition_spec=partition_spec(layout, schema),
            sort_order=sort_order(layout, schema),
            properties=TABLE_PROPERTIES,
        )

    def _present(self, table: str, contents: Mapping[str, FileContents]) -> PresentLoads:
        """The loads in the table; a sequencer is in a merged file's list, else in the load's own manifest."""
        listed: dict[str, str] = {}
        files: dict[str, frozenset[str]] = {}
        for location, content in contents.items():
            listed |= content.loads
            key = self.warehouse.key(location)
            own = {key} if key.startswith(CURATED_PREFIX) else set[str]()
            for load in content.loads:
                files[load] = files.get(load, frozenset[str]()) | own
        return PresentLoads(files, lambda load_id: listed[load_id] or self.sequencer(table, load_id))

    def _apply(self, loaded: IcebergTable, change: "_Change") -> dict[str, DataFile]:
        with loaded.transaction() as transaction:
            _evolve(transaction, loaded, change.plan.added)
            target = Target(transaction.table_metadata.schema(), data_folder(loaded))
            new = self.new_files.of(change.plan.added, target)
            if change.plan.newer:
                _require_no_row_deletes(loaded)
                new = self.new_files.not_overtaken(new, change.plan, change.newer_files(), target)
            gone, rewritten = self._replaced(loaded, change, [file.location for file in new], target)
            added = data_file_entries(
                transaction.table_metadata,
                [*new, *(NewFile(each.location, each.partition) for each in rewritten)],
                self.warehouse,
            )
            # A name says what is in a file: what would leave and come again stays.
            stays = {file.file_path for file in gone} & {file.file_path for file in added}
            gone = [file for file in gone if file.file_path not in stays]
            added = [file for file in added if file.file_path not in stays]
            _swap(transaction, gone, added)
        leaving = {file.file_path for file in gone}
        kept = {path: file for path, file in change.files.items() if path not in leaving}
        return kept | {file.file_path: file for file in added}

    def _replaced(
        self, loaded: IcebergTable, change: "_Change", new: Sequence[str], target: Target
    ) -> tuple[list[DataFile], list[Rewritten]]:
        """The files that leave, and what takes their place where only some of their rows leave."""
        gone: list[DataFile] = []
        rewritten: list[Rewritten] = []
        keys = next((m.upsert_key for m in change.plan.added if m.mode is LoadMode.UPSERT), ())
        taken = Taken(keys, new) if keys and new else None
        for location, file in change.files.items():
            loads = change.contents[location].loads
            leaving = change.plan.removed & set(loads)
            if leaving and leaving == set(loads):
                gone.append(file)
                continue
            if not leaving and taken is None:
                continue
            _require_no_row_deletes(loaded)
            staying = {load: sequencer for load, sequencer in loads.items() if load not in leaving}
            rest = self.rewriter.without_loads(location, target, staying) if leaving else None
            if taken is not None:
                place = rest.location if rest else location
                rest = self.rewriter.without_keys(place, target, staying, taken) or rest
            if rest is not None:
                gone.append(file)
                rewritten += [replace(rest, partition=file.partition)] if rest.rows else []
        return gone, rewritten


def data_folder(loaded: IcebergTable) -> str:
    """The location of the table's own data files."""
    return f"{loaded.location()}/data"


def has_row_deletes(loaded: IcebergTable) -> bool:
    """Whether another program marked rows of some file as deleted, which reading the file does not tell."""
    snapshot = loaded.current_snapshot()
    manifests = snapshot.manifests(loaded.io) if snapshot else ()
    return any(manifest.content is ManifestContent.DELETES for manifest in manifests)


def _require_no_row_deletes(loaded: IcebergTable) -> None:
    if has_row_deletes(loaded):
        raise BackendError("rows of this table were deleted by another program: run OPTIMIZE on it first")


@dataclass(frozen=True)
class _Change:
    """One commit: what it does, to which files, holding which loads."""

    plan: CommitPlan
    files: Mapping[str, DataFile]
    contents: Mapping[str, FileContents]

    def newer_files(self) -> list[DataFile]:
        loads = {location: content.loads.keys() for location, content in self.contents.items()}
        return [file for location, file in self.files.items() if self.plan.newer & loads[location]]


def _swap(transaction: Transaction, gone: Sequence[DataFile], added: Sequence[DataFile]) -> None:
    if not gone and not added:
        return
    if not gone:
        with transaction.update_snapshot().merge_append() as append:
            for file in added:
                append.append_data_file(file)
        return
    with transaction.update_snapshot().overwrite() as overwrite:
        for file in gone:
            overwrite.delete_data_file(file)
        for file in added:
            overwrite.append_data_file(file)


def _evolve(transaction: Transaction, loaded: IcebergTable, added: Sequence[Manifest]) -> None:
    change = plan_schema_change(columns_of(loaded.schema()), (manifest.columns for manifest in added))
    if change:
        _update_schema(transaction, change)
    if "schema.name-mapping.default" not in transaction.table_metadata.properties:
        # Converted files carry no field ids (docs/decisions/0001): readers find their columns by name.
        mapping = transaction.table_metadata.schema().name_mapping.model_dump_json()
        transaction.set_properties({"schema.name-mapping.default": mapping})


def _update_schema(transaction: Transaction, change: SchemaChange) -> None:
    columns = {column.name: column for column in change.columns}
    with transaction.update_schema() as update:
        for name in change.added:
            update.add_column(name, iceberg_type(columns[name].type), doc=column_comment(columns[name]))
        for name in change.widened:
            update.update_column(name, field_type=iceberg_type(columns[name].type))
        for name in change.explained:
            update.update_column(name, doc=column_comment(columns[name]))


def _described(name: str, loaded: IcebergTable) -> Table:
    # Schemas are never forgotten, snapshots are: this is made anew with each commit.
    named = {each.schema_id for each in loaded.metadata.snapshots} - {loaded.metadata.current_schema_id}
    former = {number: columns_of(schema) for number, schema in loaded.schemas().items() if number in named}
    snapshots = tuple(
        Snapshot(
            each.snapshot_id,
            datetime.fromtimestamp(each.timestamp_ms / 1000, UTC),
            None if each.schema_id is None else former.get(each.schema_id),
        )
        for each in sorted(loaded.metadata.snapshots, key=lambda each: each.sequence_number or 0)
    )
    return Table(
        name=name,
        columns=columns_of(loaded.schema()),
        location=loaded.location(),
        metadata_location=loaded.metadata_location,
        snapshots=snapshots,
        layout=layout_of(loaded),
    )


def _require_same_partitions(layout: RowLayout, manifests: Sequence[Manifest]) -> None:
    """A load converted before its table was made has the partitions that were declared at that time."""
    if any(m.layout.partition_by != layout.partition_by for m in manifests if m.data_files):
        raise SchemaConflict("the load's files are partitioned in another way than the table")
