"""The digest of a stored file is of the bytes that are there, whatever happened while it was worked out."""

import hashlib
from io import FileIO
from pathlib import Path
from typing import BinaryIO, cast

from medical_data_pipeline.adapters.local.file_digests import FileDigests


class Overwritten(FileIO):
    """A file that somebody writes anew as soon as it has been read."""

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        if not found:
            Path(str(self.name)).write_bytes(b"id\n2\n2\n")
        return found


def test_a_digest_of_what_was_there_before_does_not_stay_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"id\n1\n")
    digests = FileDigests()

    with Overwritten(path) as file:
        digests.compute(cast(BinaryIO, file))
    with path.open("rb") as file_as_it_is:
        told = digests.compute(file_as_it_is)

    assert told == hashlib.sha256(b"id\n2\n2\n").hexdigest()
