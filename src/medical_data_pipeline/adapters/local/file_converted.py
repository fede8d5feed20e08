"""Converted files on the same disk: written in the folder where they stay, so publishing moves nothing."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from medical_data_pipeline.adapters.local.file_durable import make_folders
from medical_data_pipeline.adapters.local.file_errors import translated_os_errors
from medical_data_pipeline.errors import BackendUnavailable
from medical_data_pipeline.model.keys import CURATED_PREFIX
from medical_data_pipeline.ports import ConvertedFiles


class FileConvertedFiles(ConvertedFiles):
    """Files under `root`, which is also where the object store has its objects.

    The engine gives a file its name only when it is whole and durable; what has none yet is hidden.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        # A load under way at a crash may have been superseded since: nobody comes back to its folder.
        _remove_hidden(root / CURATED_PREFIX)

    @contextmanager
    def folder(self, prefix: str) -> Iterator[Path]:
        path = self._root / prefix
        with translated_os_errors():
            make_folders(path)
            _remove_hidden(path)
        try:
            yield path
        finally:
            _remove_hidden(path)

    def publish(self, folder: Path, prefix: str, names: Sequence[str]) -> None:
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise BackendUnavailable(f"{len(missing)} of {len(names)} converted files are not there")


def _remove_hidden(folder: Path) -> None:
    """An earlier attempt may have died while it wrote, or while it brought rows in order."""
    for path in folder.glob("**/.scratch"):
        shutil.rmtree(path, ignore_errors=True)
    for path in folder.glob("**/.part-*"):
        path.unlink(missing_ok=True)
