"""Where tables and loads have their files: what an Iceberg catalog needs of a disk or a bucket."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

import pyarrow.parquet as pq


@dataclass(frozen=True)
class StoredFile:
    """One file as a listing has it."""

    location: str
    modified_at: datetime


class WarehouseFiles(ABC):
    """Files by location, as Iceberg's metadata names them: a path on this machine, or an `s3://` address."""

    @abstractmethod
    def location(self, key: str) -> str:
        """Where the object of this key is."""

    @abstractmethod
    def key(self, location: str) -> str:
        """The key of the object at a location."""

    @abstractmethod
    def size_bytes(self, location: str) -> int:
        """Raises: ObjectNotFound."""

    @abstractmethod
    def open(self, location: str) -> BinaryIO:
        """The file, to be read from anywhere without reading all of it.

        Raises:
            ObjectNotFound: no such file.
        """

    def footer(self, location: str) -> pq.FileMetaData:
        """What a Parquet file says of itself.

        Raises:
            ObjectNotFound: no such file.
        """
        with self.open(location) as file:
            return pq.read_metadata(file)

    @abstractmethod
    def write(self, location: str, content: bytes) -> None:
        """Put a small file there, whole and durable on return."""

    @abstractmethod
    def readable(self, locations: Sequence[str]) -> AbstractContextManager[Sequence[Path]]:
        """The files on this machine's disk, in order, for as long as the block lasts."""

    @abstractmethod
    def writable(self, location: str) -> AbstractContextManager[Path]:
        """A path to write to; what is there at the end of the block is whole and durable at `location`."""

    @abstractmethod
    def list(self, prefix: str, after: str = "") -> Iterator[StoredFile]:
        """Every file whose key starts with `prefix` and comes after the key `after`, in key order."""

    @abstractmethod
    def delete(self, location: str) -> None:
        """Remove the file; one that is not there is no error."""
