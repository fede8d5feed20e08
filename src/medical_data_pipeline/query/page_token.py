"""Page tokens: where the next page begins, signed, so that only our own are accepted."""

import base64
import hashlib
import hmac

from medical_data_pipeline.errors import InvalidRequest

_SIGNATURE_BYTES = 16


def encode(query_id: str, actor: str, offset: int, key: bytes) -> str:
    """A token for `actor` alone, to read on from row `offset`."""
    content = str(offset).encode()
    signed = _signature(query_id, actor, content, key) + content
    return base64.urlsafe_b64encode(signed).decode().rstrip("=")


def decode(token: str, query_id: str, actor: str, key: bytes) -> int:
    """The row to read on from.

    Raises:
        InvalidRequest: the token is not ours, or for another query or actor.
    """
    try:
        signed = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except ValueError:
        signed = b""
    signature, content = signed[:_SIGNATURE_BYTES], signed[_SIGNATURE_BYTES:]
    is_ours = hmac.compare_digest(signature, _signature(query_id, actor, content, key))
    if not is_ours or not content.isdigit():
        raise InvalidRequest("the page token is not valid")
    return int(content)


def _signature(query_id: str, actor: str, content: bytes, key: bytes) -> bytes:
    message = b"\x00".join((query_id.encode(), actor.encode(), content))
    return hmac.new(key, message, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def owner_mark(query_id: str, actor: str, key: bytes) -> str:
    """The part of a query's id that says whose it is, without telling the name."""
    return _signature(query_id, actor, b"owner", key).hex()[:16]


def is_owner(mark: str, query_id: str, actor: str, key: bytes) -> bool:
    return hmac.compare_digest(mark.encode(), owner_mark(query_id, actor, key).encode())
