"""The embedded pipeline put together: files, SQLite, Iceberg and DuckDB behind the stages' ports."""

import secrets
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest
from pathlib import Path
from time import monotonic

from medical_data_pipeline.adapters.arrow.conversion_engine import ArrowConversionEngine
from medical_data_pipeline.adapters.iceberg.maintenance import IcebergMaintenance
from medical_data_pipeline.adapters.local.data_folder_lock import DataFolderLock
from medical_data_pipeline.adapters.local.duckdb_query_engine import DuckDbEngineSettings, DuckDbQueryEngine
from medical_data_pipeline.adapters.local.file_converted import FileConvertedFiles
from medical_data_pipeline.adapters.local.file_durable import takes_files
from medical_data_pipeline.adapters.local.file_object_store import FileObjectStore
from medical_data_pipeline.adapters.local.iceberg_table_catalog import CATALOG_FILE, IcebergTableCatalog
from medical_data_pipeline.adapters.local.sqlite_ledger import SqliteLedger
from medical_data_pipeline.adapters.local.sqlite_schema import CATALOG, LEDGER
from medical_data_pipeline.adapters.local.sqlite_versions import require_known
from medical_data_pipeline.catalog.load_commit import LoadCommit
from medical_data_pipeline.catalog.registration import CatalogService
from medical_data_pipeline.composition.happenings import Happening, Report
from medical_data_pipeline.composition.health import OK, Health, checked
from medical_data_pipeline.composition.key_locks import KeyLocks
from medical_data_pipeline.composition.local_worker import LocalWorker, Stages
from medical_data_pipeline.composition.milestones import nothing
from medical_data_pipeline.composition.reconciler import Reconciler
from medical_data_pipeline.composition.upkeep import Upkeep
from medical_data_pipeline.conversion.intake import DatasetBook, IntakeService, Milestone
from medical_data_pipeline.conversion.load_conversion import LoadConversion
from medical_data_pipeline.conversion.service import ConversionService
from medical_data_pipeline.errors import BackendUnavailable, LoadNotFound, TableNotFound
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.model.keys import RAW_PREFIX, is_hidden
from medical_data_pipeline.model.load import Load, LoadState
from medical_data_pipeline.model.objects import ObjectHead, load_id
from medical_data_pipeline.model.quarantine import quarantine_table
from medical_data_pipeline.ports import Clock, LoadFilter
from medical_data_pipeline.query.policies import FullAccess
from medical_data_pipeline.query.service import QueryService
from medical_data_pipeline.query.written_tables import WrittenTables

BUCKET = "local"
LEDGER_FILE = "ledger.sqlite"
_FREE_BYTES_NEEDED = 64 << 20
_REBUILD_WAIT_S = 24 * 3600.0


@dataclass(frozen=True)
class LocalSettings:
    """What an embedded pipeline can be told; further limits of queries are the engine's own settings."""

    database: str = "medical_data_db"
    default_table: str = "medical_records"
    datasets: Mapping[str, Dataset] = field(default_factory=dict)
    conversion_threads: int = 6
    query_workers: int = 2
    query_timeout_s: float = 60.0
    reconcile_period_s: float = 1.0
    upkeep_period_s: float = 30.0


def open_local(
    data_dir: Path,
    settings: LocalSettings,
    clock: Clock,
    report: Report,
    reached: Milestone = nothing,
) -> "LocalPipeline":
    """The pipeline over `data_dir`, made if it is not there; nothing runs yet.

    Raises:
        SettingsError: the settings contradict each other, another process uses the folder, or a newer version
            of this program has written there; nothing was changed.
        BackendUnavailable: the folder or its databases cannot be used.
    """
    # Both before either is brought up to date: a folder is taken over whole or not at all.
    require_known(data_dir / LEDGER_FILE, LEDGER)
    require_known(data_dir / CATALOG_FILE, CATALOG)
    return LocalPipeline(data_dir.resolve(), settings, clock, report, reached)


