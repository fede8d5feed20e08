"""The SHA-256 of a stored file: computed once, kept with the file, and never believed after a change."""

import contextlib
import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import BinaryIO

CHUNK_BYTES = 1 << 20
ATTRIBUTE = "user.mdp.sha256"
KNOWN_IN_MEMORY = 10_000


@dataclass(frozen=True)
class FileDigests:
    """Digests by what a file's inode says of itself.

    They are kept in an extended attribute, which dies with the file, moves with it, and needs no database.
    On volumes without such attributes a bounded memory takes its place.
    """

    known: OrderedDict[str, str] = field(default_factory=OrderedDict)

    def remember(self, descriptor: int, sha256: str) -> None:
        state = _state(os.fstat(descriptor))
        try:
            os.setxattr(descriptor, ATTRIBUTE, f"{state} {sha256}".encode("ascii"))
        except OSError:
            self.known[state] = sha256
            while len(self.known) > KNOWN_IN_MEMORY:
                with contextlib.suppress(KeyError):
                    self.known.popitem(last=False)

    def recall(self, file: str | int, status: os.stat_result) -> str:
        """The digest, or "" when it is not known or the file was changed since."""
        state = _state(status)
        try:
            then, _, sha256 = os.getxattr(file, ATTRIBUTE).decode("ascii").partition(" ")
        except (OSError, UnicodeDecodeError):
            return self.known.get(state, "")
        return sha256 if then == state else self.known.get(state, "")

    def compute(self, file: BinaryIO) -> str:
        descriptor = file.fileno()
        before = os.fstat(descriptor)
        known = self.recall(descriptor, before)
        if known:
            return known
        digest = hashlib.sha256()
        while chunk := file.read(CHUNK_BYTES):
            digest.update(chunk)
        sha256 = digest.hexdigest()
        # What was written to meanwhile is of two contents, and neither may go by this digest later.
        if _state(os.fstat(descriptor)) == _state(before):
            self.remember(descriptor, sha256)
        return sha256


def _state(status: os.stat_result) -> str:
    return f"{status.st_ino}:{status.st_size}:{status.st_mtime_ns}"
