"""Where a running engine keeps its scratch space and results, out of other processes' way."""

import fcntl
import os
import shutil
import stat
import uuid
from pathlib import Path

from medical_data_pipeline.errors import BackendError

_OWNER = "owner.lock"


class DuckDbResultFolder:
    """`<root>/run-<id>/`, locked while its process lives: what is not locked is left over."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        root.chmod(0o700)
        _remove_leftovers(root)
        name = uuid.uuid4().hex
        fresh = root.resolve() / f"new-{name}"
        fresh.mkdir(mode=0o700)
        self._lock = os.open(fresh / _OWNER, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # It gets the name others look for once it is locked, or one that starts now would remove it.
        self._run = fresh.rename(fresh.with_name(f"run-{name}"))
        self._results = self._run / "results"
        self._results.mkdir(mode=0o700)

    def scratch(self, worker: int) -> Path:
        return self._run / f"worker-{worker}"

    def adopt(self, written: Path, query_id: str) -> Path:
        """Take over the file a worker wrote: all of it becomes the query's result, or nothing."""
        # A worker is not trusted: what it left might be a link to a file of ours.
        if not stat.S_ISREG(written.lstat().st_mode):
            raise BackendError("a query process left something that is not a file")
        folder = self._results / query_id
        folder.mkdir(mode=0o700, exist_ok=True)
        written.chmod(0o600)
        return written.rename(folder / written.name)

    def remove(self, query_id: str) -> None:
        shutil.rmtree(self._results / query_id, ignore_errors=True)

    def close(self) -> None:
        """Remove everything; to close it again changes nothing."""
        shutil.rmtree(self._run, ignore_errors=True)
        lock, self._lock = self._lock, -1
        if lock >= 0:
            os.close(lock)


def _remove_leftovers(root: Path) -> None:
    for run in root.glob("run-*"):
        if _is_abandoned(run):
            shutil.rmtree(run, ignore_errors=True)


def _is_abandoned(run: Path) -> bool:
    try:
        lock = os.open(run / _OWNER, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(lock)
    return True
