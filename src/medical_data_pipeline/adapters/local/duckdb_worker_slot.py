"""One place of the pool: a thread that keeps one worker process warm and gives it one query at a time."""

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from medical_data_pipeline.adapters.local.duckdb_query_queue import AcceptedQuery, QueryQueue
from medical_data_pipeline.adapters.local.duckdb_worker.failures import (
    INTERRUPTED,
    RESOURCE_LIMIT,
    UNAVAILABLE,
)
from medical_data_pipeline.adapters.local.duckdb_worker.messages import Failed, Finished
from medical_data_pipeline.adapters.local.duckdb_worker.process import WorkerPlan, WorkerProcess
from medical_data_pipeline.errors import BackendUnavailable

Complete = Callable[[AcceptedQuery, Finished | Failed, Path], None]

# How soon a cancellation or a shutdown is seen; a reply is seen at once.
_POLL_S = 0.05
# A long kernel of DuckDB does not hear an interrupt; then the process is killed.
_INTERRUPT_GRACE_S = 0.7
_START_TIMEOUT_S = 60.0

_TIMEOUT = Failed("QUERY_TIMEOUT", "the query ran longer than a query may", is_worker_sound=False)
_CANCELLED = Failed("QUERY_CANCELLED", "the query was cancelled", is_worker_sound=False)
_CLOSED = Failed(UNAVAILABLE, "the query engine is shutting down", is_worker_sound=False)
_BROKEN = Failed("INTERNAL", "the query failed for a reason of our own", is_worker_sound=False)
_DIED = Failed(
    RESOURCE_LIMIT, "the query's process was ended, as when memory runs out", is_worker_sound=False
)


@dataclass(frozen=True)
class SlotLimits:
    """How long a query may run, and above which memory its worker is replaced once it has answered."""

    query_timeout_s: float
    recycle_bytes: int


class WorkerSlot:
    """Takes queries from the queue until it is closed, replacing its worker whenever that is spent."""

    def __init__(self, plan: WorkerPlan, limits: SlotLimits, queue: QueryQueue, complete: Complete) -> None:
        self._plan = plan
        self._limits = limits
        self._queue = queue
        self._complete = complete
        self._worker: WorkerProcess | None = None
        self._start_failure = ""
        self.is_warm = threading.Event()
        self._thread = threading.Thread(target=self._drive, name=plan.scratch_directory.name, daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int | None:
        worker = self._worker
        return worker.pid if worker else None

    @property
    def missing(self) -> tuple[str, ...]:
        worker = self._worker
        return worker.missing if worker else ()

    def join(self, timeout_s: float) -> None:
        self._thread.join(timeout_s)

    def _drive(self) -> None:
        while not self._queue.is_closed:
            self._require_worker()
            query = self._queue.take()
            if query is None:
                break
            try:
                self._answer(query)
            except Exception:  # a slot whose thread ends is lost until the server restarts
                self._complete(query, _BROKEN, self._plan.scratch_directory)
                self._discard_worker()
        self._discard_worker()

    def _require_worker(self) -> WorkerProcess | None:
        """A worker that is ready and alive; None when none can be started now."""
        if self._worker and self._worker.is_alive():
            return self._worker
        self._discard_worker()
        try:
            worker = WorkerProcess.start(self._plan)
        except OSError as error:
            self._start_failure = f"a query process could not be started: {type(error).__name__}"
            return None
        try:
            self._await_ready(worker)
        except BackendUnavailable as error:
            self._start_failure = str(error)
            worker.kill()
            return None
        self._worker = worker
        self.is_warm.set()
        return worker

    def _await_ready(self, worker: WorkerProcess) -> None:
        give_up_at = time.monotonic() + _START_TIMEOUT_S
        while not worker.await_ready(_POLL_S):
            if self._queue.is_closed or time.monotonic() > give_up_at:
                raise BackendUnavailable("a query process did not start in time")

    def _answer(self, query: AcceptedQuery) -> None:
        worker = self._require_worker()
        if worker is None:
            failed = Failed(UNAVAILABLE, self._start_failure)
            self._complete(query, failed, self._plan.scratch_directory)
            return
        query.begin()
        worker.run(query.run)
        outcome = self._outcome(worker, query)
        if isinstance(outcome, Failed) and not outcome.is_worker_sound:
            self._discard_worker()
        self._complete(query, outcome, worker.result_path)
        if worker.resident_bytes() > self._limits.recycle_bytes:
            self._discard_worker()

    def _outcome(self, worker: WorkerProcess, query: AcceptedQuery) -> Finished | Failed:
        """What became of the query, which is interrupted and then killed when it may not run on."""
        deadline = time.monotonic() + self._limits.query_timeout_s
        stopped: Failed | None = None
        kill_at = math.inf
        while not worker.has_reply(_POLL_S):
            now = time.monotonic()
            if self._queue.is_closed:
                return _CLOSED
            if stopped and now >= kill_at:
                return stopped
            if not stopped and (query.cancel_requested.is_set() or now >= deadline):
                stopped = _CANCELLED if query.cancel_requested.is_set() else _TIMEOUT
                worker.interrupt(query.run.query_id)
                kill_at = now + _INTERRUPT_GRACE_S
        outcome = worker.outcome() or stopped or _DIED
        if isinstance(outcome, Failed) and outcome.reason == INTERRUPTED:
            return Failed(stopped.reason, stopped.detail) if stopped else _DIED
        return outcome

    def _discard_worker(self) -> None:
        if self._worker:
            self._worker.kill()
            self._worker = None
