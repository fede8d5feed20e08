"""Bytes to an S3 object, whole or not at all, with a SHA-256 that S3 checks for every part."""

import base64
import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import error_code, translated
from medical_data_pipeline.errors import ChecksumMismatch, InvalidObjectRef
from medical_data_pipeline.model.objects import ObjectRef
from medical_data_pipeline.ports import NO_CHECKSUMS, Checksums

# S3 takes at most 10,000 parts: 80 GB. One part and the next are in memory at a time.
PART_BYTES = 8 << 20


@dataclass(frozen=True)
class Uploaded:
    """An object as it was stored; `sha256` is "" where S3 knows only the digests of its parts."""

    size_bytes: int
    sha256: str
    etag: str


def upload(
    client: Client,
    ref: ObjectRef,
    chunks: Iterator[bytes],
    expected: Checksums = NO_CHECKSUMS,
    part_bytes: int = PART_BYTES,
) -> Uploaded:
    """Store all of `chunks`, or nothing.

    Raises:
        ChecksumMismatch: the bytes are not what `expected` says; nothing was changed.
        InvalidObjectRef: S3 cannot hold such a key.
        BackendUnavailable: the outcome is unknown.
    """
    target = target_of(ref)
    digests = _Digests()
    parts = _regrouped(chunks, part_bytes, digests)
    first = next(parts, b"")
    second = next(parts, None)
    if second is None:
        digests.require(expected)
        with translated():
            digest = _base64(digests.sha256.digest())
            answer = client.put_object(
                **target, Body=first, ChecksumAlgorithm="SHA256", ChecksumSHA256=digest
            )
        return Uploaded(digests.size_bytes, digests.sha256.hexdigest(), _plain(answer["ETag"]))
    with translated():
        begun = client.create_multipart_upload(**target, ChecksumAlgorithm="SHA256")
    multipart = _Multipart(client, target, begun["UploadId"])
    try:
        for part in _chained(first, second, parts):
            multipart.add(part)
        digests.require(expected)
    except BaseException:
        multipart.abort()
        raise
    return Uploaded(digests.size_bytes, "", multipart.complete())


def file_chunks(file: Any, chunk_bytes: int = 1 << 20) -> Iterator[bytes]:
    while chunk := file.read(chunk_bytes):
        yield chunk


@dataclass
class _Digests:
    """What the bytes hash to, gathered as they pass."""

    sha256: Any = field(default_factory=hashlib.sha256)
    md5: Any = field(default_factory=lambda: hashlib.md5(usedforsecurity=False))
    size_bytes: int = 0

    def add(self, chunk: bytes) -> None:
        self.sha256.update(chunk)
        self.md5.update(chunk)
        self.size_bytes += len(chunk)

    def require(self, expected: Checksums) -> None:
        is_right = expected.sha256 in (None, self.sha256.digest()) and expected.md5 in (
            None,
            self.md5.digest(),
        )
        if not is_right:
            raise ChecksumMismatch("the bytes received differ from the checksum sent with them")


@dataclass
class _Multipart:
    """One multipart upload. Parts that nobody completes go by the bucket's lifecycle."""

    client: Client
    target: dict[str, str]
    upload_id: str
    parts: list[dict[str, Any]] = field(default_factory=list)
    digests: list[bytes] = field(default_factory=list)

    def add(self, content: bytes) -> None:
        digest = hashlib.sha256(content).digest()
        number = len(self.parts) + 1
        with translated():
            answer = self.client.upload_part(
                **self.target,
                UploadId=self.upload_id,
                PartNumber=number,
                Body=content,
                ChecksumSHA256=_base64(digest),
            )
        self.digests.append(digest)
        self.parts.append({"PartNumber": number, "ETag": answer["ETag"], "ChecksumSHA256": _base64(digest)})

    def complete(self) -> str:
        """The new object's ETag. An answer that got lost is looked for before anything is given up."""
        with translated():
            try:
                answer = self.client.complete_multipart_upload(
                    **self.target, UploadId=self.upload_id, MultipartUpload={"Parts": self.parts}
                )
            except (ClientError, BotoCoreError) as error:
                etag = self._landed(error)
                if etag is None:
                    raise
                return etag
        return _plain(answer["ETag"])

    def abort(self) -> None:
        with contextlib.suppress(ClientError, BotoCoreError):
            self.client.abort_multipart_upload(**self.target, UploadId=self.upload_id)

    def _landed(self, error: ClientError | BotoCoreError) -> str | None:
        if isinstance(error, ClientError) and error_code(error) not in ("NoSuchUpload", "500", "503"):
            return None
        present = self.client.head_object(**self.target, ChecksumMode="ENABLED")
        composite = _base64(hashlib.sha256(b"".join(self.digests)).digest()) + f"-{len(self.parts)}"
        return _plain(present["ETag"]) if present.get("ChecksumSHA256") == composite else None


def target_of(ref: ObjectRef) -> dict[str, str]:
    """The parameters that name an object.

    Raises:
        InvalidObjectRef: S3 cannot hold such a key.
    """
    try:
        ref.key.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidObjectRef("this store cannot hold such a key") from None
    return {"Bucket": ref.bucket, "Key": ref.key}


def _regrouped(chunks: Iterator[bytes], part_bytes: int, digests: _Digests) -> Iterator[bytes]:
    gathered = bytearray()
    for chunk in chunks:
        digests.add(chunk)
        gathered += chunk
        while len(gathered) >= part_bytes:
            yield bytes(gathered[:part_bytes])
            del gathered[:part_bytes]
    if gathered:
        yield bytes(gathered)


def _chained(first: bytes, second: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield second
    yield from rest


def _base64(digest: bytes) -> str:
    return base64.b64encode(digest).decode("ascii")


def _plain(etag: str) -> str:
    return etag.strip('"')
