"""What the kernel forbids a worker process, whatever SQL reaches it; elsewhere than on Linux, less."""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterable
from pathlib import Path

from medical_data_pipeline.adapters.local.duckdb_worker.messages import WorkerLimits

_PR_SET_PDEATHSIG = 1
_PR_SET_NO_NEW_PRIVS = 38

# The numbers are the same on every architecture (include/uapi/asm-generic/unistd.h).
_LANDLOCK_CREATE_RULESET = 444
_LANDLOCK_ADD_RULE = 445
_LANDLOCK_RESTRICT_SELF = 446
_LANDLOCK_VERSION = 1
_LANDLOCK_RULE_PATH_BENEATH = 1

_FS_WRITE_FILE = 1 << 1
_FS_READ_FILE = 1 << 2
_FS_READ_DIR = 1 << 3
_FS_REMOVE_DIR = 1 << 4
_FS_REMOVE_FILE = 1 << 5
_FS_MAKE_DIR = 1 << 7
_FS_MAKE_REG = 1 << 8
_FS_TRUNCATE = 1 << 14
_FS_BITS_BY_ABI = {1: 13, 2: 14, 3: 15, 4: 15}
_FS_BITS_NEWEST = 16
_NET_ALL = 0b11
_SCOPE_ALL = 0b11

_READ = _FS_READ_FILE | _FS_READ_DIR
_READ_WRITE = (
    _READ | _FS_WRITE_FILE | _FS_REMOVE_DIR | _FS_REMOVE_FILE | _FS_MAKE_DIR | _FS_MAKE_REG | _FS_TRUNCATE
)
_FILE_ONLY = _FS_WRITE_FILE | _FS_READ_FILE | _FS_TRUNCATE

# Libraries, the zone data and what the allocator and DuckDB ask of the machine.
_SYSTEM_READS = (
    "/usr",
    "/lib",
    "/lib64",
    "/etc/ld.so.cache",
    "/proc/cpuinfo",
    "/proc/meminfo",
    # DuckDB ends the process when it may not read this one.
    "/proc/self/cgroup",
    "/proc/self/statm",
    "/sys/fs/cgroup",
    "/dev/urandom",
)


class _Ruleset(ctypes.Structure):
    _fields_ = (
        ("handled_access_fs", ctypes.c_uint64),
        ("handled_access_net", ctypes.c_uint64),
        ("scoped", ctypes.c_uint64),
    )


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def die_with_parent() -> None:
    """Ask for SIGKILL when the thread that started this process ends."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def restrict_files(read: Iterable[str], write: str) -> bool:
    """Let this thread, and every thread it starts from now on, touch only these paths and no network.

    False when the kernel has no Landlock. Call it before anything starts a thread.
    """
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    abi = libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    if abi < 1:
        return False
    handled = (1 << _FS_BITS_BY_ABI.get(abi, _FS_BITS_NEWEST)) - 1
    ruleset = _Ruleset(handled, _NET_ALL if abi >= 4 else 0, _SCOPE_ALL if abi >= 6 else 0)
    # An older kernel refuses a struct that is longer than it knows only if the surplus is not zero.
    ruleset_fd = libc.syscall(_LANDLOCK_CREATE_RULESET, ctypes.byref(ruleset), ctypes.sizeof(ruleset), 0)
    if ruleset_fd < 0:
        return False
    try:
        python = (*sys.path, sys.prefix, sys.base_prefix)
        for path in (*_SYSTEM_READS, *python, *read):
            _allow(libc, ruleset_fd, path, _READ & handled)
        _allow(libc, ruleset_fd, write, _READ_WRITE & handled)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        return bool(libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset_fd, 0) == 0)
    finally:
        os.close(ruleset_fd)


def _allow(libc: ctypes.CDLL, ruleset_fd: int, path: str, access: int) -> None:
    if not path or not Path(path).exists():
        return
    path_fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        wanted = access if Path(path).is_dir() else access & _FILE_ONLY
        rule = _PathBeneath(wanted, path_fd)
        libc.syscall(_LANDLOCK_ADD_RULE, ruleset_fd, _LANDLOCK_RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(path_fd)


def prefer_as_memory_victim() -> None:
    """When the machine runs out of memory, let the kernel kill this process and not the server."""
    # Not there on other systems, and read-only in some containers.
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def limit_resources(limits: WorkerLimits) -> tuple[str, ...]:
    """Lower this process's limits for good; the names of those the machine refuses."""
    # RLIMIT_DATA counts what is really writable. RLIMIT_AS also counts address space that libraries, thread
    # stacks and allocators only reserve, so it starts from what is mapped already and is the backstop.
    bounds = {
        "RLIMIT_DATA": limits.memory_bytes,
        "RLIMIT_AS": _mapped_bytes() + limits.memory_bytes,
        # The backstop of limits that are kept elsewhere, which one record batch or block may overstep.
        "RLIMIT_FSIZE": max(limits.result_bytes, limits.spill_bytes) + 2 * limits.row_bytes,
        "RLIMIT_NOFILE": limits.open_files,
        "RLIMIT_CORE": 0,
    }
    return tuple(name for name, bound in bounds.items() if not _lower(getattr(resource, name, None), bound))


def _lower(limit: int | None, bound: int) -> bool:
    if limit is None:
        return False
    _, hard = resource.getrlimit(limit)
    if hard != resource.RLIM_INFINITY:
        bound = min(bound, hard)
    try:
        resource.setrlimit(limit, (bound, bound))
    except (OSError, ValueError):
        return False
    return True


def _mapped_bytes() -> int:
    statm = Path("/proc/self/statm")
    pages = int(statm.read_text().split()[0]) if statm.exists() else 0
    return pages * resource.getpagesize()
