"""Which keys a file may be put under, whichever way it comes."""

from medical_data_pipeline.errors import InvalidObjectRef
from medical_data_pipeline.model.keys import HIDDEN, is_hidden


def require_key(key: str) -> None:
    """Raises: InvalidObjectRef."""
    # U+FFFD is what the server made of bytes that are not UTF-8: two keys could become one.
    if not key.isprintable() or "\ufffd" in key:
        raise InvalidObjectRef("a key is printable text in UTF-8")
    if is_hidden(key):
        raise InvalidObjectRef(HIDDEN)
