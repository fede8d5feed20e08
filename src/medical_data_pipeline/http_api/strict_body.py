"""A JSON body read strictly: bounded, UTF-8, no key twice, no field unknown, no number JSON does not have."""

import json
from math import isinf
from typing import TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from medical_data_pipeline.http_api.problem import PlaceInRequest, RequestProblem

Body = TypeVar("Body", bound=BaseModel)


async def read_body(request: Request, wanted: type[Body], max_bytes: int) -> Body:
    """Raises: RequestProblem or RequestValidationError."""
    require_json(request.headers.get("content-type", ""))
    content = await _bounded(request, max_bytes)
    document = _document(content)
    try:
        return wanted.model_validate(document, strict=True)
    except ValidationError as invalid:
        raise _problem(invalid) from None


def require_json(content_type: str) -> None:
    media_type, *parameters = (part.strip().lower() for part in content_type.split(";"))
    charset = next((text[8:].strip('"') for text in parameters if text.startswith("charset=")), "utf-8")
    if media_type != "application/json" or charset not in ("utf-8", "utf8"):
        raise RequestProblem(415, "UNSUPPORTED_MEDIA_TYPE", "the body has to be application/json in UTF-8")


async def _bounded(request: Request, max_bytes: int) -> bytes:
    too_large = RequestProblem(
        413, "PAYLOAD_TOO_LARGE", f"a body has at most {max_bytes} bytes", headers={"Connection": "close"}
    )
    declared = request.headers.get("content-length", "")
    if declared.isdecimal() and int(declared) > max_bytes:
        raise too_large
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > max_bytes:
            raise too_large
    return bytes(content)


def _document(content: bytes) -> object:
    try:
        document = json.loads(
            content.decode("utf-8"),
            object_pairs_hook=_without_repeats,
            parse_constant=_no_constant,
            parse_float=_finite,
        )
        # An escaped half of a surrogate pair is no character, and nothing behind us could write it.
        json.dumps(document, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError):
        raise RequestProblem(400, "BAD_REQUEST", "the body is not one JSON document in UTF-8") from None
    return document


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError("a key stands there twice")
    return document


def _finite(text: str) -> float:
    if isinf(number := float(text)):
        raise ValueError("not a number a double can have")
    return number


def _no_constant(_: str) -> object:
    raise ValueError("not a number of JSON")


def _problem(invalid: ValidationError) -> Exception:
    """A wrong or missing `sql` is a bad request; any other field a bad parameter."""
    errors = invalid.errors(include_url=False, include_context=False, include_input=False)
    wrong_sql = [each for each in errors if each["loc"][:1] in ((), ("sql",))]
    if not wrong_sql:
        return RequestValidationError([{**each, "loc": ("body", *each["loc"])} for each in errors])
    places = [
        PlaceInRequest(pointer="#/" + "/".join(map(str, each["loc"])), detail=each["msg"])
        for each in wrong_sql
    ]
    return RequestProblem(400, "BAD_REQUEST", "the body needs `sql`, a text", errors=places)
