"""`mdp convert` and `mdp convert --serve` as programs see them: exit codes, answers, files in place."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

MDP = [sys.executable, "-m", "medical_data_pipeline.entrypoints.cli.main"]
GOOD = "id,zip\n1,02139\n2,90210\n"


def convert(*arguments: str, cwd: Path | None = None) -> "subprocess.CompletedProcess[str]":
    command = [*MDP, "convert", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, timeout=120, check=False)


def zips(out: Path) -> list[str]:
    return [row["zip"] for part in sorted(out.glob("part-*")) for row in pq.read_table(part).to_pylist()]


class Serving:
    """A running `mdp convert --serve`."""

    def __init__(self, cwd: Path) -> None:
        self.process = subprocess.Popen(
            [*MDP, "convert", "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=cwd
        )

    def ask_line(self, line: bytes) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def ask(self, csv: str, outdir: str) -> dict[str, Any]:
        return self.ask_line(json.dumps({"csv": csv, "outdir": outdir}).encode())

    def resident_kb(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    running = Serving(tmp_path)
    with running.process:
        yield running
    assert running.process.returncode == 0


def test_a_refused_rerun_leaves_the_earlier_output_as_it_was(tmp_path: Path) -> None:
    source, out = tmp_path / "labs.csv", tmp_path / "out"
    source.write_text(GOOD, encoding="utf-8")
    convert(str(source), str(out))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    source.write_bytes(b"%PDF-1.7 and so on")

    refused = convert(str(source), str(out))

    assert (refused.returncode, refused.stdout) == (3, "")
    assert refused.stderr == "mdp: refused (BINARY_FILE): this is a PDF, not a CSV file\n"
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("is_there", [True, False], ids=["empty folder", "no folder"])
def test_a_refused_file_leaves_no_folder_that_was_not_there(is_there: bool, tmp_path: Path) -> None:
    (tmp_path / "labs.csv").write_bytes(b"%PDF-1.7 and so on")
    if is_there:
        (tmp_path / "out").mkdir()

    assert convert(str(tmp_path / "labs.csv"), str(tmp_path / "out" / "a" / "b")).returncode == 3

    assert sorted(path.name for path in tmp_path.rglob("*")) == ["labs.csv", *["out"] * is_there]


@contextmanager
def halfway(source: Path, out: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """A run that was stopped while its files were not yet in place."""
    before = hidden(out)
    with subprocess.Popen([*MDP, "convert", str(source), str(out)], stdout=subprocess.DEVNULL) as running:
        try:
            while not any(folder.exists() and any(folder.iterdir()) for folder in hidden(out) - before):
                assert running.poll() is None
                time.sleep(0.001)
            running.send_signal(signal.SIGSTOP)
            assert hidden(out) - before
            yield running
        finally:
            running.kill()


def hidden(out: Path) -> set[Path]:
    return set(out.glob(".*"))


@pytest.fixture
def large(tmp_path: Path) -> Path:
    source = tmp_path / "large.csv"
    source.write_text("id,zip\n" + "".join(f"{n},0{n % 9999:04}\n" for n in range(600_000)), encoding="utf-8")
    return source


def test_what_a_killed_run_left_is_swept_by_the_next_and_the_earlier_output_is_whole(
    large: Path, tmp_path: Path
) -> None:
    source, out = tmp_path / "labs.csv", tmp_path / "out"
    source.write_text(GOOD, encoding="utf-8")
    convert(str(source), str(out))
    before = {path: path.read_bytes() for path in out.iterdir()}
    with halfway(large, out) as running:
        running.kill()
        running.wait()
    (left,) = hidden(out)
    assert {path: path.read_bytes() for path in out.iterdir() if path.is_file()} == before

    done = convert(str(source), str(out))

    assert (done.returncode, left.exists(), hidden(out)) == (0, False, set())
    assert zips(out) == ["02139", "90210"]


def test_a_run_that_is_alive_loses_nothing_to_another_in_the_same_folder(large: Path, tmp_path: Path) -> None:
    source, out = tmp_path / "labs.csv", tmp_path / "out"
    source.write_text(GOOD, encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    with halfway(large, out) as running:
        (out / ".convert-mine").mkdir()
        (out / ".convert-abcdefgh").symlink_to(tmp_path / "elsewhere")

        assert convert(str(source), str(out)).returncode == 0
        assert zips(out) == ["02139", "90210"]
        running.send_signal(signal.SIGCONT)
        assert running.wait(120) == 0

    assert len(zips(out)) == 600_000
    assert hidden(out) == {out / ".convert-mine", out / ".convert-abcdefgh"}
    assert (tmp_path / "elsewhere").is_dir()


def test_a_rerun_replaces_its_own_files_and_no_others(tmp_path: Path) -> None:
    source, out = tmp_path / "labs.csv", tmp_path / "out"
    source.write_text(GOOD + "3,1,SURPLUS\n", encoding="utf-8")
    convert(str(source), str(out))
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    (out / "part-9-00000.parquet").write_bytes(b"of a larger run")
    others = [out / "part-0.parquet", out / "part-00000-1f2e3d4c-c000.snappy.parquet"]
    for other in others:
        other.write_bytes(b"of another program")
    source.write_text("id,zip\n3,10001\n", encoding="utf-8")

    done = convert(str(source), str(out))

    assert done.stdout == "1 rows read, 1 loaded, 0 set aside\n"
    assert [other.read_bytes() for other in others] == [b"of another program"] * 2
    for other in others:
        other.unlink()
    assert zips(out) == ["10001"]
    assert sorted(path.name for path in out.iterdir()) == [
        "notes.txt",
        "part-0-00000.parquet",
        "receipt.json",
    ]


@pytest.mark.parametrize(
    "name", ["two words.csv", "näme-日本.csv", "-dash.csv", "a'b\"c.csv", "labs.CSV.GZ", "labs"]
)
def test_unusual_and_relative_paths_are_read(name: str, tmp_path: Path) -> None:
    folder = tmp_path / "in put"
    folder.mkdir()
    (folder / name).write_text(GOOD, encoding="utf-8")

    done = convert("--", str(Path("in put") / name), "out ö/x", cwd=tmp_path)

    assert (done.returncode, done.stderr) == (0, "")
    assert zips(tmp_path / "out ö" / "x") == ["02139", "90210"]


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real.csv").write_text(GOOD, encoding="utf-8")
    (tmp_path / "real_out").mkdir()
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    (tmp_path / "link_out").symlink_to(tmp_path / "real_out")

    assert convert(str(tmp_path / "link.csv"), str(tmp_path / "link_out")).returncode == 0

    assert zips(tmp_path / "real_out") == ["02139", "90210"]


def test_what_cannot_be_read_or_written_is_one_line_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_text(GOOD, encoding="utf-8")
    os.mkfifo(tmp_path / "pipe")
    cases = [
        ("no.csv", "out"),
        (".", "out"),
        ("pipe", "out"),
        ("good.csv", "good.csv"),
        ("good.csv", "good.csv/x"),
    ]

    for source, out in cases:
        done = convert(str(tmp_path / source), str(tmp_path / out))
        assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), (source, done.stderr)

    assert sorted(path.name for path in tmp_path.iterdir()) == ["good.csv", "pipe"]


def test_serving_outlives_any_line_and_answers_each_once_in_order(serving: Serving, tmp_path: Path) -> None:
    (tmp_path / "labs.csv").write_text(GOOD, encoding="utf-8")
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 40)
    odd = [
        *(
            b"{",
            b"[]",
            b"null",
            b"5",
            b'"labs.csv"',
            b"\xff\xfe",
            b"[" * 100_000,
            b'{"csv": 5, "outdir": "o"}',
        ),
        *(
            b'{"csv": "labs.csv"}',
            b'{"csv": "labs.csv", "outdir": null}',
            b'{"csv": "a\\u0000b", "outdir": "o"}',
        ),
        *(b'{"csv": "\\ud800", "outdir": "o"}', b'{"csv": "labs.csv", "outdir": "o", "table": []}'),
        *(b'{"csv": "labs.csv", "outdir": "o", "config": "no.yaml"}', b'{"csv": "", "outdir": "o"}'),
        *(b'{"csv": "no.csv", "outdir": "o"}', b'{"csv": ".", "outdir": "o"}'),
        *(b'{"csv": "empty.csv", "outdir": "o"}', b'{"csv": "binary.csv", "outdir": "o"}'),
        b'{"csv": "labs.csv", "outdir": "labs.csv"}',
    ]

    for line in odd:
        answer = serving.ask_line(line)
        assert (answer["ok"], bool(answer["error"])) == (False, True), line
        assert "INTERNAL" not in answer["error"], (line, answer)
    good = serving.ask("labs.csv", "out put/ö")

    assert good == {"ok": True, "error": None, "rows": 2, "quarantined": 0}
    assert zips(tmp_path / "out put" / "ö") == ["02139", "90210"]
    assert not (tmp_path / "o").exists()


def test_serving_names_a_key_that_it_does_not_know(serving: Serving, tmp_path: Path) -> None:
    (tmp_path / "labs.csv").write_text(GOOD, encoding="utf-8")

    answer = serving.ask_line(b'{"csv": "labs.csv", "outdir": "o", "tabel": "labs"}')

    assert (answer["ok"], answer["ignored"]) == (True, ["tabel"])
    assert (tmp_path / "o" / "receipt.json").exists()


def test_serving_five_hundred_files_takes_no_more_memory_than_a_hundred(
    serving: Serving, tmp_path: Path
) -> None:
    for number in range(10):
        rows = "".join(f"{n},{n * number},text {n}\n" for n in range(300))
        (tmp_path / f"{number}.csv").write_text("a,b,c\n" + rows, encoding="utf-8")
    after_a_hundred = 0
    for number in range(500):
        assert serving.ask(f"{number % 10}.csv", f"out{number % 10}")["rows"] == 300
        if number == 99:
            after_a_hundred = serving.resident_kb()

    assert serving.resident_kb() < after_a_hundred + 10_000
