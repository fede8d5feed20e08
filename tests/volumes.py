"""A volume of its own for a test, that it may fill."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Volume:
    """A mounted volume of limited size."""

    path: Path

    @property
    def free_bytes(self) -> int:
        return shutil.disk_usage(self.path).free

    def fill(self, left_bytes: int = 0) -> None:
        """Take all the room but `left_bytes`."""
        with self._ballast.open("ab") as ballast:
            os.posix_fallocate(ballast.fileno(), ballast.tell(), max(1, self.free_bytes - left_bytes))

    def empty(self) -> None:
        """Give the room back."""
        self._ballast.unlink()

    @property
    def _ballast(self) -> Path:
        return self.path / ".ballast"


@contextmanager
def mounted(path: Path, size_mb: int = 96) -> Iterator[Volume]:
    """A volume in memory; the test is skipped where one cannot be mounted."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=700", "none", str(path)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a volume of limited size can be mounted by root only")
    try:
        yield Volume(path)
    finally:
        # What still has it open keeps it until it ends.
        subprocess.run(["umount", "--lazy", str(path)], check=True)
