"""Routes for the people who run it: is it ready, and how is it doing."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from medical_data_pipeline.http_api.authentication import ActorHere, ActorIfAny, ServicesHere
from medical_data_pipeline.http_api.documents import HealthInfo
from medical_data_pipeline.http_api.metrics import METRICS_MEDIA_TYPE
from medical_data_pipeline.http_api.problem import RequestProblem, documented, problem_response

router = APIRouter(tags=["operations"])

_METRICS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Prometheus text",
        "content": {METRICS_MEDIA_TYPE.partition(";")[0]: {"schema": {"type": "string"}}},
    }
}


@router.get("/health", response_model=HealthInfo, responses=documented(400, 500, 503))
def health(request: Request, actor: ActorIfAny, services: ServicesHere) -> Response:
    """Ready only when it can do its work. Without a token it says nothing else."""
    report = services.health()
    checks = None if actor is None else dict(report.checks)
    if report.is_ready:
        return JSONResponse(HealthInfo(status="ready", checks=checks).model_dump(exclude_none=True))
    problem = RequestProblem(503, "UNAVAILABLE", "not ready")
    extra = None if checks is None else {"checks": checks}
    return problem_response(problem, request.scope["request_id"], extra)


@router.get(
    "/metrics",
    response_class=Response,
    responses={**_METRICS, **documented(400, 401, 500, 503)},
)
def metrics(request: Request, actor: ActorHere, services: ServicesHere) -> Response:
    """Counts and times; no key, no name, no value is a label."""
    text = request.app.state.metrics.exposition(services.count_loads())
    return Response(text, media_type=METRICS_MEDIA_TYPE)
