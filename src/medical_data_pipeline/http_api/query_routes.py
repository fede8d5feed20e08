"""Routes that run SQL and read its results."""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request
from starlette.responses import Response

from medical_data_pipeline.errors import PipelineError
from medical_data_pipeline.http_api.authentication import ActorHere, ServicesHere
from medical_data_pipeline.http_api.contract import KNOWN_PARAMETERS
from medical_data_pipeline.http_api.documents import NewQuery, QueryInfo, QueryResults, query_info
from medical_data_pipeline.http_api.page_tokens import parse_page_token
from medical_data_pipeline.http_api.problem import RequestProblem, documented, invalid_parameter
from medical_data_pipeline.http_api.query_answers import UNFINISHED, Asker, WantedResult
from medical_data_pipeline.http_api.result_format import MEDIA_TYPES, AnswerFormat, choose_format
from medical_data_pipeline.http_api.strict_body import read_body
from medical_data_pipeline.http_api.threads import in_thread
from medical_data_pipeline.model.query import QueryRequest, QueryStatus

router = APIRouter(tags=["queries"], dependencies=KNOWN_PARAMETERS)

QueryId = Annotated[str, Path(min_length=1, max_length=128)]
Accept = Annotated[str | None, Header(include_in_schema=False)]
PageToken = Annotated[str | None, Query(max_length=512, description="`next_page_token` of the page before")]
WaitS = Annotated[float, Query(ge=0, le=25, description="Seconds to wait for the query to end")]


@dataclass(frozen=True)
class Representation:
    """What a caller wants of a result, as parameters."""

    format: Annotated[AnswerFormat | None, Query(description="Goes before the Accept header")] = None
    max_rows: Annotated[int, Query(ge=1, le=10_000, description="Rows a page; a page also ends at 5 MB")] = (
        10_000
    )
    accept: Annotated[str | None, Header(include_in_schema=False)] = None

    def chosen(self) -> AnswerFormat:
        return choose_format(self.format, self.accept)


def asker(request: Request, actor: ActorHere, services: ServicesHere) -> Asker:
    return Asker(request, services, actor)


AskerHere = Annotated[Asker, Depends(asker)]
RepresentationHere = Annotated[Representation, Depends()]

_FILES = {
    media_type: {"schema": {"type": "string", "format": "binary"}} for media_type in MEDIA_TYPES.values()
}
_FILES.pop(MEDIA_TYPES[AnswerFormat.JSON])
_HEADERS = {
    "Location": {"schema": {"type": "string"}, "description": "Where the state is"},
    "Retry-After": {"schema": {"type": "string"}, "description": "Seconds until it is worth asking"},
}
_LOCATION = {"Location": {"schema": {"type": "string"}, "description": "Where the file is"}}
RESULT: dict[int | str, dict[str, Any]] = {
    200: {"model": QueryResults, "description": "The result, or its first page", "content": _FILES},
    202: {"model": QueryInfo, "description": "Not ready yet", "headers": _HEADERS},
    303: {"description": "The file is at Location, for some minutes", "headers": _LOCATION},
}
SUBMITTED = documented(400, 401, 403, 406, 409, 413, 422, 429, 500, 503, 504, 507)
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/NewQuery"}}},
    }
}


@router.get("/query", responses={**RESULT, **SUBMITTED}, summary="Run SQL in one call")
async def run_query(
    asker: AskerHere,
    query: Annotated[str, Query(min_length=1, description="SQL. POST /queries keeps it out of URLs")],
    representation: RepresentationHere,
) -> Response:
    wanted = WantedResult(representation.chosen(), representation.max_rows)
    begun = await _submitted(asker, QueryRequest(query, (), asker.actor), None)
    wait_s = asker.services.limits.simple_wait_s
    return await _answer(asker, begun, wait_s, wanted, is_known_elsewhere=False)


@router.post(
    "/queries",
    responses={**RESULT, **SUBMITTED, **documented(415)},
    summary="Run SQL with parameters",
    openapi_extra=_BODY,
)
async def submit_query(
    asker: AskerHere,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=255)] = None,
    accept: Accept = None,
) -> Response:
    body = await read_body(asker.request, NewQuery, asker.services.limits.max_body_bytes)
    wanted = WantedResult(choose_format(body.answer_format(), accept), body.max_rows)
    query = QueryRequest(body.sql, tuple(body.params), asker.actor)
    begun = await _submitted(asker, query, idempotency_key)
    is_known = idempotency_key is not None
    return await _answer(asker, begun, body.wait_s, wanted, is_known_elsewhere=is_known)


@router.get(
    "/queries/{query_id}",
    response_model=QueryInfo,
    responses=documented(400, 401, 404, 500, 503),
    summary="How far a query is",
)
async def query_status(asker: AskerHere, query_id: QueryId, wait_s: WaitS = 0.0) -> QueryInfo:
    status = await asker.status(query_id)
    status = await asker.settled(status, wait_s, is_cancelled_on_leaving=False)
    return query_info(status, asker.request.scope.get("root_path", ""))


@router.get(
    "/queries/{query_id}/results",
    responses={**RESULT, **documented(400, 401, 404, 406, 409, 422, 429, 500, 503, 504, 507)},
    summary="Rows of a query that succeeded",
)
async def query_results(
    asker: AskerHere,
    query_id: QueryId,
    representation: RepresentationHere,
    page_token: PageToken = None,
) -> Response:
    chosen = representation.chosen()
    if page_token is not None and chosen is not AnswerFormat.JSON:
        raise invalid_parameter("query/page_token", "a file holds the whole result; only JSON has pages")
    status = await asker.status(query_id)
    offset = 0
    if page_token is not None:
        offset = int(parse_page_token(asker.services.page_token_key, query_id, page_token))
    return await asker.answer(status, WantedResult(chosen, representation.max_rows, offset))


@router.delete(
    "/queries/{query_id}",
    status_code=204,
    responses=documented(400, 401, 404, 500, 503),
    summary="Stop a query; one that has ended stays as it is",
)
async def cancel_query(asker: AskerHere, query_id: QueryId) -> Response:
    await asker.cancel(query_id)
    return Response(status_code=204)


async def _submitted(asker: Asker, query: QueryRequest, idempotency_key: str | None) -> QueryStatus:
    state = asker.request.app.state
    if len(query.sql.encode("utf-8", "replace")) > asker.services.limits.max_sql_bytes:
        raise RequestProblem(413, "PAYLOAD_TOO_LARGE", "the SQL is longer than 64 KiB")
    try:
        if idempotency_key is None:
            return await in_thread(state.bounds.queries, asker.services.queries.submit, query)
        return await in_thread(
            state.bounds.queries,
            state.idempotency_keys.submit_once,
            idempotency_key,
            query,
            asker.services.queries.submit,
        )
    except PipelineError:
        state.metrics.query_answered("rejected")
        raise


async def _answer(
    asker: Asker, begun: QueryStatus, wait_s: float, wanted: WantedResult, *, is_known_elsewhere: bool
) -> Response:
    status = await asker.settled(begun, wait_s, is_cancelled_on_leaving=not is_known_elsewhere)
    outcome = "pending" if status.state in UNFINISHED else status.state.value
    asker.request.app.state.metrics.query_answered(outcome)
    return await asker.answer(status, wanted)
