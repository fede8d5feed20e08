"""One fsync for many callers: whoever gets the writer's lock carries out all that wait for it."""

import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from medical_data_pipeline.adapters.local.sqlite_versions import transaction, translated_sqlite_errors
from medical_data_pipeline.errors import PipelineError

Result = TypeVar("Result")
MAX_GROUP = 256


@dataclass
class _Job:
    work: Callable[[sqlite3.Connection], Any]
    result: Any = None
    error: BaseException | None = None
    is_done: bool = False


@dataclass
class GroupCommit:
    """Runs each job in a transaction; jobs that wait at the same time share one and its fsync.

    A job that raises one of our errors must not have written anything; any other failure undoes the group.
    """

    connection: sqlite3.Connection
    _waiting: deque[_Job] = field(default_factory=deque)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """The result of `work`, durable; raises what it raised."""
        job = _Job(work)
        self._waiting.append(job)
        with self._lock:
            # A leader before us may have done it; if not, we lead all that have queued up since.
            while not job.is_done:
                self._run_group()
        if job.error is not None:
            raise job.error
        return cast(Result, job.result)

    def _run_group(self) -> None:
        group = [self._waiting.popleft() for _ in range(min(MAX_GROUP, len(self._waiting)))]
        try:
            with translated_sqlite_errors(), transaction(self.connection):
                for job in group:
                    _run(job, self.connection)
        except BaseException as error:
            for job in group:
                job.error = error
            if not isinstance(error, PipelineError):
                raise
        finally:
            for job in group:
                job.is_done = True


def _run(job: _Job, connection: sqlite3.Connection) -> None:
    try:
        job.result = job.work(connection)
    except PipelineError as error:
        job.error = error
