"""Whether somebody still writes to a file: the kernel knows who has it open, and a lease asks it."""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

# Nobody pauses so long between two writes, and asking about every old file would take time.
_RECENT_S = 3600


def is_being_written(path: Path, status: os.stat_result) -> bool:
    """False also where it cannot be known: another user's file, a volume or a system without leases."""
    # Not the time of the content, which a copy sets to that of its original before it ends.
    if time.time() - status.st_ctime > _RECENT_S:
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except BlockingIOError:
        # A file server has a lease on it, for a client that may write.
        return True
    except OSError:
        return False
    try:
        return _is_open_for_writing(descriptor)
    finally:
        os.close(descriptor)


def _is_open_for_writing(descriptor: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        # Whoever opens it for writing while we have the lease makes the kernel send us a signal. That must be
        # one that is ignored: the usual one would end this process.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
