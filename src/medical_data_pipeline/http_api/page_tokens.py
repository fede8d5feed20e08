"""Opaque page tokens: a signed place in one list, of no use for another."""

import base64
import binascii
import hashlib
import hmac
import json

from medical_data_pipeline.errors import QueryNotFound
from medical_data_pipeline.http_api.problem import invalid_parameter

SIGNATURE_BYTES = 16


def make_page_token(key: bytes, of: str, place: str | int) -> str:
    """A token for `place` of the list named `of`."""
    content = json.dumps([of, place], separators=(",", ":")).encode("ascii")
    return base64.urlsafe_b64encode(_signature(key, content) + content).decode("ascii").rstrip("=")


def parse_page_token(key: bytes, of: str, token: str) -> str | int:
    """The place a token stands for.

    Raises:
        RequestProblem: nobody here made this token.
        QueryNotFound: it is a token of another list.
    """
    content = _signed_content(key, token)
    if content is None:
        raise invalid_parameter("query/page_token", "not a page token of this service, or no longer one")
    made_of, place = json.loads(content)
    if made_of != of:
        raise QueryNotFound("the page token is of another result")
    assert isinstance(place, str | int)  # noqa: S101 - only make_page_token can have signed it
    return place


def _signed_content(key: bytes, token: str) -> bytes | None:
    try:
        padded = token.encode("ascii") + b"=" * (-len(token) % 4)
        plain = base64.b64decode(padded, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    signature, content = plain[:SIGNATURE_BYTES], plain[SIGNATURE_BYTES:]
    return content if hmac.compare_digest(signature, _signature(key, content)) else None


def _signature(key: bytes, content: bytes) -> bytes:
    return hmac.digest(key, content, hashlib.sha256)[:SIGNATURE_BYTES]
