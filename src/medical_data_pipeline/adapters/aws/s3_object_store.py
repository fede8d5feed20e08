"""Objects in S3: read through a file of this machine's disk, written in parts, listed as S3 has them."""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import translated
from medical_data_pipeline.adapters.aws.s3_download import download, whole_sha256
from medical_data_pipeline.adapters.aws.s3_listing import listed_pages
from medical_data_pipeline.adapters.aws.s3_upload import PART_BYTES, target_of, upload
from medical_data_pipeline.model.objects import ObjectHead, ObjectRef
from medical_data_pipeline.ports import NO_CHECKSUMS, Checksums, ObjectStore

# What is smaller stays in memory while it is read.
_SMALL_BYTES = 1 << 20


@dataclass(frozen=True)
class S3ObjectStore(ObjectStore):
    """Objects of any bucket that `client` may use; what is read lies in `scratch` meanwhile."""

    client: Client
    scratch: Path
    part_bytes: int = PART_BYTES

    def put(self, ref: ObjectRef, chunks: Iterator[bytes], expected: Checksums = NO_CHECKSUMS) -> ObjectHead:
        stored = upload(self.client, ref, chunks, expected, self.part_bytes)
        modified_at = self.head(ref).modified_at
        return ObjectHead(ref, stored.size_bytes, stored.sha256, modified_at, stored.etag)

    def open(self, ref: ObjectRef, version: str = "") -> AbstractContextManager[BinaryIO]:
        target_of(ref)
        return self._opened(ref, version)

    @contextmanager
    def _opened(self, ref: ObjectRef, version: str) -> Iterator[BinaryIO]:
        with tempfile.SpooledTemporaryFile(_SMALL_BYTES, dir=str(self.scratch)) as file:
            download(self.client, ref, file, version)  # type: ignore[arg-type]
            file.seek(0)
            yield file  # type: ignore[misc]

    def head(self, ref: ObjectRef) -> ObjectHead:
        with translated():
            answer = self.client.head_object(**target_of(ref), ChecksumMode="ENABLED")
        return ObjectHead(
            ref,
            answer["ContentLength"],
            whole_sha256(answer),
            answer["LastModified"],
            answer["ETag"].strip('"'),
        )

    def list(self, bucket: str, prefix: str) -> Iterator[ObjectHead]:
        for page in listed_pages(self.client, bucket, prefix):
            for each in page:
                # An object with a SHA-256 is known by it, and only asking for its head tells it.
                etag = "" if each.has_sha256 else each.etag
                yield ObjectHead(each.ref, each.size_bytes, "", each.modified_at, etag)

    def delete(self, ref: ObjectRef) -> None:
        with translated():
            self.client.delete_object(**target_of(ref))
