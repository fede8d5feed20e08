"""Queries that wait for a worker, first come first served, and what is known of each until it expires."""

import threading
from collections import deque
from dataclasses import replace
from datetime import datetime

from medical_data_pipeline.adapters.local.duckdb_stored_result import StoredResult
from medical_data_pipeline.adapters.local.duckdb_worker.messages import Run
from medical_data_pipeline.errors import BackendUnavailable, LimitExceeded
from medical_data_pipeline.model.query import QueryState, QueryStatus, ResultColumn


class AcceptedQuery:
    """One query from its start to its expiry. `status` is replaced as a whole, so any thread may read it."""

    def __init__(self, run: Run, columns: tuple[ResultColumn, ...], submitted_at: datetime) -> None:
        self.run = run
        self.columns = columns
        self.status = QueryStatus(run.query_id, QueryState.QUEUED, submitted_at)
        self.result: StoredResult | None = None
        self.cancel_requested = threading.Event()
        self._ended = threading.Event()

    def begin(self) -> None:
        self.status = replace(self.status, state=QueryState.RUNNING)

    def succeed(self, result: StoredResult, at: datetime) -> None:
        self.result = result
        self._end(replace(self.status, state=QueryState.SUCCEEDED, finished_at=at, rows=result.rows))

    def fail(self, reason: str, detail: str, at: datetime) -> None:
        state = QueryState.CANCELLED if reason == "QUERY_CANCELLED" else QueryState.FAILED
        self._end(replace(self.status, state=state, finished_at=at, reason=reason, detail=detail))

    def wait(self, timeout_s: float) -> QueryStatus:
        self._ended.wait(timeout_s)
        return self.status

    def _end(self, status: QueryStatus) -> None:
        self.status = status
        self._ended.set()


class QueryQueue:
    """Waiting queries. Once closed it takes none and gives none."""

    def __init__(self, max_waiting: int) -> None:
        self._max_waiting = max_waiting
        self._waiting: deque[AcceptedQuery] = deque()
        self._changed = threading.Condition()
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def put(self, query: AcceptedQuery) -> None:
        """Add at the end.

        Raises:
            LimitExceeded: as many queries wait as may.
            BackendUnavailable: the engine is closed.
        """
        with self._changed:
            if self._is_closed:
                raise BackendUnavailable("the query engine is shutting down")
            if len(self._waiting) >= self._max_waiting:
                raise LimitExceeded("too many queries are waiting")
            self._waiting.append(query)
            self._changed.notify()

    def take(self) -> AcceptedQuery | None:
        """The query that waited longest, once there is one; None when the queue is closed."""
        with self._changed:
            while not self._waiting and not self._is_closed:
                self._changed.wait()
            return None if self._is_closed else self._waiting.popleft()

    def remove(self, query: AcceptedQuery) -> bool:
        """Whether `query` still waited and is now out of the queue."""
        with self._changed:
            if query not in self._waiting:
                return False
            self._waiting.remove(query)
            return True

    def close(self) -> tuple[AcceptedQuery, ...]:
        """Give nothing any more; the queries that were still waiting."""
        with self._changed:
            self._is_closed = True
            left = tuple(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            return left
