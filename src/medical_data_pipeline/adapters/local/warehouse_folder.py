"""Files of tables and loads below one folder of this machine."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq

from medical_data_pipeline.adapters.iceberg.warehouse_files import StoredFile, WarehouseFiles
from medical_data_pipeline.adapters.local.file_durable import make_folders, sync_file, sync_folder
from medical_data_pipeline.errors import ObjectNotFound


class WarehouseFolder(WarehouseFiles):
    """A location is the absolute path of a file below `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def location(self, key: str) -> str:
        return str(self._root / key)

    def key(self, location: str) -> str:
        return str(Path(location).relative_to(self._root))

    def size_bytes(self, location: str) -> int:
        with _found():
            return os.stat(location).st_size

    def open(self, location: str) -> BinaryIO:
        with _found():
            return Path(location).open("rb")

    def footer(self, location: str) -> pq.FileMetaData:
        with _found():
            return pq.read_metadata(location)

    def write(self, location: str, content: bytes) -> None:
        with self.writable(location) as partial:
            partial.write_bytes(content)

    @contextmanager
    def readable(self, locations: Sequence[str]) -> Iterator[Sequence[Path]]:
        yield [Path(location) for location in locations]

    @contextmanager
    def writable(self, location: str) -> Iterator[Path]:
        path = Path(location)
        make_folders(path.parent)
        partial = path.with_name("." + path.name)
        try:
            yield partial
            sync_file(partial)
            partial.rename(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        sync_folder(path.parent)

    def remove_unfinished(self, prefix: str) -> None:
        """Remove what writers left that died; to be called when there can be no other writer."""
        for path in (self._root / prefix).rglob(".*"):
            # What cannot be removed now is known to no table, and goes at a later start or sweep.
            with contextlib.suppress(OSError):
                path.unlink()

    def list(self, prefix: str, after: str = "") -> Iterator[StoredFile]:
        folder, _, start = prefix.rpartition("/")
        tops = (self._root / folder).glob(start + "*")
        first = self.location(after) if after else ""
        for path in sorted(chain.from_iterable((top, *top.rglob("*")) for top in tops), key=os.fsencode):
            with contextlib.suppress(FileNotFoundError):
                if os.fsencode(path) > os.fsencode(first) and path.is_file():
                    yield StoredFile(str(path), datetime.fromtimestamp(path.stat().st_mtime, UTC))

    def delete(self, location: str) -> None:
        Path(location).unlink(missing_ok=True)


@contextmanager
def _found() -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        # The path is one of this machine and stays out of the message.
        raise ObjectNotFound("a file that the catalog names is not there") from None
