"""The table catalog on this machine: Iceberg tables, their current state in one SQLite file."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from pyiceberg.catalog.sql import SqlCatalog
from pyiceberg.exceptions import NamespaceAlreadyExistsError
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from medical_data_pipeline.adapters.iceberg.table_commits import TABLES_PREFIX, IcebergTables
from medical_data_pipeline.adapters.local.file_errors import NO_ROOM
from medical_data_pipeline.adapters.local.sqlite_schema import CATALOG
from medical_data_pipeline.adapters.local.sqlite_versions import (
    BUSY_TIMEOUT_S,
    migrate,
    translated_sqlite_errors,
)
from medical_data_pipeline.adapters.local.warehouse_folder import WarehouseFolder
from medical_data_pipeline.errors import BackendUnavailable, CommitConflict, StorageFull, TableNotFound

CATALOG_FILE = "catalog.sqlite"


class IcebergTableCatalog(IcebergTables):
    """Tables of one data folder."""

    def __init__(self, root: Path, database: str) -> None:
        self._file = root / CATALOG_FILE
        self._sqlite = SqlCatalog(
            "local",
            uri=f"sqlite:///{self._file}",
            warehouse=str(root / TABLES_PREFIX),
            **{"py-io-impl": "medical_data_pipeline.adapters.local.iceberg_durable_io.DurableFileIO"},
        )
        with suppress(NamespaceAlreadyExistsError, SQLAlchemyError):
            self._sqlite.create_namespace(database)
        self._migrate()
        self._folder = WarehouseFolder(root)
        super().__init__(self._sqlite, database, self._folder)

    def _migrate(self) -> None:
        with (
            translated_sqlite_errors(CATALOG.name),
            closing(sqlite3.connect(self._file, timeout=BUSY_TIMEOUT_S, isolation_level=None)) as connection,
        ):
            migrate(connection, CATALOG)

    def remove_unfinished(self) -> None:
        """Remove files of tables that a killed process was writing; nobody else may have the folder open."""
        self._folder.remove_unfinished(TABLES_PREFIX)

    def close(self) -> None:
        self._sqlite.engine.dispose()

    def list(self) -> Sequence[str]:
        rows = self._read("SELECT table_name FROM iceberg_tables WHERE table_namespace = ?", self._database)
        return sorted(str(row[0]) for row in rows)

    @contextmanager
    def translated(self) -> Iterator[None]:
        try:
            yield
        except OperationalError as error:
            if "locked" in str(error):
                raise CommitConflict("another process changes the catalog") from None
            if "full" in str(error):
                raise StorageFull("there is no room left for the catalog") from None
            raise BackendUnavailable("the catalog's database cannot be used") from None
        except OSError as error:
            if error.errno in NO_ROOM:
                raise StorageFull("there is no room left for the table's metadata") from None
            raise BackendUnavailable("the table's metadata cannot be used") from None

    def metadata_location(self, table: str) -> str:
        rows = self._read(
            "SELECT metadata_location FROM iceberg_tables WHERE table_namespace = ? AND table_name = ?",
            self._database,
            table,
        )
        if not rows:
            raise TableNotFound(f"there is no table {table}")
        return str(rows[0][0])

    def _read(self, sql: str, *parameters: str) -> Sequence[tuple[object, ...]]:
        """A read past SQLAlchemy, which takes longer than the read itself."""
        try:
            connection = sqlite3.connect(self._file, timeout=10)
            try:
                return connection.execute(sql, parameters).fetchall()
            finally:
                connection.close()
        except sqlite3.Error:
            raise BackendUnavailable("the catalog's database cannot be used") from None