class LocalPipeline:
    """Everything of one data folder, in one process."""

    def __init__(
        self, data_dir: Path, settings: LocalSettings, clock: Clock, report: Report, reached: Milestone
    ) -> None:
        self._lock = DataFolderLock(data_dir)
        # There to be copied into from the first start on.
        (data_dir / RAW_PREFIX).mkdir(mode=0o700, exist_ok=True)
        datasets = DatasetBook(settings.default_table, settings.datasets)
        self._settings = settings
        self._data_dir = data_dir
        self.store = FileObjectStore(data_dir, BUCKET)
        self.ledger = SqliteLedger(data_dir / LEDGER_FILE)
        self.catalog = IcebergTableCatalog(data_dir, settings.database)
        self.catalog.remove_unfinished()
        self.policy = FullAccess()
        conversion = LoadConversion(
            ConversionService(ArrowConversionEngine()),
            self.store,
            FileConvertedFiles(data_dir),
            self.catalog,
            self.ledger,
            datasets,
            clock,
            reached,
        )
        commit = LoadCommit(CatalogService(self.catalog), self.ledger, conversion.manifest, clock, reached)
        stages = Stages(conversion, commit, self.ledger, clock)
        self._worker = LocalWorker(stages, report, settings.conversion_threads)
        self.intake = IntakeService(
            self.store, self.ledger, datasets, clock, KeyLocks(), BUCKET, self._worker.submit, reached
        )
        self.engine = DuckDbQueryEngine(_engine_settings(data_dir, settings), clock)
        self.tables = WrittenTables(self.catalog)
        self.queries = QueryService(
            self.tables, self.engine, self.policy, clock, settings.database, _new_id, secrets.token_bytes(32)
        )
        maintenance = IcebergMaintenance(self.catalog)
        self._reconciler = Reconciler(self.store, self.intake, clock, _reported(report, "reconcile-failed"))
        self._upkeep = Upkeep(
            self.catalog, self.ledger, maintenance, self.engine, clock, _reported(report, "upkeep-failed")
        )

    def start(self) -> None:
        """Finish what an earlier run left, then take work."""
        self._worker.start()
        self._reconciler.scan()
        self._reconciler.start(self._settings.reconcile_period_s)
        self._upkeep.start(self._settings.upkeep_period_s)

    def drain(self) -> None:
        """Answer no query any more; who waits for one is told at once."""
        self.engine.close()

    def stop(self, timeout_s: float) -> bool:
        """Finish what is in hand and stop; everything else is taken up at the next start.

        False when something still runs after `timeout_s`: nothing is lost if the process ends all the same.
        """
        deadline = monotonic() + timeout_s
        parts = (self._worker, self._reconciler, self._upkeep)
        for part in parts:
            part.stop(0.0)
        has_ended = all([part.stop(max(0.0, deadline - monotonic())) for part in parts])
        self.drain()
        if has_ended:
            self.catalog.close()
            self.ledger.close()
            self._lock.release()
        return has_ended

    def wait_settled(self, timeout_s: float) -> bool:
        """Whether every load that is known has come to an end within `timeout_s`."""
        return self._worker.wait_settled(timeout_s)

    def health(self) -> Health:
        return Health(
            {
                "ledger": checked(lambda: self.ledger.list(LoadFilter(limit=1))),
                "catalog": checked(self.catalog.list),
                "disk": self._disk(),
                "worker": OK if self._worker.is_alive else "not running",
            }
        )

    def replay(self, load_id: str) -> Load:
        """Load the file of a load once more, by the rules as they are now.

        Raises:
            LoadNotFound, ObjectNotFound, PreconditionFailed: see `IntakeService.replay`.
        """
        return self.intake.replay(self.ledger.find(load_id))

    def rebuild(self, table: str | None = None) -> int:
        """Make one table, or all, anew from the raw files; instead of `start`, and all is done on return.

        How many files were loaded again. It may be repeated after any failure, and needs neither the ledger
        nor the catalog to be there.

        Raises:
            TableNotFound: there is neither such a table nor a file of it.
            BackendUnavailable: a load failed, or did not come to an end.
        """
        self._worker.start()
        self._require_settled()
        files, tables = self._raw_files(table), self.catalog.list()
        if table and not files and not {table, quarantine_table(table)} & set(tables):
            raise TableNotFound(f"there is neither a table {table} nor a file of it")
        names = [table] if table else [name for name in tables if "__" not in name]
        for name in names:
            self.catalog.drop(name)
            self.catalog.drop(quarantine_table(name))
        # Within a table one after the other: the file that comes first decides what type a column has.
        for turn in zip_longest(*files):
            loads = [self._load_again(head) for head in turn if head]
            self._require_settled()
            if any(self.ledger.find(load.load_id).state is LoadState.FAILED for load in loads):
                raise BackendUnavailable("a file could not be loaded again: mdp loads --state failed")
        return sum(map(len, files))

    def _require_settled(self) -> None:
        if not self.wait_settled(_REBUILD_WAIT_S):
            raise BackendUnavailable("a file was not loaded in time")

    def _load_again(self, head: ObjectHead) -> Load:
        found = self.intake.announce(head)
        assert found is not None  # noqa: S101 - a raw file is what it is; tells the type checker
        return found.load if found.is_new else self.intake.replay(found.load)

    def _raw_files(self, wanted: str | None) -> list[list[ObjectHead]]:
        """The raw files of each table, in the order in which they came."""
        tables: dict[str, list[ObjectHead]] = {}
        for head in self.store.list(BUCKET, RAW_PREFIX):
            if is_hidden(head.ref.key):
                continue
            table = self.intake.datasets.for_key(head.ref.key).table
            if wanted in (None, table):
                complete = head if head.version else self.store.head(head.ref)
                tables.setdefault(table, []).append(complete)
        return [sorted(heads, key=self._order) for heads in tables.values()]

    def _order(self, head: ObjectHead) -> tuple[str, datetime, str]:
        """By the ledger, which no clock can confuse; files that it does not know by the time they have.

        What counts is when the content came, not when it was last loaded again: a rebuild that was cut short
        has loaded some, and the next one has to go by the same order.
        """
        try:
            came = self.ledger.find(load_id(head.ref, head.version)).sequencer
        except LoadNotFound:
            came = "~"
        return (came, head.modified_at, head.ref.key)

    def _disk(self) -> str:
        if shutil.disk_usage(self._data_dir).free <= _FREE_BYTES_NEEDED:
            return "less than 64 MB free"
        return OK if takes_files(self._data_dir) else "read-only or broken"


def _engine_settings(data_dir: Path, settings: LocalSettings) -> DuckDbEngineSettings:
    readable = (data_dir / "record_folders", data_dir / "tables")
    for folder in readable:
        folder.mkdir(mode=0o700, exist_ok=True)
    return DuckDbEngineSettings(
        results_directory=data_dir / "query-results",
        read_directories=readable,
        workers=settings.query_workers,
        query_timeout_s=settings.query_timeout_s,
    )


def _new_id() -> str:
    return secrets.token_hex(16)


def _reported(report: Report, event: str) -> Callable[[str], None]:
    return lambda detail: report(Happening(event, "", "", detail))
