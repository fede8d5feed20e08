"""The server's side of one worker process: start it, give it a statement, interrupt it, end it."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO, Self

from medical_data_pipeline.adapters.local.duckdb_worker.messages import (
    Failed,
    Finished,
    Interrupt,
    Message,
    Ready,
    Run,
    Setup,
    WorkerLimits,
    receive,
    send,
)
from medical_data_pipeline.adapters.local.duckdb_worker.result_file import RESULT_NAME
from medical_data_pipeline.errors import BackendUnavailable

# Nothing of the server's environment, which may hold secrets. Two settings keep memory that allocators only
# reserve from counting against the worker's limit; with an arena fewer its threads would wait for each other.
WORKER_ENVIRONMENT: Mapping[str, str] = {
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "ARROW_DEFAULT_MEMORY_POOL": "system",
    "MALLOC_ARENA_MAX": "4",
}


@dataclass(frozen=True)
class WorkerPlan:
    """How to start a worker. `command` runs an entry point that calls `worker.serve`."""

    command: Sequence[str]
    scratch_directory: Path
    read_directories: tuple[Path, ...]
    limits: WorkerLimits


@dataclass
class WorkerProcess:
    """One running worker. Only the thread that started it may use it, and it dies with that thread."""

    _process: subprocess.Popen[bytes]
    _commands: Connection
    _replies: Connection
    result_path: Path
    missing: tuple[str, ...] = field(default=())

    @classmethod
    def start(cls, plan: WorkerPlan) -> Self:
        """Begin to start a worker; it is usable once `await_ready` was true."""
        shutil.rmtree(plan.scratch_directory, ignore_errors=True)
        plan.scratch_directory.mkdir(mode=0o700)
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and entry point
            plan.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # DuckDB and Python print what they were given; nothing of it may reach a log.
            stderr=subprocess.DEVNULL,
            cwd=plan.scratch_directory,
            env=dict(WORKER_ENVIRONMENT),
            start_new_session=True,
        )
        worker = cls(
            process,
            _own_end(process.stdin, is_writable=True),
            _own_end(process.stdout, is_writable=False),
            plan.scratch_directory / RESULT_NAME,
        )
        reads = tuple(str(path) for path in plan.read_directories)
        worker._tell(Setup(str(plan.scratch_directory), reads, plan.limits))
        return worker

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def await_ready(self, timeout_s: float) -> bool:
        """Whether the worker is ready, after waiting at most `timeout_s` for it.

        Raises:
            BackendUnavailable: the worker ended, or answered something else.
        """
        if not self.has_reply(timeout_s):
            return False
        try:
            answer = receive(self._replies)
        except (EOFError, OSError) as error:
            raise BackendUnavailable("a query process could not be started") from error
        if not isinstance(answer, Ready):
            why = answer.detail if isinstance(answer, Failed) else type(answer).__name__
            raise BackendUnavailable(f"a query process could not be started: {why}")
        self.missing = answer.missing
        return True

    def run(self, query: Run) -> None:
        self._tell(query)

    def interrupt(self, query_id: str) -> None:
        self._tell(Interrupt(query_id))

    def has_reply(self, timeout_s: float) -> bool:
        """Whether something can be received (or the worker is gone), after at most `timeout_s`."""
        return self._replies.poll(timeout_s)

    def outcome(self) -> Finished | Failed | None:
        """What became of the statement; None when the worker is gone."""
        try:
            message = receive(self._replies)
        except (EOFError, OSError):
            return None
        return message if isinstance(message, Finished | Failed) else None

    def resident_bytes(self) -> int:
        """The memory the process holds now; 0 where the system does not tell."""
        try:
            pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        except (OSError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def kill(self) -> None:
        """End the process now and remove what it left."""
        self._process.kill()
        self._process.wait()
        self._commands.close()
        self._replies.close()
        shutil.rmtree(self.result_path.parent, ignore_errors=True)

    def _tell(self, message: Message) -> None:
        # A worker that is gone is noticed where its reply is read.
        with contextlib.suppress(OSError):
            send(self._commands, message)


def _own_end(pipe: IO[bytes] | None, is_writable: bool) -> Connection:
    """Our end of a child's pipe, as a connection that keeps message boundaries."""
    if pipe is None:
        raise ValueError("the process was started without this pipe")
    fileno = os.dup(pipe.fileno())
    pipe.close()
    return Connection(fileno, readable=not is_writable, writable=is_writable)
