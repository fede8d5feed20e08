"""How a query's state becomes an answer: a page, a file, the state, or the problem it ended with."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from time import monotonic

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, Response, StreamingResponse

from medical_data_pipeline.http_api.documents import query_info
from medical_data_pipeline.http_api.page_tokens import make_page_token
from medical_data_pipeline.http_api.problem import RequestProblem, problem_from_reason
from medical_data_pipeline.http_api.result_format import MEDIA_TYPES, AnswerFormat, file_format
from medical_data_pipeline.http_api.result_page import cut_page, page_json
from medical_data_pipeline.http_api.services import Services
from medical_data_pipeline.http_api.threads import ThreadBounds, in_thread
from medical_data_pipeline.model.query import Actor, QueryState, QueryStatus, ResultFormat

UNFINISHED = frozenset({QueryState.QUEUED, QueryState.RUNNING})
_TOO_LARGE_A_ROW = "a row is larger than an answer may be; ask for the result as a file (format=csv)"
# Between two looks at whether the caller is still there.
WAIT_SLICE_S = 0.5


@dataclass(frozen=True)
class WantedResult:
    """Which rows of a result, and as what."""

    format: AnswerFormat
    max_rows: int
    offset: int = 0


@dataclass(frozen=True)
class Asker:
    """One request about queries: whose it is and what answers it."""

    request: Request
    services: Services
    actor: Actor

    @property
    def _bounds(self) -> ThreadBounds:
        bounds = self.request.app.state.bounds
        assert isinstance(bounds, ThreadBounds)  # noqa: S101 - tells the type checker, nobody else
        return bounds

    async def settled(
        self, status: QueryStatus, wait_s: float, *, is_cancelled_on_leaving: bool
    ) -> QueryStatus:
        """The status after at most `wait_s`.

        Raises:
            ClientDisconnect: the caller left, and the query was cancelled since nobody else knows its id.
        """
        deadline = monotonic() + min(wait_s, self.services.limits.max_wait_s)
        while status.state in UNFINISHED:
            left_s = max(0.0, deadline - monotonic())
            status = await self.status(status.query_id, min(left_s, WAIT_SLICE_S))
            if is_cancelled_on_leaving and await self.request.is_disconnected():
                await self.cancel(status.query_id)
                raise ClientDisconnect
            if left_s <= 0:
                break
        return status

    async def status(self, query_id: str, wait_s: float = 0.0) -> QueryStatus:
        return await in_thread(
            self._bounds.queries, self.services.queries.status, query_id, self.actor, wait_s
        )

    async def cancel(self, query_id: str) -> None:
        await in_thread(self._bounds.queries, self.services.queries.cancel, query_id, self.actor)

    async def answer(self, status: QueryStatus, wanted: WantedResult) -> Response:
        """Raises: RequestProblem, when the query failed."""
        require_not_failed(status)
        if status.state in UNFINISHED:
            return self.not_yet(status)
        kind = file_format(wanted.format)
        if kind is None:
            content = await in_thread(self._bounds.queries, self._page, status, wanted)
            return Response(content, media_type=MEDIA_TYPES[AnswerFormat.JSON])
        chunks = await in_thread(self._bounds.queries, self._begun_export, status.query_id, kind)
        name = f"{status.query_id}.{kind.value}"
        if self.services.links is not None:
            media_type = MEDIA_TYPES[wanted.format]
            url = await in_thread(self._bounds.queries, self.services.links.link, name, chunks, media_type)
            return Response(status_code=303, headers={"Location": url})
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(chunks, headers=headers, media_type=MEDIA_TYPES[wanted.format])

    def not_yet(self, status: QueryStatus) -> Response:
        root = self.request.scope.get("root_path", "")
        headers = {"Location": f"{root}/queries/{status.query_id}", "Retry-After": "1"}
        return JSONResponse(query_info(status, root).model_dump(mode="json"), 202, headers)

    def _page(self, status: QueryStatus, wanted: WantedResult) -> bytes:
        limits = self.services.limits
        max_rows = min(wanted.max_rows, limits.max_page_rows)
        page = self.services.queries.page(status.query_id, self.actor, wanted.offset, max_rows)
        cut = cut_page(page, wanted.offset, limits.max_page_bytes)
        if limits.max_row_bytes is not None and any(len(row) > limits.max_row_bytes for row in cut.rows):
            raise problem_from_reason("QUERY_RESOURCE_LIMIT", _TOO_LARGE_A_ROW)
        token = None
        if cut.next_offset is not None:
            token = make_page_token(self.services.page_token_key, status.query_id, cut.next_offset)
        return page_json(status, page, cut, token)

    def _begun_export(self, query_id: str, kind: ResultFormat) -> Iterator[bytes]:
        chunks = iter(self.services.queries.export(query_id, self.actor, kind))
        # An export that cannot begin is a problem; after the first byte it could only be a broken file.
        return chain([next(chunks, b"")], chunks)


def require_not_failed(status: QueryStatus) -> None:
    """Raises: RequestProblem."""
    if status.state is QueryState.CANCELLED:
        raise RequestProblem(409, "QUERY_CANCELLED", "the query was cancelled")
    if status.state is QueryState.FAILED:
        raise problem_from_reason(status.reason, status.detail)
