"""The route for the people who run it: is it ready."""

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from medical_data_pipeline.http_api.authentication import ActorIfAny, ServicesHere
from medical_data_pipeline.http_api.contract import KNOWN_PARAMETERS
from medical_data_pipeline.http_api.documents import HealthInfo
from medical_data_pipeline.http_api.problem import RequestProblem, documented, problem_response

router = APIRouter(tags=["operations"], dependencies=KNOWN_PARAMETERS)


@router.get("/health", response_model=HealthInfo, responses=documented(400, 500, 503))
def health(request: Request, actor: ActorIfAny, services: ServicesHere) -> Response:
    """Ready only when it can do its work. Without a token it says nothing else."""
    report = services.health()
    checks = None if actor is None else dict(report.checks)
    if report.is_ready:
        return JSONResponse(HealthInfo(status="ready", checks=checks).model_dump(exclude_none=True))
    problem = RequestProblem(503, "UNAVAILABLE", "not ready")
    extra = None if checks is None else {"checks": checks}
    return problem_response(problem, request.scope, extra)
