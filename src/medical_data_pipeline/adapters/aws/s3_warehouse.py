"""Files of tables and loads in one bucket, read from their ends and rewritten on this machine's disk."""

import io
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from botocore.exceptions import ClientError

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import error_code, translated
from medical_data_pipeline.adapters.aws.glue_tables import object_at
from medical_data_pipeline.adapters.aws.s3_download import download
from medical_data_pipeline.adapters.aws.s3_listing import listed_pages
from medical_data_pipeline.adapters.aws.s3_upload import file_chunks, upload
from medical_data_pipeline.adapters.iceberg.warehouse_files import StoredFile, WarehouseFiles
from medical_data_pipeline.model.objects import ObjectRef

_TAIL_BYTES = 64 << 10
_BLOCK_BYTES = 1 << 20
_TAIL_AGE_S = 60.0
_MAX_TAILS = 2000


@dataclass(frozen=True)
class _Tail:
    """The end of an object, where Parquet keeps what it says of itself, and how long it was fresh."""

    size_bytes: int
    etag: str
    content: bytes
    fetched_at: float


class S3Warehouse(WarehouseFiles):
    """One call gives both the size and the footer of a file; a commit asks for either several times."""

    def __init__(self, client: Client, bucket: str, scratch: Path) -> None:
        self._client = client
        self._bucket = bucket
        self._scratch = scratch
        self._tails: dict[str, _Tail] = {}

    def location(self, key: str) -> str:
        return f"s3://{self._bucket}/{key}"

    def key(self, location: str) -> str:
        return object_at(location).key

    def size_bytes(self, location: str) -> int:
        return self._tail(location).size_bytes

    def open(self, location: str) -> BinaryIO:
        tail = self._tail(location)
        return io.BufferedReader(_RangeFile(self._client, object_at(location), tail), _TAIL_BYTES)

    def write(self, location: str, content: bytes) -> None:
        upload(self._client, object_at(location), iter([content]))

    @contextmanager
    def readable(self, locations: Sequence[str]) -> Iterator[Sequence[Path]]:
        with tempfile.TemporaryDirectory(dir=self._scratch, prefix="rewrite-") as folder:
            paths = [Path(folder) / f"{number}.parquet" for number in range(len(locations))]
            for location, path in zip(locations, paths, strict=True):
                with path.open("wb") as file:
                    download(self._client, object_at(location), file)
            yield paths

    @contextmanager
    def writable(self, location: str) -> Iterator[Path]:
        with tempfile.TemporaryDirectory(dir=self._scratch, prefix="rewrite-") as folder:
            path = Path(folder) / "rewritten.parquet"
            yield path
            with path.open("rb") as file:
                upload(self._client, object_at(location), file_chunks(file))
            self._tails.pop(location, None)

    def list(self, prefix: str, after: str = "") -> Iterator[StoredFile]:
        for page in listed_pages(self._client, self._bucket, prefix, after):
            for each in page:
                yield StoredFile(self.location(each.ref.key), each.modified_at)

    def delete(self, location: str) -> None:
        ref = object_at(location)
        with translated():
            self._client.delete_object(Bucket=ref.bucket, Key=ref.key)
        self._tails.pop(location, None)

    def _tail(self, location: str) -> _Tail:
        known = self._tails.get(location)
        if known is None or time.monotonic() - known.fetched_at > _TAIL_AGE_S:
            known = _fetched(self._client, object_at(location))
            if len(self._tails) >= _MAX_TAILS:
                self._tails.clear()
            self._tails[location] = known
        return known


def _fetched(client: Client, ref: ObjectRef) -> _Tail:
    target = {"Bucket": ref.bucket, "Key": ref.key}
    with translated():
        try:
            answer = client.get_object(**target, Range=f"bytes=-{_TAIL_BYTES}")
        except ClientError as error:
            if error_code(error) != "InvalidRange":
                raise
            head = client.head_object(**target)  # an empty object has no end
            return _Tail(head["ContentLength"], head["ETag"], b"", time.monotonic())
        content = answer["Body"].read()
    size_bytes = int(answer.get("ContentRange", f"/{len(content)}").rpartition("/")[2])
    return _Tail(size_bytes, answer["ETag"], content, time.monotonic())


class _RangeFile(io.RawIOBase):
    """An object read block by block, all of one version."""

    def __init__(self, client: Client, ref: ObjectRef, tail: _Tail) -> None:
        super().__init__()
        self._client = client
        self._ref = ref
        self._tail = tail
        self._tail_start = tail.size_bytes - len(tail.content)
        self._position = 0
        self._block = (0, b"")

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._tail.size_bytes}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        found = self._at_position()[: len(view)]
        view[: len(found)] = found
        self._position += len(found)
        return len(found)

    def _at_position(self) -> bytes:
        if self._position >= self._tail.size_bytes:
            return b""
        if self._position >= self._tail_start:
            return self._tail.content[self._position - self._tail_start :]
        start, content = self._block
        if not start <= self._position < start + len(content):
            start, content = self._position, self._fetched()
            self._block = (start, content)
        return content[self._position - start :]

    def _fetched(self) -> bytes:
        end = min(self._position + _BLOCK_BYTES, self._tail.size_bytes) - 1
        with translated():
            answer = self._client.get_object(
                Bucket=self._ref.bucket,
                Key=self._ref.key,
                Range=f"bytes={self._position}-{end}",
                IfMatch=self._tail.etag,
            )
            content: bytes = answer["Body"].read()
        return content
