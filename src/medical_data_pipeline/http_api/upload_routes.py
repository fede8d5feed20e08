"""The route that lets files go straight to the store: POST /uploads signs one upload."""

from datetime import datetime
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from medical_data_pipeline.errors import ObjectNotFound
from medical_data_pipeline.http_api.authentication import ActorHere, ServicesHere
from medical_data_pipeline.http_api.contract import KNOWN_PARAMETERS
from medical_data_pipeline.http_api.input_keys import require_key
from medical_data_pipeline.http_api.problem import documented
from medical_data_pipeline.http_api.strict_body import read_body
from medical_data_pipeline.http_api.threads import in_thread

router = APIRouter(tags=["input"], dependencies=KNOWN_PARAMETERS)
# S3 takes no more in one upload of this kind.
MAX_BYTES = 5 << 30


class NewUpload(BaseModel):
    """The file to come: its key below `input/`, its size, and its SHA-256 in hex."""

    model_config = ConfigDict(extra="forbid", title="NewUpload")

    key: str = Field(min_length=1, max_length=1000, examples=["labs/2024-01.csv"])
    size_bytes: int = Field(ge=1, le=MAX_BYTES)
    sha256: str = Field(pattern="^[0-9a-f]{64}$")


class UploadPermission(BaseModel):
    """Send `fields` and then the file as `file`, as multipart/form-data, to `url` before it expires."""

    url: str
    fields: dict[str, str]
    expires_at: datetime


_ANSWERS: dict[int | str, dict[str, Any]] = {201: {"model": UploadPermission, "description": "Signed"}}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": NewUpload.model_json_schema()}},
    }
}


@router.post(
    "/uploads",
    status_code=201,
    responses={**_ANSWERS, **documented(400, 401, 404, 413, 415, 500, 503)},
    summary="Be allowed to upload one file straight to the store",
    openapi_extra=_BODY,
)
async def sign_upload(request: Request, actor: ActorHere, services: ServicesHere) -> Response:
    """The store takes exactly the bytes that were announced, and the file is loaded by itself."""
    body = await read_body(request, NewUpload, services.limits.max_body_bytes)
    require_key(body.key)
    if services.uploads is None:
        raise ObjectNotFound("this server signs no uploads")
    digest = bytes.fromhex(body.sha256)
    bound = request.app.state.bounds.queries
    signed = await in_thread(bound, services.uploads.sign, body.key, body.size_bytes, digest, actor)
    answer = UploadPermission(url=signed.url, fields=dict(signed.fields), expires_at=signed.expires_at)
    return JSONResponse(answer.model_dump(mode="json"), 201)
