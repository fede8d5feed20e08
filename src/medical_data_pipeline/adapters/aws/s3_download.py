"""An S3 object read from its beginning to its end; a connection that breaks is taken up where it broke."""

import contextlib
import errno
from collections.abc import Iterator
from typing import BinaryIO

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
        ObjectNotFound, PreconditionFailed, BackendUnavailable: see `pieces`.
        StorageFull: there is no room on this machine's disk.
    """
    for piece in pieces(client, ref):
        try:
            file.write(piece)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT):
                raise StorageFull("there is no room left on the function's disk") from None
            raise


def pieces(client: Client, ref: ObjectRef) -> Iterator[bytes]:
    """The whole object, all of one version, a piece at a time.

    Raises:
        ObjectNotFound: no such object.
        PreconditionFailed: it was replaced while it was read.
        BackendUnavailable: the connection broke too often.
    """
    target = {"Bucket": ref.bucket, "Key": ref.key}
    with translated():
        answer = client.get_object(**target)
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
