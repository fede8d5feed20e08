"""Files that other processes write into `input/` themselves: nothing is loaded before they are whole."""

import fcntl
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from medical_data_pipeline.adapters.local.file_object_store import FileObjectStore
from medical_data_pipeline.composition.reconciler import Reconciler
from medical_data_pipeline.errors import BackendUnavailable
from medical_data_pipeline.model.load import LoadState
from medical_data_pipeline.model.objects import ObjectRef
from tests.integration.pipelines import Running, Start

HALF = b"id,name\n1,Ann\n"
REST = b"2,Bob\n"

# Writes a half and then, when it is told to, the rest; the file is open all the time.
SLOW_WRITER = f"""
import sys
with open(sys.argv[1], "wb") as file:
    file.write({HALF!r})
    file.flush()
    print("half", flush=True)
    sys.stdin.readline()
    file.write({REST!r})
    file.flush()
    print("whole", flush=True)
    sys.stdin.readline()
"""

# Asks about one file again and again, as long as its input is open.
ASKING = """
import os, sys
from pathlib import Path
from threading import Thread
from medical_data_pipeline.adapters.local.file_writers import is_being_written
path = Path(sys.argv[1])
waiting = Thread(target=sys.stdin.read)
waiting.start()
print("asking", flush=True)
answers = set()
while waiting.is_alive():
    answers.add(is_being_written(path, path.stat()))
print(sorted(answers))
"""


@pytest.fixture(autouse=True)
def leases(tmp_path: Path) -> None:
    """A volume that has them; what is tried here is of no use on others."""
    file = tmp_path / "lease"
    file.touch()
    with file.open("rb") as opened:
        try:
            fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        except OSError:
            pytest.skip("this volume has no leases")


def in_a_minute() -> datetime:
    """For a reconciler, every pause of a writer has lasted a minute by now."""
    return datetime.now(UTC) + timedelta(minutes=1)


@contextmanager
def slow_writer(file: Path) -> Iterator[subprocess.Popen[str]]:
    file.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-c", SLOW_WRITER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as writer:
        try:
            assert said(writer) == "half"
            yield writer
        finally:
            writer.kill()


def said(writer: subprocess.Popen[str]) -> str:
    assert writer.stdout is not None
    return writer.stdout.readline().strip()


def go_on(writer: subprocess.Popen[str]) -> None:
    assert writer.stdin is not None
    writer.stdin.write("\n")
    writer.stdin.flush()


def reconciler(run: Running) -> Reconciler:
    return Reconciler(run.pipeline.store, run.pipeline.intake, in_a_minute, print)


def test_a_file_is_loaded_once_and_whole_when_its_writer_closes_it(start: Start) -> None:
    run = start()
    scanning = reconciler(run)
    with slow_writer(run.folder / "input" / "t" / "a.csv") as writer:
        found = [scanning.scan()]
        go_on(writer)
        assert said(writer) == "whole"
        found.append(scanning.scan())
        go_on(writer)
        writer.wait(10)
        found.append(scanning.scan())
    run.wait_final(*run.loads())

    assert found == [0, 0, 1]
    assert [load.state for load in run.loads()] == [LoadState.COMMITTED]
    assert run.names() == ["Ann", "Bob"]


def test_files_beside_one_that_is_being_written_do_not_wait_for_it(start: Start) -> None:
    run = start()
    with slow_writer(run.folder / "input" / "t" / "a.csv"):
        (run.folder / "input" / "t" / "b.csv").write_text("id,name\n7,Eve\n")
        assert reconciler(run).scan() == 1
        run.wait_final(*run.loads())

        assert run.names() == ["Eve"]


def test_a_loaded_file_that_somebody_opens_without_changing_it_stays(tmp_path: Path) -> None:
    store = FileObjectStore(tmp_path / "store")
    file = tmp_path / "store" / "input" / "a.csv"
    file.parent.mkdir()
    file.write_bytes(HALF)
    (head,) = store.list("local", "")
    store.head(head.ref)

    with file.open("ab") as opened:
        assert [each.ref for each in store.list("local", "")] == [head.ref]
        opened.write(REST)
        opened.flush()
        assert list(store.list("local", "")) == []
    assert [each.size_bytes for each in store.list("local", "")] == [len(HALF + REST)]


def test_asking_about_a_file_ends_nobody_and_hinders_no_writer(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.touch()
    command = [sys.executable, "-c", ASKING, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asking:
        assert said(asking) == "asking"
        until = time.monotonic() + 2
        while time.monotonic() < until and asking.poll() is None:
            os.close(os.open(file, os.O_WRONLY))
        answers, _ = asking.communicate()

    assert (asking.returncode, answers.strip()) == (0, "[False, True]")


def append(file: Path) -> None:
    with file.open("ab") as opened:
        opened.write(REST)


def copy_the_same_over_it(file: Path) -> None:
    """As `cp -p` does: for a moment the file is empty, and afterwards its date is the former."""
    content, status = file.read_bytes(), file.stat()
    file.write_bytes(content)
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))


@pytest.mark.parametrize("write", [append, copy_the_same_over_it])
@pytest.mark.parametrize("is_read_to_its_end", [True, False])
def test_a_file_that_was_written_to_while_it_was_read_does_not_pass_for_what_it_had_been(
    tmp_path: Path, write: Callable[[Path], None], is_read_to_its_end: bool
) -> None:
    store, ref = FileObjectStore(tmp_path), ObjectRef("local", "input/t/a.csv")
    version = store.put(ref, iter([HALF])).version

    with pytest.raises(BackendUnavailable), store.open(ref, version) as content:
        # A date of the inode is as exact as the clock that ticks for it.
        time.sleep(0.02)
        write(tmp_path / ref.key)
        content.read()
        if not is_read_to_its_end:
            raise ValueError("what was read so far could not be understood")


def test_a_file_that_is_replaced_or_taken_away_is_read_as_it_was(tmp_path: Path) -> None:
    store, ref = FileObjectStore(tmp_path), ObjectRef("local", "input/t/a.csv")
    version = store.put(ref, iter([HALF])).version

    with store.open(ref, version) as content:
        time.sleep(0.02)
        store.put(ref, iter([REST]))
        assert content.read() == HALF

    version = store.head(ref).version
    with store.open(ref, version) as content:
        time.sleep(0.02)
        store.delete(ref)
        assert content.read() == REST
