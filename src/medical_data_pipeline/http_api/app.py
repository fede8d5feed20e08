"""Assembles the HTTP application: the same for a server on one's own machine and for AWS."""

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from medical_data_pipeline.errors import PipelineError
from medical_data_pipeline.http_api import (
    load_routes,
    operations_routes,
    query_routes,
    table_routes,
    upload_routes,
)
from medical_data_pipeline.http_api.contract import (
    matching,
    openapi_document,
    operations,
    require_known_parameters,
)
from medical_data_pipeline.http_api.idempotency import IdempotencyKeys
from medical_data_pipeline.http_api.metrics import HttpMetrics
from medical_data_pipeline.http_api.problem import (
    RequestProblem,
    problem_from_pipeline,
    problem_from_status,
    problem_from_validation,
    problem_response,
)
from medical_data_pipeline.http_api.request_frame import RequestFrame
from medical_data_pipeline.http_api.services import Services
from medical_data_pipeline.http_api.threads import ThreadBounds


def create_app(services: Services, version: str = "1") -> FastAPI:
    """The application over `services`; it starts and stops nothing."""
    app = FastAPI(
        title="Medical Data Pipeline",
        version=version,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(require_known_parameters)],
        redirect_slashes=False,
    )
    for router in _routers(services):
        app.include_router(router)
    document = openapi_document(app)
    app.openapi = lambda: document  # type: ignore[method-assign]
    metrics = HttpMetrics()
    app.state.services = services
    app.state.operations = operations(document)
    app.state.bounds = ThreadBounds.of(services.limits)
    app.state.idempotency_keys = IdempotencyKeys()
    app.state.metrics = metrics
    app.add_middleware(RequestFrame, metrics=metrics)
    for kind in (RequestProblem, PipelineError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _answer_error)
    return app


def _routers(services: Services) -> list[APIRouter]:
    """In the order of the document."""
    input_router, upload_router = [], []
    if services.intake is not None:
        # A cold start on AWS, where files come in by other ways, does not wait for it.
        from medical_data_pipeline.http_api import input_routes  # noqa: PLC0415

        input_router = [input_routes.router]
    if services.uploads is not None:
        upload_router = [upload_routes.router]
    return [
        *(query_routes.router, table_routes.router, load_routes.router),
        *(*input_router, *upload_router),
        operations_routes.router,
    ]


async def _answer_error(request: Request, error: Exception) -> Response:
    return problem_response(_problem(request, error), request.scope["request_id"])


def _problem(request: Request, error: Exception) -> RequestProblem:
    match error:
        case RequestProblem():
            return error
        case PipelineError():
            return problem_from_pipeline(error)
        case RequestValidationError():
            return problem_from_validation(error)
        case HTTPException(status_code=405):
            allowed = ", ".join(sorted({each.method for each in matching(request)}))
            return problem_from_status(405, {"Allow": allowed})
        case HTTPException():
            return problem_from_status(error.status_code, error.headers)
        case _:
            raise error
