"""The route that Prometheus reads, where one process sees every request."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from medical_data_pipeline.http_api.authentication import ActorHere
from medical_data_pipeline.http_api.contract import KNOWN_PARAMETERS
from medical_data_pipeline.http_api.problem import documented

router = APIRouter(tags=["operations"], dependencies=KNOWN_PARAMETERS)

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Prometheus text",
        "content": {MEDIA_TYPE.partition(";")[0]: {"schema": {"type": "string"}}},
    }
}


@router.get("/metrics", response_class=Response, responses={**_TEXT, **documented(400, 401, 500, 503)})
def metrics(request: Request, actor: ActorHere) -> Response:
    """Counts and times; no key, no name, no value is a label."""
    return Response(request.app.state.metrics.exposition(), media_type=MEDIA_TYPE)
