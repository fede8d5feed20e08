"""Assembles the HTTP application: the same for a server on one's own machine and for AWS."""

from functools import cache

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.responses import Response

from medical_data_pipeline.errors import PipelineError
from medical_data_pipeline.http_api import (
    load_routes,
    metrics_routes,
    operations_routes,
    query_routes,
    table_routes,
    upload_routes,
)
from medical_data_pipeline.http_api.contract import (
    matching,
    openapi_document,
    operations,
)
from medical_data_pipeline.http_api.idempotency import IdempotencyKeys
from medical_data_pipeline.http_api.problem import (
    RequestProblem,
    problem_from_pipeline,
    problem_from_status,
    problem_from_validation,
    problem_response,
)
from medical_data_pipeline.http_api.request_frame import RequestFrame
from medical_data_pipeline.http_api.services import NoCounts, Services
from medical_data_pipeline.http_api.threads import ThreadBounds


def create_app(services: Services, version: str = "1") -> FastAPI:
    """The application over `services`; it starts and stops nothing."""
    routes = [route for router in _routers(services) for route in router.routes]
    app = FastAPI(
        routes=routes,
        title="Medical Data Pipeline",
        version=version,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.openapi = cache(lambda: openapi_document(app))  # type: ignore[method-assign]
    counts = services.metrics or NoCounts()
    app.state.services = services
    app.state.operations = operations(route for route in routes if isinstance(route, APIRoute))
    app.state.bounds = ThreadBounds.of(services.limits)
    app.state.idempotency_keys = IdempotencyKeys()
    app.state.metrics = counts
    app.add_middleware(RequestFrame, counts=counts)
    for kind in (RequestProblem, PipelineError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _answer_error)
    return app


def _routers(services: Services) -> list[APIRouter]:
    """In the order of the document."""
    input_router, upload_router, metrics_router = [], [], []
    if services.intake is not None:
        # A cold start on AWS, where files come in by other ways, does not wait for it.
        from medical_data_pipeline.http_api import input_routes  # noqa: PLC0415

        input_router = [input_routes.router]
    if services.uploads is not None:
        upload_router = [upload_routes.router]
    if services.metrics is not None:
        metrics_router = [metrics_routes.router]
    return [
        *(query_routes.router, table_routes.router, load_routes.router),
        *(*input_router, *upload_router),
        *(operations_routes.router, *metrics_router),
    ]


async def _answer_error(request: Request, error: Exception) -> Response:
    return problem_response(_problem(request, error), request.scope)


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
