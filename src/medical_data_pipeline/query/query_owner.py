"""Whose a query is, told by its id: nobody else reads it, and no table has to say so."""

import hashlib
import hmac

_MARK_LENGTH = 16


def owner_mark(query_id: str, actor: str, key: bytes) -> str:
    """The part of a query's id that says whose it is, without telling the name."""
    message = b"\x00".join((query_id.encode(), actor.encode()))
    return hmac.new(key, message, hashlib.sha256).hexdigest()[:_MARK_LENGTH]


def is_owner(mark: str, query_id: str, actor: str, key: bytes) -> bool:
    return hmac.compare_digest(mark.encode(), owner_mark(query_id, actor, key).encode())
