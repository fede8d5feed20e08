"""Queries on one machine: DuckDB in confined processes, results as Arrow files until they expire."""

import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from medical_data_pipeline.adapters.local.duckdb_query_queue import AcceptedQuery, QueryQueue
from medical_data_pipeline.adapters.local.duckdb_result_folder import DuckDbResultFolder
from medical_data_pipeline.adapters.local.duckdb_sql.translate import Translation, translate
from medical_data_pipeline.adapters.local.duckdb_stored_result import StoredResult, batch_ends
from medical_data_pipeline.adapters.local.duckdb_worker.failures import UNAVAILABLE
from medical_data_pipeline.adapters.local.duckdb_worker.messages import Failed, Finished, Run, WorkerLimits
from medical_data_pipeline.adapters.local.duckdb_worker.process import WorkerPlan
from medical_data_pipeline.adapters.local.duckdb_worker_slot import SlotLimits, WorkerSlot
from medical_data_pipeline.adapters.result_files.exports import batches_of, export, export_csv
from medical_data_pipeline.errors import (
    BackendError,
    InvalidRequest,
    QueryNotFound,
    QueryRejected,
    SettingsError,
)
from medical_data_pipeline.model.query import (
    EngineStatement,
    QueryState,
    QueryStatus,
    ResultColumn,
    ResultFormat,
    ResultPage,
)
from medical_data_pipeline.ports import Clock, QueryEngine

# -I: the worker takes nothing from its directory or from a variable of the user's.
WORKER_COMMAND = (sys.executable, "-I", "-m", "medical_data_pipeline.entrypoints.query_worker")

_QUERY_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_CLOSE_TIMEOUT_S = 2.0

Translate = Callable[[EngineStatement], Translation]


@dataclass(frozen=True)
class DuckDbEngineSettings:
    """What the engine may use. Workers read `read_directories` and nothing else of the data.

    `worker_recycle_bytes` is the memory above which a worker is replaced after its query, and
    `max_results_bytes` the disk all kept results may take before the oldest go early.
    """

    results_directory: Path
    read_directories: tuple[Path, ...]
    workers: int = 3
    max_waiting: int = 100
    query_timeout_s: float = 60.0
    result_ttl: timedelta = timedelta(hours=1)
    max_page_bytes: int = 8 << 20
    max_results_bytes: int = 10 << 30
    worker_recycle_bytes: int = 768 << 20
    worker_limits: WorkerLimits = field(default_factory=WorkerLimits)

    def __post_init__(self) -> None:
        results = self.results_directory.resolve()
        if any(results.is_relative_to(path.resolve()) for path in self.read_directories):
            raise SettingsError("query results may not lie where queries read: one could read another's")


