"""An S3 object to a file of this machine; a connection that breaks is taken up where it broke."""

import contextlib
import errno
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError
from urllib3.exceptions import HTTPError

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import translated
from medical_data_pipeline.errors import BackendUnavailable, StorageFull
from medical_data_pipeline.model.objects import ObjectRef

_CHUNK_BYTES = 1 << 20
_ATTEMPTS = 5


def download(client: Client, ref: ObjectRef, file: BinaryIO) -> None:
    """Write the whole object to the empty `file`, all of one version.

    Raises:
        ObjectNotFound: no such object.
        PreconditionFailed: it was replaced while it was read.
        StorageFull: there is no room on this machine's disk.
        BackendUnavailable: the connection broke too often.
    """
    target = {"Bucket": ref.bucket, "Key": ref.key}
    with translated():
        answer = client.get_object(**target)
    size_bytes, etag = answer["ContentLength"], answer["ETag"]
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(BotoCoreError, HTTPError):
            _copy(answer["Body"], file)
        if file.tell() >= size_bytes:
            return
        with translated():
            answer = client.get_object(**target, Range=f"bytes={file.tell()}-", IfMatch=etag)
    raise BackendUnavailable("the connection broke again and again while an object was read")


def _copy(body: Any, file: BinaryIO) -> None:
    while chunk := body.read(_CHUNK_BYTES):
        try:
            file.write(chunk)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull("there is no room left on the function's disk") from None
            raise
