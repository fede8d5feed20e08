"""Converted files on the same disk: written in the folder where they stay, so publishing moves nothing."""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from medical_data_pipeline.adapters.local.file_durable import make_folders
from medical_data_pipeline.adapters.local.file_errors import translated_os_errors
from medical_data_pipeline.errors import BackendUnavailable
from medical_data_pipeline.model.keys import CURATED_PREFIX
from medical_data_pipeline.ports import ConvertedFiles

_SCRATCH, _HIDDEN_PART = ".scratch", ".part-"


class FileConvertedFiles(ConvertedFiles):
    """Files under `root`, which is also where the object store has its objects.

    The engine gives a file its name only when it is whole and durable; what has none yet is hidden.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._published: dict[Path, set[Path]] = {}
        # A load under way at a crash may have been superseded since: nobody comes back to its folder.
        for _ in _finished_files(root / CURATED_PREFIX):
            pass

    @contextmanager
    def folder(self, prefix: str) -> Iterator[Path]:
        path = self._root / prefix
        with translated_os_errors():
            make_folders(path)
            # An earlier attempt may have died while it wrote, or while it brought rows in order.
            present = set(_finished_files(path))
        self._published[path] = set()
        try:
            yield path
        finally:
            kept = present | self._published.pop(path)
            # What cannot be removed now is hidden, or known to no table: it goes at a later start or sweep.
            with suppress(OSError):
                for left in set(_finished_files(path)) - kept:
                    left.unlink()

    def publish(self, folder: Path, prefix: str, names: Sequence[str]) -> None:
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise BackendUnavailable(f"{len(missing)} of {len(names)} converted files are not there")
        self._published[folder].update(folder / name for name in names)


def _finished_files(top: Path) -> Iterator[Path]:
    """The files below `top`; what nobody finished is removed on the way."""
    for name, folders, files in os.walk(top):
        folder = Path(name)
        if _SCRATCH in folders:
            folders.remove(_SCRATCH)
            shutil.rmtree(folder / _SCRATCH, ignore_errors=True)
        for file in files:
            if file.startswith(_HIDDEN_PART):
                (folder / file).unlink(missing_ok=True)
            else:
                yield folder / file
