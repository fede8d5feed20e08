"""Queries of actors: planned, started, and read only by the actor who asked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from medical_data_pipeline.errors import InvalidRequest, QueryNotFound
from medical_data_pipeline.model.query import (
    Actor,
    EngineStatement,
    QueryRequest,
    QueryStatus,
    ResultFormat,
    ResultPage,
)
from medical_data_pipeline.ports import AccessPolicy, Clock, QueryEngine, TableReader
from medical_data_pipeline.query.plan import Planner
from medical_data_pipeline.query.query_owner import is_owner, owner_mark

MAX_PAGE_ROWS = 10_000


@dataclass(frozen=True)
class QueryService:
    """Runs queries on one engine. `new_id` makes ids nobody can guess; `owner_key` signs whose an id is."""

    catalog: TableReader
    engine: QueryEngine
    policy: AccessPolicy
    clock: Clock
    database: str
    new_id: Callable[[], str]
    owner_key: bytes

    def plan(self, request: QueryRequest) -> EngineStatement:
        """What the engine would be given; nothing is started.

        Raises:
            QueryRejected: the statement is not allowed, or names what the actor cannot see.
        """
        return Planner(self.catalog, self.policy, self.database).plan(request, self.clock())

    def submit(self, request: QueryRequest) -> QueryStatus:
        """Start the query.

        Raises:
            QueryRejected: the statement is not allowed, or the engine has no faithful translation of it.
            LimitExceeded, BackendUnavailable: as the engine says.
        """
        statement = self.plan(request)
        query_id = self._owned(self.new_id(), request.actor)
        self.engine.start(query_id, statement)
        return self.engine.status(query_id)

    def status(self, query_id: str, actor: Actor, wait_s: float = 0.0) -> QueryStatus:
        """Raises: QueryNotFound: no such query of this actor."""
        self._require_owner(query_id, actor)
        return self.engine.status(query_id, wait_s)

    def page(self, query_id: str, actor: Actor, offset: int = 0, max_rows: int = 1000) -> ResultPage:
        """Rows of a query that succeeded.

        Raises:
            QueryNotFound: no such query of this actor, or its result has expired.
            InvalidRequest: `offset` or `max_rows` is out of range.
        """
        self._require_owner(query_id, actor)
        if not 1 <= max_rows <= MAX_PAGE_ROWS or offset < 0:
            raise InvalidRequest(f"a page has 1 to {MAX_PAGE_ROWS} rows")
        return self.engine.page(query_id, offset, max_rows)

    def export(self, query_id: str, actor: Actor, wanted: ResultFormat) -> Iterator[bytes]:
        """Raises: QueryNotFound: no such query of this actor, or its result has expired."""
        self._require_owner(query_id, actor)
        return self.engine.export(query_id, wanted)

    def cancel(self, query_id: str, actor: Actor) -> None:
        """Raises: QueryNotFound: no such query of this actor."""
        self._require_owner(query_id, actor)
        self.engine.cancel(query_id)

    def _owned(self, query_id: str, actor: Actor) -> str:
        """An id that carries its owner's mark, so that ownership outlives a restart and needs no table."""
        return f"{query_id}-{owner_mark(query_id, actor.name, self.owner_key)}"

    def _require_owner(self, query_id: str, actor: Actor) -> None:
        plain, _, mark = query_id.rpartition("-")
        if not is_owner(mark, plain, actor.name, self.owner_key):
            raise QueryNotFound("no such query")
