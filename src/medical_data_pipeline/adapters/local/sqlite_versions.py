"""Databases with a version: refused if newer than the program, brought up to it if older."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from medical_data_pipeline.errors import BackendUnavailable, SettingsError, StorageFull

BUSY_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Schema:
    """One script a version, never changed after a release; the next version is the next script."""

    name: str
    migrations: Sequence[str]


@contextmanager
def translated_sqlite_errors(name: str = "ledger") -> Iterator[None]:
    """SQLite's messages name files of this machine; ours do not."""
    try:
        yield
    except sqlite3.Error as error:
        if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL:
            raise StorageFull(f"there is no room left for the {name}") from None
        said = getattr(error, "sqlite_errorname", type(error).__name__)
        raise BackendUnavailable(f"the {name}'s database answered {said}") from None


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


def require_known(file: Path, schema: Schema) -> None:
    """Whether this program can work with `file`, which is only read; to be asked before anything is changed.

    Raises:
        SettingsError: it was written by a newer version of the program.
        BackendUnavailable: it cannot be read.
    """
    if not file.exists():
        return
    # Without a log of writes nobody is at work, and SQLite need not make the files with which writers meet.
    how = "mode=ro" if file.with_name(f"{file.name}-wal").exists() else "immutable=1"
    with translated_sqlite_errors(schema.name):
        opened = sqlite3.connect(f"{file.absolute().as_uri()}?{how}", uri=True, timeout=BUSY_TIMEOUT_S)
        with closing(opened) as connection:
            _known_version(connection, schema)


def migrate(connection: sqlite3.Connection, schema: Schema) -> None:
    """Bring the database to the newest version in one transaction.

    Raises:
        SettingsError: it was written by a newer version of the program.
    """
    if _known_version(connection, schema) == len(schema.migrations):
        return
    with transaction(connection):
        # Read again: another process may have been faster.
        version = _known_version(connection, schema)
        for script in schema.migrations[version:]:
            for statement in filter(str.strip, script.split(";")):
                connection.execute(statement)
        connection.execute("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL) STRICT")
        connection.execute("DELETE FROM schema_version")
        connection.execute("INSERT INTO schema_version VALUES (?)", (len(schema.migrations),))


def _known_version(connection: sqlite3.Connection, schema: Schema) -> int:
    is_kept = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'schema_version'").fetchone()
    row = connection.execute("SELECT version FROM schema_version").fetchone() if is_kept else None
    version = int(row[0]) if row else 0
    if version > len(schema.migrations):
        raise SettingsError(
            f"the {schema.name} was written by a newer version of this program "
            f"({version}, and this one knows {len(schema.migrations)}): nothing was changed"
        )
    return version
