"""Objects in a bucket: what names one, what is known of one, and the event that announces one."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import reduce

from medical_data_pipeline.errors import InvalidObjectRef

MAX_KEY_BYTES = 1024
_SHA256_DIGITS = 64


@dataclass(frozen=True)
class ObjectRef:
    """One object. `key` is as the store holds it: never URL-encoded."""

    bucket: str
    key: str

    def __post_init__(self) -> None:
        if not self.bucket or not self.key:
            raise InvalidObjectRef("an object needs a bucket and a key")
        if len(self.key.encode("utf-8", "surrogatepass")) > MAX_KEY_BYTES:
            raise InvalidObjectRef(f"a key has at most {MAX_KEY_BYTES} bytes")


@dataclass(frozen=True)
class ObjectHead:
    """What a store knows of one object.

    `sha256` is of the stored bytes, in hex, or "" where the store does not know it; `etag` is the store's own
    mark of a content, or "" where it has none.
    """

    ref: ObjectRef
    size_bytes: int
    sha256: str
    modified_at: datetime
    etag: str = ""

    @property
    def version(self) -> str:
        """What identifies the content: two objects of one key and version hold the same bytes."""
        return self.sha256 or self.etag


@dataclass(frozen=True)
class ObjectCreated:
    """A new version of an object. Delivered at least once, in any order.

    `etag` is the store's mark of the content. `sequencer` orders the versions of one key: compared as text
    after the shorter is padded with zeros on the right.
    """

    ref: ObjectRef
    size_bytes: int
    etag: str
    sequencer: str


def is_older(sequencer: str, than: str) -> bool:
    """Whether an event with `sequencer` came before one with `than` (S3's rule for one key)."""
    width = max(len(sequencer), len(than))
    return sequencer.ljust(width, "0") < than.ljust(width, "0")


def newest_of(sequencers: Iterable[str]) -> str:
    """The greatest of them; "" of none."""
    return reduce(lambda one, other: other if is_older(one, other) else one, sequencers, "")


def content_version(version: str) -> str:
    """The version of the content itself, without the mark of a replay."""
    return version.partition("+")[0]


def is_sha256(version: str) -> bool:
    """Whether it is the hash of the content, and not a store's own mark of it."""
    return len(version) == _SHA256_DIGITS


def replay_version(version: str) -> str:
    """The version under which the same content is loaded once more: a load of its own, computed as any."""
    content, _, count = version.partition("+")
    return f"{content}+{int(count or 0) + 1}"


def load_id(ref: ObjectRef, version: str) -> str:
    """The id of the load of one content of one key: 32 hex digits, computed and never drawn.

    Its first half is the same for all contents of the key (`source_mark`), so that loads of the same file
    know each other by their ids alone.
    """
    return source_mark(ref) + _digest(ref.bucket, ref.key, version)


def source_mark(ref: ObjectRef) -> str:
    return _digest(ref.bucket, ref.key)


def mark_of_load(load: str) -> str:
    """The source mark in a load's id."""
    return load[:16]


def _digest(*parts: str) -> str:
    identity = "\x00".join(parts)
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:16]
