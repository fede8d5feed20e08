"""A file that is there whole or not at all, for its user alone: it may hold patient data."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """What is written takes the place of `path` at the end; after a failure that is as it was before.

    Raises:
        OSError: it cannot be written.
    """
    if path.exists() and not path.is_file():
        # A pipe or a device has nothing to keep, and nothing may take its place.
        with path.open("wb") as file:
            yield file
        return
    target = path.resolve()
    partial = target.with_name(f".{target.name[:200]}.{secrets.token_hex(4)}.partial")
    try:
        with os.fdopen(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            yield file
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
