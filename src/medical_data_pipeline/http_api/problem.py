"""RFC 9457 problems: how every error reads over HTTP. No text in one ever holds a value."""

from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse

from medical_data_pipeline.errors import (
    REJECTION_STATUS,
    BackendError,
    FileRefused,
    PipelineError,
    QueryRejected,
)

PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = {429: "1", 503: "5"}
CHALLENGE = {"WWW-Authenticate": 'Bearer realm="medical-data-pipeline"'}
_CODE_FOR_STATUS = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}


class PlaceInRequest(BaseModel):
    """One thing wrong with the request, and where."""

    pointer: str = Field(description="`#/field` of the body, or `query/name`, `header/name`, `path/name`")
    detail: str


class Problem(BaseModel):
    """An error, as RFC 9457 has it. `code` is stable; act on it and not on `detail`."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(examples=["urn:medical-data-pipeline:problem:sql-syntax"])
    title: str = Field(examples=["SQL syntax"])
    status: int = Field(ge=400, le=599)
    detail: str
    instance: str = Field(description="`urn:uuid:` and the request id")
    code: str = Field(pattern="^[A-Z][A-Z0-9_]*$", examples=["SQL_SYNTAX"])
    request_id: str
    errors: list[PlaceInRequest] = Field(default_factory=list)


class RequestProblem(Exception):
    """What is wrong with a request before any service is asked."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        errors: Sequence[PlaceInRequest] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = dict(headers or {})
        self.errors = tuple(errors)


def invalid_parameter(where: str, detail: str) -> RequestProblem:
    place = PlaceInRequest(pointer=where, detail=detail)
    return RequestProblem(400, "INVALID_PARAMETER", f"{where}: {detail}", errors=[place])


def problem_from_pipeline(error: PipelineError) -> RequestProblem:
    """The status and code of an error of ours; what an operator has to know stays in the log."""
    if isinstance(error, QueryRejected):
        return problem_from_reason(error.reason, str(error))
    if isinstance(error, FileRefused):
        return RequestProblem(error.http_status, error.reason, str(error))
    if error.http_status == 500:
        return internal_problem()
    detail = str(error) if not isinstance(error, BackendError) else _backend_detail(error)
    return RequestProblem(error.http_status, error.code, detail or type(error).__name__)


def problem_from_reason(reason: str, detail: str) -> RequestProblem:
    """Why a query was rejected or failed."""
    status = REJECTION_STATUS.get(reason)
    if status is None:
        return internal_problem() if reason in ("", "INTERNAL") else RequestProblem(422, reason, detail)
    return RequestProblem(status, reason, detail or _title(reason))


def problem_from_validation(error: RequestValidationError) -> RequestProblem:
    places = [_place(each) for each in error.errors()]
    listed = "; ".join(f"{place.pointer}: {place.detail}" for place in places)
    return RequestProblem(400, "INVALID_PARAMETER", listed, errors=places)


def problem_from_status(status: int, headers: Mapping[str, str] | None) -> RequestProblem:
    """What the router itself refuses."""
    code = _CODE_FOR_STATUS.get(status, "INTERNAL" if status >= 500 else "BAD_REQUEST")
    return RequestProblem(status, code, _title(code), headers=headers)


def internal_problem() -> RequestProblem:
    return RequestProblem(500, "INTERNAL", "an error of the service; its log has more under the request id")


def problem_response(
    problem: RequestProblem, scope: MutableMapping[str, Any], extra: Mapping[str, object] | None = None
) -> JSONResponse:
    """The answer to a request, whose scope then knows the problem's code, for the log."""
    request_id = scope["request_id"]
    scope["problem_code"] = problem.code
    headers = dict(problem.headers)
    if problem.status in RETRY_AFTER_S:
        headers.setdefault("Retry-After", RETRY_AFTER_S[problem.status])
    body = Problem(
        type="urn:medical-data-pipeline:problem:" + problem.code.lower().replace("_", "-"),
        title=_title(problem.code),
        status=problem.status,
        detail=problem.detail,
        instance=f"urn:uuid:{request_id}",
        code=problem.code,
        request_id=request_id,
        errors=list(problem.errors),
    )
    content = {**body.model_dump(), **(extra or {})}
    return JSONResponse(content, problem.status, headers, media_type=PROBLEM_MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems a route may answer with, for OpenAPI."""
    content = {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": _DESCRIPTIONS[status], "content": content} for status in statuses}


def _place(error: Mapping[str, Any]) -> PlaceInRequest:
    if error["type"] == "extra_forbidden":
        # The name is the caller's own text and might be a value.
        return PlaceInRequest(pointer="#", detail="there is a field that is not known here")
    kind, *names = error["loc"] or ("body",)
    path = "/".join(str(name) for name in names)
    return PlaceInRequest(pointer=f"#/{path}" if kind == "body" else f"{kind}/{path}", detail=error["msg"])


def _backend_detail(error: BackendError) -> str:
    if error.http_status == 507:
        return "there is no room for the bytes"
    return "the service cannot answer now; the same request may pass later"


def _title(code: str) -> str:
    words = code.replace("_", " ").capitalize()
    return words.replace("Sql", "SQL")


_DESCRIPTIONS = {
    400: "The request is not of its form (BAD_REQUEST, INVALID_PARAMETER, SQL_SYNTAX, …)",
    401: "No valid token (UNAUTHENTICATED)",
    403: "Not allowed (FORBIDDEN, SQL_NOT_READONLY, SQL_FORBIDDEN_OBJECT)",
    404: "Not there, or not yours (NOT_FOUND)",
    405: "The path has no such method (METHOD_NOT_ALLOWED)",
    406: "No such representation (UNSUPPORTED_MEDIA_TYPE)",
    408: "The body does not go on (UPLOAD_STALLED)",
    409: "Conflict (IDEMPOTENCY_CONFLICT, QUERY_CANCELLED, SCHEMA_CONFLICT)",
    411: "The length is not said (LENGTH_REQUIRED)",
    412: "If-Match or If-None-Match does not hold (PRECONDITION_FAILED)",
    413: "Too large (PAYLOAD_TOO_LARGE)",
    415: "Not a media type or encoding that is read here (UNSUPPORTED_MEDIA_TYPE)",
    422: "It could not be carried out (SQL_RUNTIME, QUERY_RESOURCE_LIMIT, a refused file's reason)",
    429: "Too many at once (RATE_LIMITED)",
    500: "A bug (INTERNAL)",
    503: "Not able to answer now (UNAVAILABLE)",
    504: "The query took longer than it may (QUERY_TIMEOUT)",
    507: "No room (INSUFFICIENT_STORAGE)",
}
