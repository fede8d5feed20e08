"""The ledger's database: its tables, their versions, and the way from one version to the next."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from medical_data_pipeline.errors import BackendUnavailable, SettingsError, StorageFull

BUSY_TIMEOUT_S = 30.0

# One script a version, never changed after a release; the next version is the next script.
MIGRATIONS = (
    """
    CREATE TABLE loads (
        arrival INTEGER PRIMARY KEY AUTOINCREMENT,
        load_id TEXT NOT NULL UNIQUE,
        table_name TEXT NOT NULL,
        bucket TEXT NOT NULL,
        key TEXT NOT NULL,
        version TEXT NOT NULL,
        sequencer TEXT NOT NULL,
        size_bytes INTEGER NOT NULL,
        state TEXT NOT NULL,
        received_at TEXT NOT NULL,
        updated_at TEXT NOT NULL,
        rows_read INTEGER NOT NULL,
        rows_loaded INTEGER NOT NULL,
        rows_quarantined INTEGER NOT NULL,
        reason TEXT NOT NULL,
        detail TEXT NOT NULL,
        attempts INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX loads_by_source ON loads (bucket, key);
    CREATE INDEX loads_by_table ON loads (table_name, arrival);
    CREATE INDEX loads_by_state ON loads (state, arrival);
    CREATE TABLE sequence (last_given INTEGER NOT NULL) STRICT;
    INSERT INTO sequence VALUES (0);
    """,
    """
    ALTER TABLE loads ADD COLUMN prefix TEXT NOT NULL DEFAULT '';
    """,
)


@contextmanager
def translated_sqlite_errors() -> Iterator[None]:
    """SQLite's messages name files of this machine; ours do not."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise StorageFull("there is no room left for the ledger") from None
        name = getattr(error, "sqlite_errorname", type(error).__name__)
        raise BackendUnavailable(f"the ledger's database answered {name}") from None


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; the write lock is taken first, so that what is read inside stays true."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the database to the newest version in one transaction.

    Raises:
        SettingsError: it was written by a newer version of the program.
    """
    with transaction(connection):
        connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT")
        row = connection.execute("SELECT version FROM schema_version").fetchone()
        version = row[0] if row else 0
        if version > len(MIGRATIONS):
            raise SettingsError("the ledger was written by a newer version of this program")
        for script in MIGRATIONS[version:]:
            for statement in filter(str.strip, script.split(";")):
                connection.execute(statement)
        if version < len(MIGRATIONS):
            connection.execute("DELETE FROM schema_version")
            connection.execute("INSERT INTO schema_version VALUES (?)", (len(MIGRATIONS),))
