"""Converted files on their way to S3: written on this machine's disk, published as objects."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.s3_upload import PART_BYTES, file_chunks, upload
from medical_data_pipeline.errors import BackendUnavailable
from medical_data_pipeline.model.objects import ObjectRef
from medical_data_pipeline.ports import ConvertedFiles


@dataclass(frozen=True)
class S3ConvertedFiles(ConvertedFiles):
    """Folders under `scratch`, objects in `bucket`. A name published before is one of the same content."""

    client: Client
    bucket: str
    scratch: Path
    part_bytes: int = PART_BYTES

    @contextmanager
    def folder(self, prefix: str) -> Iterator[Path]:
        try:
            made = tempfile.TemporaryDirectory(
                dir=self.scratch, prefix="converted-", ignore_cleanup_errors=True
            )
        except OSError:
            raise BackendUnavailable("the function's disk cannot be used") from None
        with made as folder:
            yield Path(folder)

    def publish(self, folder: Path, prefix: str, names: Sequence[str]) -> None:
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise BackendUnavailable(f"{len(missing)} of {len(names)} converted files are not there")
        for name in names:
            with (folder / name).open("rb") as file:
                ref = ObjectRef(self.bucket, prefix + name)
                upload(self.client, ref, file_chunks(file), part_bytes=self.part_bytes)
