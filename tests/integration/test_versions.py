"""A data folder of another version: a newer one is left alone, an older one is taken over whole."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from medical_data_pipeline.adapters.local.sqlite_ledger import SqliteLedger
from medical_data_pipeline.adapters.local.sqlite_schema import LEDGER
from medical_data_pipeline.errors import SettingsError
from medical_data_pipeline.model.load import LoadState
from medical_data_pipeline.ports import LoadFilter
from tests.integration.pipelines import Start

DATABASES = ("ledger", "catalog")
MDP = [sys.executable, "-m", "medical_data_pipeline.entrypoints.cli.main"]
# Brings a ledger up to date and dies before the nth statement of that.
MIGRATE_AND_DIE = """
import os, signal, sqlite3, sys
from medical_data_pipeline.adapters.local.sqlite_schema import LEDGER
from medical_data_pipeline.adapters.local.sqlite_versions import migrate

statements = []

def said(statement):
    statements.append(statement)
    if len(statements) == int(sys.argv[2]):
        os.kill(os.getpid(), signal.SIGKILL)

connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.set_trace_callback(said)
migrate(connection, LEDGER)
"""


@contextmanager
def database(folder: Path, name: str) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / f"{name}.sqlite", isolation_level=None)) as connection:
        yield connection


def make_newer(folder: Path, name: str) -> None:
    with database(folder, name) as connection:
        connection.execute("UPDATE schema_version SET version = 99")


def make_older(folder: Path) -> None:
    """The folder as the first version of the program left it."""
    with database(folder, "ledger") as connection:
        connection.execute("ALTER TABLE loads DROP COLUMN prefix")
        connection.execute("UPDATE schema_version SET version = 1")
    with database(folder, "catalog") as connection:
        connection.execute("DROP TABLE schema_version")


def version_of(folder: Path, name: str) -> int:
    with database(folder, name) as connection:
        return int(connection.execute("SELECT version FROM schema_version").fetchone()[0])


def columns_of(folder: Path) -> set[str]:
    with database(folder, "ledger") as connection:
        return {row[1] for row in connection.execute("PRAGMA table_info(loads)")}


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(start: Start) -> Path:
    """A data folder with a loaded file, and no process that uses it."""
    run = start()
    run.wait_final(run.put("t/a.csv", "id,name\n1,Ann\n"))
    assert run.pipeline.stop(20)
    return run.folder


@pytest.mark.parametrize("newer", DATABASES)
def test_a_folder_of_a_newer_version_is_refused_and_nothing_is_touched(
    newer: str, folder: Path, start: Start
) -> None:
    make_older(folder)
    if newer == "catalog":
        with database(folder, "catalog") as connection:
            connection.execute("CREATE TABLE schema_version (version INTEGER NOT NULL) STRICT")
            connection.execute("INSERT INTO schema_version VALUES (1)")
    make_newer(folder, newer)
    (folder / ".partial" / "of-an-upload").write_bytes(b"half")
    before = contents(folder)

    with pytest.raises(SettingsError, match=f"the {newer} was written by a newer version"):
        start()

    assert contents(folder) == before


@pytest.mark.parametrize("newer", DATABASES)
@pytest.mark.parametrize("command", ["serve", "rebuild"])
def test_a_command_says_in_one_line_that_a_folder_is_newer(command: str, newer: str, folder: Path) -> None:
    make_newer(folder, newer)
    before = contents(folder)

    done = subprocess.run(
        [*MDP, command, "--data-dir", str(folder)], capture_output=True, text=True, timeout=60, check=False
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"mdp: the {newer} was written by a newer version of this program (99, ")
    assert done.stderr.count("\n") == 1
    assert contents(folder) == before


def test_a_newer_version_is_seen_in_a_ledger_whose_writer_was_killed(folder: Path, start: Start) -> None:
    with database(folder, "ledger") as writer:
        writer.execute("UPDATE schema_version SET version = 99")
        # As after a kill: the change lies in the log alone.
        copy = folder.parent / "copy"
        shutil.copytree(folder, copy)
    in_file_alone = (copy / "ledger.sqlite").read_bytes()

    with pytest.raises(SettingsError, match="the ledger was written by a newer version"):
        start(folder=copy)

    assert (copy / "ledger.sqlite").read_bytes() == in_file_alone


def test_the_doctor_says_that_a_folder_is_newer(folder: Path) -> None:
    make_newer(folder, "ledger")

    done = subprocess.run(
        [*MDP, "doctor", "--data-dir", str(folder)], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 1
    assert "wrong ledger: the ledger was written by a newer version of this program" in done.stdout


def test_a_folder_of_an_older_version_is_brought_up_to_date_and_its_work_goes_on(
    folder: Path, start: Start
) -> None:
    make_older(folder)
    with database(folder, "ledger") as connection:
        connection.execute("UPDATE loads SET state = 'received'")

    run = start()
    run.wait_final(*run.loads())

    assert [load.state for load in run.loads()] == [LoadState.COMMITTED]
    assert run.names() == ["Ann"]
    assert [version_of(folder, name) for name in DATABASES] == [len(LEDGER.migrations), 1]


def test_a_migration_that_is_killed_is_done_whole_or_not_at_all(folder: Path) -> None:
    make_older(folder)
    kills = 0

    while True:
        command = [sys.executable, "-c", MIGRATE_AND_DIE, str(folder / "ledger.sqlite"), str(kills + 1)]
        code = subprocess.run(command, timeout=60, check=False).returncode
        if code == 0:
            break
        assert code == -signal.SIGKILL
        kills += 1
        assert (version_of(folder, "ledger"), "prefix" in columns_of(folder)) == (1, False)

    assert kills > 5
    assert (version_of(folder, "ledger"), "prefix" in columns_of(folder)) == (len(LEDGER.migrations), True)
    with closing(SqliteLedger(folder / "ledger.sqlite")) as ledger:
        assert [load.state for load in ledger.list(LoadFilter())] == [LoadState.COMMITTED]