class DuckDbQueryEngine(QueryEngine):
    """A pool of confined worker processes and the results they left."""

    def __init__(
        self,
        settings: DuckDbEngineSettings,
        clock: Clock,
        translate: Translate = translate,
        worker_command: Sequence[str] = WORKER_COMMAND,
    ) -> None:
        self._settings = settings
        self._translate = translate
        self._clock = clock
        self._lock = threading.Lock()
        self._queries: dict[str, AcceptedQuery] = {}
        self._queue = QueryQueue(settings.max_waiting)
        self._folder = DuckDbResultFolder(settings.results_directory)
        limits = SlotLimits(settings.query_timeout_s, settings.worker_recycle_bytes)
        # Resolved, since a link to the data is not the data to the kernel.
        reads = tuple(path.resolve() for path in settings.read_directories)
        self._slots = [
            WorkerSlot(
                WorkerPlan(worker_command, self._folder.scratch(number), reads, settings.worker_limits),
                limits,
                self._queue,
                self._complete,
            )
            for number in range(settings.workers)
        ]

    def start(self, query_id: str, statement: EngineStatement) -> None:
        if not _QUERY_ID.fullmatch(query_id):
            raise InvalidRequest("a query id has letters, digits, '-' and '_' only")
        if query_id in self._queries:
            return
        translation = self._translate(statement)
        names = statement.column_names or tuple(column.name for column in translation.columns)
        run = Run(query_id, translation.sql, translation.parameters, names)
        # The statement knows the names as Athena gives them, its translation the types.
        named = zip(names, translation.columns, strict=True)
        columns = tuple(ResultColumn(name, column.type) for name, column in named)
        query = AcceptedQuery(run, columns, self._clock())
        with self._lock:
            if query_id not in self._queries:
                self._queue.put(query)
                self._queries[query_id] = query

    def status(self, query_id: str, wait_s: float = 0.0) -> QueryStatus:
        return self._find(query_id).wait(wait_s)

    def page(self, query_id: str, offset: int, max_rows: int) -> ResultPage:
        with _expired_meanwhile():
            return self._result(query_id).page(offset, max_rows, self._settings.max_page_bytes)

    def export(self, query_id: str, wanted: ResultFormat) -> Iterator[bytes]:
        with _expired_meanwhile():
            return export(batches_of(self._result(query_id).open()), wanted)

    def export_spreadsheet_csv(self, query_id: str) -> Iterator[bytes]:
        """CSV in which no text is taken for a formula; see `export_csv`."""
        with _expired_meanwhile():
            return export_csv(batches_of(self._result(query_id).open()), is_spreadsheet_safe=True)

    def cancel(self, query_id: str) -> None:
        query = self._find(query_id)
        query.cancel_requested.set()
        if self._queue.remove(query):
            query.fail("QUERY_CANCELLED", "the query was cancelled", self._clock())

    def sweep(self, now: datetime) -> int:
        """Forget the queries that ended longer ago than results are kept; how many."""
        with self._lock:
            expired = [
                query_id
                for query_id, query in self._queries.items()
                if query.status.finished_at and now - query.status.finished_at > self._settings.result_ttl
            ]
            self._forget(expired)
        return len(expired)

    def await_warm(self, timeout_s: float) -> bool:
        """Whether every worker has started, after at most `timeout_s`."""
        until = time.monotonic() + timeout_s
        return all(slot.is_warm.wait(max(0.0, until - time.monotonic())) for slot in self._slots)

    def missing_confinement(self) -> tuple[str, ...]:
        """The protections this machine does not offer its workers; the operator should be told."""
        return tuple(sorted({name for slot in self._slots for name in slot.missing}))

    def worker_pids(self) -> tuple[int, ...]:
        pids = [slot.pid for slot in self._slots]
        return tuple(pid for pid in pids if pid is not None)

    def close(self) -> None:
        """End every worker and forget every result, within two seconds; again changes nothing."""
        for query in self._queue.close():
            query.fail(UNAVAILABLE, "the query engine is shutting down", self._clock())
        until = time.monotonic() + _CLOSE_TIMEOUT_S
        for slot in self._slots:
            slot.join(max(0.0, until - time.monotonic()))
        self._folder.close()

    def _find(self, query_id: str) -> AcceptedQuery:
        query = self._queries.get(query_id)
        if query is None:
            raise QueryNotFound("no such query, or its result has expired")
        return query

    def _result(self, query_id: str) -> StoredResult:
        query = self._find(query_id)
        if query.status.state in (QueryState.FAILED, QueryState.CANCELLED):
            raise QueryRejected(query.status.reason, query.status.detail)
        if query.result is None:
            raise InvalidRequest("the query has not ended")
        return query.result

    def _complete(self, query: AcceptedQuery, outcome: Finished | Failed, written: Path) -> None:
        """Called by a worker's thread, which must live on whatever happens here."""
        if isinstance(outcome, Failed):
            query.fail(outcome.reason, outcome.detail, self._clock())
            return
        try:
            result = self._adopted(query, outcome, written)
        except (BackendError, OSError):
            query.fail(UNAVAILABLE, "the result could not be kept", self._clock())
        else:
            query.succeed(result, self._clock())
            self._make_room()

    def _adopted(self, query: AcceptedQuery, finished: Finished, written: Path) -> StoredResult:
        path = self._folder.adopt(written, query.run.query_id)
        return StoredResult(path, query.columns, batch_ends(finished.batch_rows), path.stat().st_size)

    def _make_room(self) -> None:
        """Let the oldest results go while all of them take more disk than they may, but for the newest."""
        with self._lock:
            kept = [(query.run.query_id, query.result) for query in self._queries.values() if query.result]
            total = sum(result.size_bytes for _, result in kept)
            for query_id, result in kept[:-1]:
                if total <= self._settings.max_results_bytes:
                    return
                self._forget([query_id])
                total -= result.size_bytes

    def _forget(self, query_ids: Sequence[str]) -> None:
        for query_id in query_ids:
            del self._queries[query_id]
            self._folder.remove(query_id)


@contextmanager
def _expired_meanwhile() -> Iterator[None]:
    """A result whose file went between being found and being opened has expired."""
    try:
        yield
    except FileNotFoundError:
        raise QueryNotFound("the result of the query has expired") from None
