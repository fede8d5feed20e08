"""PyIceberg's file access with durable writes: a commit must never point at bytes that a crash can take."""

import io
import os
from pathlib import Path
from urllib.parse import unquote, urlparse

from pyiceberg.io import OutputFile, OutputStream
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.typedef import EMPTY_DICT, Properties

from medical_data_pipeline.adapters.local.file_durable import make_folders, sync_folder


class DurableFileIO(PyArrowFileIO):
    """Reads as PyArrow does; writes local files that are on the disk when they are closed."""

    def __init__(self, properties: Properties = EMPTY_DICT) -> None:
        super().__init__(properties)

    def new_output(self, location: str) -> OutputFile:  # type: ignore[override]
        return _DurableOutputFile(location, self)


class _DurableOutputFile(OutputFile):
    def __init__(self, location: str, files: DurableFileIO) -> None:
        super().__init__(location)
        self._files = files
        self._path = _path_of(location)

    def __len__(self) -> int:
        return self._path.stat().st_size

    def exists(self) -> bool:
        return self._path.exists()

    def to_input_file(self):  # type: ignore[no-untyped-def]
        return self._files.new_input(self.location)

    def create(self, overwrite: bool = False) -> OutputStream:
        make_folders(self._path.parent)
        return _DurableStream(self._path, "wb" if overwrite else "xb")


class _DurableStream(io.FileIO):
    """A file that is synced, and its name too, before `close` returns."""

    def __init__(self, path: Path, mode: str) -> None:
        super().__init__(path, mode)
        self._folder = path.parent

    def write(self, content: bytes, /) -> int:  # type: ignore[override]
        """All of `content`: a disk that is nearly full takes a part of it and says so in the count only."""
        rest = memoryview(content).cast("B")
        size_bytes = len(rest)
        try:
            while rest:
                rest = rest[super().write(rest) :]
        except OSError:
            # PyIceberg lets go of a stream that failed without closing it.
            super().close()
            raise
        return size_bytes

    def close(self) -> None:
        if self.closed:
            return
        try:
            os.fsync(self.fileno())
        finally:
            super().close()
        sync_folder(self._folder)


def _path_of(location: str) -> Path:
    parsed = urlparse(location)
    return Path(unquote(parsed.path)) if parsed.scheme == "file" else Path(location)
