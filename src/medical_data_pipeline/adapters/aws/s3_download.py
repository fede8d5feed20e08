"""An S3 object read from its beginning to its end; a connection that breaks is taken up where it broke."""

import base64
import contextlib
import errno
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import translated
from medical_data_pipeline.errors import BackendUnavailable, PreconditionFailed, StorageFull
from medical_data_pipeline.model.objects import ObjectRef, is_sha256

_CHUNK_BYTES = 1 << 20
_ATTEMPTS = 5


def download(client: Client, ref: ObjectRef, file: BinaryIO, version: str = "") -> None:
    """Write the whole object to the empty `file`, all of one version: of `version`, if that is given.

    Raises:
        ObjectNotFound, PreconditionFailed, BackendUnavailable: see `pieces`.
        StorageFull: there is no room on this machine's disk.
    """
    for piece in pieces(client, ref, version):
        try:
            file.write(piece)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull("there is no room left on the function's disk") from None
            raise


def pieces(client: Client, ref: ObjectRef, version: str = "") -> Iterator[bytes]:
    """The whole object, all of one version, a piece at a time: of `version`, if that is given.

    Raises:
        ObjectNotFound: no such object.
        PreconditionFailed: it is of another version, or was replaced while it was read.
        BackendUnavailable: the connection broke too often.
    """
    target = {"Bucket": ref.bucket, "Key": ref.key}
    answer = _answer(client, target, version)
    size_bytes, etag, read_bytes = answer["ContentLength"], answer["ETag"], 0
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(BotoCoreError, HTTPError):
            while piece := answer["Body"].read(_CHUNK_BYTES):
                read_bytes += len(piece)
                yield piece
        if read_bytes >= size_bytes:
            return
        with translated():
            answer = client.get_object(**target, Range=f"bytes={read_bytes}-", IfMatch=etag)
    raise BackendUnavailable("the connection broke again and again while an object was read")


def whole_sha256(answer: Mapping[str, Any]) -> str:
    """The digest of all bytes; that of a multipart upload is one of its parts' digests, and says nothing."""
    digest = answer.get("ChecksumSHA256", "")
    if "-" in digest or answer.get("ChecksumType") == "COMPOSITE":
        return ""
    return base64.b64decode(digest).hex()


def _answer(client: Client, target: Mapping[str, str], version: str) -> Mapping[str, Any]:
    """What was said of the object before is no promise: the answer itself has to be of the version."""
    is_digest = is_sha256(version)
    condition = {"IfMatch": f'"{version}"'} if version and not is_digest else {}
    with translated():
        answer: Mapping[str, Any] = client.get_object(**target, **condition, ChecksumMode="ENABLED")
    if is_digest and whole_sha256(answer) != version:
        answer["Body"].close()
        raise PreconditionFailed("the object has other content by now")
    return answer
