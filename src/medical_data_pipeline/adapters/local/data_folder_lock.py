"""One process a data folder: two would each take up the same unfinished loads."""

import fcntl
import os
from pathlib import Path

from medical_data_pipeline.errors import BackendUnavailable, SettingsError

_NAME = ".lock"


class DataFolderLock:
    """Held until `release`, or until the process is gone however it ended."""

    def __init__(self, folder: Path) -> None:
        """The folder is made if it is not there.

        Raises:
            SettingsError: another process has it.
            BackendUnavailable: it cannot be written.
        """
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(folder / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BackendUnavailable(f"the data folder cannot be written: {error.strerror}") from None
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise SettingsError("another mdp serve or mdp rebuild is using this data folder") from None

    def release(self) -> None:
        """Let others have the folder; to release it again changes nothing."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)
