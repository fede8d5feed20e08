"""The process that runs SQL: it confines itself, then runs one statement at a time until its pipe closes."""

import importlib.util
import os
import queue
import shutil
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import duckdb

from medical_data_pipeline.adapters.local.duckdb_worker import confinement
from medical_data_pipeline.adapters.local.duckdb_worker.failures import (
    UNAVAILABLE,
    failure_of,
    own_messages,
    where_room_is_short,
)
from medical_data_pipeline.adapters.local.duckdb_worker.messages import (
    Failed,
    Finished,
    Interrupt,
    Ready,
    Run,
    Setup,
    receive,
    send,
)
from medical_data_pipeline.adapters.local.duckdb_worker.result_file import (
    RESULT_NAME,
    ROWS_PER_FETCH,
    write_result,
)

Prepare = Callable[[duckdb.DuckDBPyConnection], None]

# Of the process's memory; the rest is for results on their way, UDFs and what DuckDB does not count.
_DUCKDB_MEMORY_SHARE = 0.55
_EXTENSIONS = ("avro", "iceberg")


def serve(prepare: Prepare) -> None:
    """Answer on standard output what standard input asks, until it closes."""
    commands, replies = _take_over_pipes()
    setup = receive(commands)
    if not isinstance(setup, Setup):
        raise TypeError("the first message must be the setup")
    try:
        connection, missing = _confined_connection(setup, prepare)
    except Exception as error:
        # The name of the error alone: its text may hold paths of the machine.
        send(replies, Failed(UNAVAILABLE, type(error).__name__))
        raise
    worker = _Worker(setup, connection)
    # A thread of its own hears an interrupt, or that the server is gone, while a statement runs.
    threading.Thread(target=worker.listen, args=(commands,), daemon=True).start()
    send(replies, Ready(missing))
    while True:
        send(replies, worker.run_next())


def _take_over_pipes() -> tuple[Connection, Connection]:
    """The two pipes, moved to where a stray print cannot reach them."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    commands, replies = os.dup(0), os.dup(1)
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(null, standard)
    os.close(null)
    return Connection(commands, writable=False), Connection(replies, readable=False)


def _confined_connection(setup: Setup, prepare: Prepare) -> tuple[duckdb.DuckDBPyConnection, tuple[str, ...]]:
    """An in-memory database that reads only the data; everything that needs more has happened before."""
    os.umask(0o077)
    confinement.die_with_parent()
    confinement.prefer_as_memory_victim()
    # Landlock holds for the threads that are started after it, and DuckDB starts its own on connecting.
    has_landlock = confinement.restrict_files(setup.read_directories, setup.scratch_directory)
    spill = Path(setup.scratch_directory, "spill")
    spill.mkdir(exist_ok=True)
    memory = int(setup.limits.memory_bytes * _DUCKDB_MEMORY_SHARE)
    connection = duckdb.connect(
        ":memory:",
        config={
            "threads": setup.limits.threads,
            "memory_limit": f"{memory}B",
            "temp_directory": str(spill),
            "max_temp_directory_size": f"{setup.limits.spill_bytes}B",
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "python_enable_replacements": False,
            "allow_persistent_secrets": False,
        },
    )
    for name in _EXTENSIONS:
        connection.load_extension(_extension_file(name))
    prepare(connection)
    connection.execute("SET allowed_directories = ?", [list(setup.read_directories)])
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    refused = confinement.limit_resources(setup.limits)
    return connection, refused if has_landlock else (*refused, "LANDLOCK")


def _extension_file(name: str) -> str:
    # Its wheel's own loader copies the file below HOME first, and a worker has none.
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"the wheel of DuckDB's {name} extension is not installed")
    package = Path(spec.origin).parent
    return str(package / "extensions" / f"v{duckdb.__version__}" / f"{name}.duckdb_extension")


class _Worker:
    def __init__(self, setup: Setup, connection: duckdb.DuckDBPyConnection) -> None:
        self._limits = setup.limits
        self._result = Path(setup.scratch_directory, RESULT_NAME)
        # Every statement runs on the one connection that was prepared: a cursor has neither its settings nor
        # its temporary macros, and a SELECT, which is all that runs, leaves nothing behind.
        self._connection = connection
        self._own_messages = own_messages(connection)
        self._asked: queue.SimpleQueue[Run] = queue.SimpleQueue()
        self._running = ""

    def listen(self, commands: Connection) -> None:
        """Queue what is to run, interrupt what runs; end the process when the server is gone."""
        try:
            while True:
                message = receive(commands)
                if isinstance(message, Run):
                    self._asked.put(message)
                elif isinstance(message, Interrupt):
                    self._interrupt(message.query_id)
        finally:
            os._exit(0)

    def _interrupt(self, query_id: str) -> None:
        # The next statement cannot have begun: this thread would have had to queue it first.
        if self._running == query_id:
            self._connection.interrupt()

    def run_next(self) -> Finished | Failed:
        asked = self._asked.get()
        self._running = asked.query_id
        try:
            return self._run(asked)
        except Exception as error:
            self._result.unlink(missing_ok=True)
            failed = failure_of(error, self._own_messages)
            # DuckDB lets nothing be spilled that the volume has no room for, and names its own limit then.
            free_bytes = shutil.disk_usage(self._result.parent).free
            return where_room_is_short(failed) if free_bytes < self._limits.spill_bytes else failed
        finally:
            self._running = ""

    def _run(self, asked: Run) -> Finished | Failed:
        statements = self._connection.extract_statements(asked.sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            return Failed("SQL_NOT_READONLY", "only one reading statement can be run")
        self._connection.execute(statements[0], list(asked.parameters))
        reader = self._connection.to_arrow_reader(ROWS_PER_FETCH)
        return Finished(write_result(reader, asked.column_names, self._result, self._limits))
