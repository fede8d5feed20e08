"""The route that takes files in: PUT /input/{key}, durable before it is acknowledged."""

import base64
import binascii
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from medical_data_pipeline.conversion.intake import Preconditions, Upload
from medical_data_pipeline.errors import ObjectNotFound
from medical_data_pipeline.http_api.authentication import (
    ActorHere,
    ServicesHere,
    authenticated,
    credentials_of,
    services_of,
)
from medical_data_pipeline.http_api.contract import KNOWN_PARAMETERS, require_known_parameters
from medical_data_pipeline.http_api.documents import LoadInfo, load_info
from medical_data_pipeline.http_api.input_keys import require_key
from medical_data_pipeline.http_api.problem import RequestProblem, documented, invalid_parameter
from medical_data_pipeline.http_api.threads import in_thread
from medical_data_pipeline.http_api.upload_stream import UploadStream, too_large
from medical_data_pipeline.model.objects import content_version
from medical_data_pipeline.ports import Checksums


async def _put_input(request: Request) -> Response:
    """`put_input` with what its signature asks for."""
    await require_known_parameters(request)
    services = await services_of(request)
    actor = await authenticated(request, await credentials_of(request), services)
    sent = request.headers
    promises = UploadPromises(
        content_md5=sent.get("content-md5"),
        x_amz_checksum_sha256=sent.get("x-amz-checksum-sha256"),
        if_match=sent.get("if-match"),
        if_none_match=sent.get("if-none-match"),
    )
    return await put_input(request, actor, services, request.path_params["key"], promises)


class UploadRoute(APIRoute):
    """A route whose parameters are found by hand: FastAPI's way to them takes longer than a small upload."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        return _put_input


router = APIRouter(tags=["input"], dependencies=KNOWN_PARAMETERS, route_class=UploadRoute)

# Stored as sent: conversion recognises packed files by their bytes.
ENCODINGS = frozenset({"", "identity", "gzip", "zstd"})
_HEADERS = {
    "Location": {"schema": {"type": "string"}, "description": "The load"},
    "ETag": {"schema": {"type": "string"}, "description": "SHA-256 of the bytes, for If-Match"},
}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"model": LoadInfo, "description": "The same content was there already", "headers": _HEADERS},
    201: {"model": LoadInfo, "description": "Durable; it will be loaded", "headers": _HEADERS},
}
_BODY = {
    "requestBody": {
        "required": True,
        "description": "The file itself, under any Content-Type but `multipart/*`: a form is refused",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@dataclass(frozen=True)
class UploadPromises:
    """What the sender says of the bytes and of what they replace."""

    content_md5: str | None
    x_amz_checksum_sha256: str | None
    if_match: str | None
    if_none_match: str | None

    @classmethod
    async def of_headers(
        cls,
        content_md5: Annotated[str | None, Header(description="Base64")] = None,
        x_amz_checksum_sha256: Annotated[str | None, Header(description="Base64")] = None,
        if_match: Annotated[str | None, Header(description="ETag of the object to replace")] = None,
        if_none_match: Annotated[str | None, Header(description="Only `*`")] = None,
    ) -> "UploadPromises":
        """Asynchronous, as FastAPI calls anything else in a thread."""
        return cls(content_md5, x_amz_checksum_sha256, if_match, if_none_match)

    def checksums(self) -> Checksums:
        """Raises: RequestProblem."""
        return Checksums(
            md5=_digest("header/content-md5", self.content_md5, 16),
            sha256=_digest("header/x-amz-checksum-sha256", self.x_amz_checksum_sha256, 32),
        )

    def preconditions(self) -> Preconditions:
        """Raises: RequestProblem."""
        if self.if_none_match is not None and self.if_none_match.strip() != "*":
            raise invalid_parameter("header/if-none-match", "only * is known")
        return Preconditions(self.if_match, self.if_none_match)


@router.put(
    "/input/{key:path}",
    status_code=201,
    responses={
        **_ANSWERS,
        **documented(400, 401, 404, 408, 409, 411, 412, 413, 415, 422, 429, 500, 503, 507),
    },
    summary="Upload a CSV file, packed or not",
    openapi_extra=_BODY,
)
async def put_input(
    request: Request,
    actor: ActorHere,
    services: ServicesHere,
    key: Annotated[str, Path(description="`<file>`, or `<table>/<file>`")],
    promises: Annotated[UploadPromises, Depends(UploadPromises.of_headers)],
) -> Response:
    """The bytes are checked against the checksums sent with them, and durable when this answers."""
    expected, preconditions = promises.checksums(), promises.preconditions()
    require_key(key)
    _require_framing(request, services.limits.max_upload_bytes)
    if services.intake is None:
        raise ObjectNotFound("this server takes no uploads")
    stream = await UploadStream.begun(request, services.limits.max_upload_bytes, services.limits.stall_s)
    bound = request.app.state.bounds.uploads
    upload = await in_thread(bound, services.intake.put, key, stream.pieces(), expected, preconditions)
    request.app.state.metrics.uploaded(stream.size_bytes)
    return _acknowledged(upload, request.scope.get("root_path", ""))


def _acknowledged(upload: Upload, root_path: str) -> Response:
    load = upload.load
    headers = {"Location": f"{root_path}/loads/{load.load_id}", "ETag": f'"{content_version(load.version)}"'}
    answer = load_info(load).model_dump_json()
    return Response(answer, 201 if upload.is_new else 200, headers, "application/json")


def _digest(where: str, text: str | None, size_bytes: int) -> bytes | None:
    if text is None:
        return None
    try:
        digest = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        digest = b""
    if len(digest) != size_bytes:
        raise invalid_parameter(where, f"not the base64 of {size_bytes} bytes")
    return digest


def _require_framing(request: Request, max_bytes: int) -> None:
    declared = request.headers.get("content-length")
    if declared is None and "transfer-encoding" not in request.headers:
        raise RequestProblem(411, "LENGTH_REQUIRED", "send Content-Length, or a chunked body")
    if declared is not None and declared.isdecimal() and int(declared) > max_bytes:
        raise too_large(max_bytes)
    if request.headers.get("content-encoding", "").strip().lower() not in ENCODINGS:
        raise RequestProblem(415, "UNSUPPORTED_MEDIA_TYPE", "a Content-Encoding is gzip, zstd or identity")
    if request.headers.get("content-type", "").strip().lower().startswith("multipart/"):
        # Its parts' headers and boundaries would be loaded as rows.
        raise RequestProblem(
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            "the body is a form: send the file itself (curl -T FILE, or curl -X PUT --data-binary @FILE)",
        )
