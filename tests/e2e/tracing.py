"""What a process asks of the system, seen or made to fail by strace; skipped where that cannot be."""

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def traced(pid: int, *options: str) -> Iterator[None]:
    """strace with these options over all threads of a process."""
    program = shutil.which("strace")
    if program is None:
        pytest.skip("needs strace: put it on the PATH")
    command = [program, "-f", *options, "-p", str(pid)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        assert tracer.stderr
        said = tracer.stderr.readline()
        if "attached" not in said:
            tracer.kill()
            pytest.skip(f"needs strace that may trace other processes: {said.strip()}")
        try:
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            tracer.communicate(timeout=20)
