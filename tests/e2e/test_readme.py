"""What the README tells a newcomer to type works as typed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.commands import mdp, reaching
from tests.e2e.servers import Server, wait_for

ROOT = Path(__file__).parents[2]


def test_the_demonstration_runs_end_to_end_and_prints_answers() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "demo" / "run.py")],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
    assert "Question 5" in done.stdout
    assert "24400" in done.stdout
    assert "unclosed_quote" in done.stdout


def test_the_commands_of_the_readme_work_against_a_server(running: Server, tmp_path: Path) -> None:
    file = tmp_path / "labs.csv"
    file.write_text("mrn,value\n00012345,5.2\n00098765,<0.5\n00011111,1,SURPLUS\n", encoding="utf-8")

    ingested = mdp(running, "ingest", str(file), "--table", "labs")
    counted = mdp(running, "query", "SELECT count(*) AS n FROM labs", "--format", "json")
    described = mdp(running, "describe", "labs")
    rejected = mdp(running, "quarantine", "labs")
    saved = mdp(
        running,
        "query",
        "SELECT mrn FROM labs WHERE value = ?",
        "--param",
        "<0.5",
        "--format",
        "csv",
        "-o",
        str(tmp_path / "o.csv"),
    )
    loads = mdp(running, "loads")

    assert (ingested.returncode, "committed" in ingested.stdout) == (0, True), ingested.stderr
    assert '"n": 2' in counted.stdout
    assert "record_number" in described.stdout
    assert "too_many_fields" in rejected.stdout
    assert (saved.returncode, "00098765" in (tmp_path / "o.csv").read_text()) == (0, True)
    assert "committed" in loads.stdout
    assert mdp(running, "tables").returncode == 0


def test_what_the_readme_says_to_type_can_be_typed(running: Server, tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    block = text.partition("## Use it\n\n```sh\n")[2].partition("```")[0]
    lines = [line for line in block.splitlines() if not line.startswith(("make serve", "export MDP_TOKEN"))]
    (tmp_path / "extracts").mkdir()
    (tmp_path / "extracts" / "one.csv").write_text("mrn,value\n00012345,5.2\n", encoding="utf-8")
    (tmp_path / "data").symlink_to(running.data)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)

    done = subprocess.run(
        ["sh", "-e", "-c", "\n".join(lines)],
        capture_output=True,
        text=True,
        env={**os.environ, **reaching(running)},
        cwd=tmp_path,
        timeout=120,
        check=False,
    )

    assert len(lines) >= 5
    assert (done.returncode, "mdp:" in done.stderr) == (0, False), done.stderr
    assert "committed" in done.stdout


@pytest.mark.parametrize(
    ("given", "arguments"),
    [
        ([], '--data-dir "data"'),
        (["PORT=9000"], '--data-dir "data" --port "9000"'),
        (
            ["PORT=9000", "DATA=/srv/mdp", "CONFIG=datasets.yaml"],
            '--data-dir "/srv/mdp" --port "9000" --config "datasets.yaml"',
        ),
    ],
)
def test_make_serve_takes_port_folder_and_declarations(given: list[str], arguments: str) -> None:
    # As it is typed, also where these tests themselves were started by make.
    own = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")
    }
    done = subprocess.run(
        ["make", "-n", "serve", *given],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=30,
        check=True,
        env=own,
    )

    assert done.stdout.splitlines()[-1].split() == [".venv/bin/mdp", "serve", *arguments.split()]


def test_a_file_copied_into_the_input_folder_is_loaded(running: Server) -> None:
    folder = running.data / "input" / "copied"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("id\n1\n2\n", encoding="utf-8")
    os.utime(folder / "a.csv", (1_700_000_000, 1_700_000_000))

    wait_for(lambda: any(load["table"] == "copied" for load in running.loads()))
    running.wait_settled()

    assert running.ask("SELECT count(*) FROM copied") == [[2]]


def test_convert_answers_with_stable_exit_codes(tmp_path: Path) -> None:
    good, empty = tmp_path / "labs.csv", tmp_path / "empty.csv"
    good.write_text("id,zip\n1,02139\n", encoding="utf-8")
    empty.write_text("", encoding="utf-8")

    loaded = mdp(None, "convert", str(good), str(tmp_path / "out"))
    refused = mdp(None, "convert", str(empty), str(tmp_path / "refused"))
    missing = mdp(None, "convert", str(tmp_path / "no.csv"), str(tmp_path / "missing"))

    assert (loaded.returncode, (tmp_path / "out" / "receipt.json").exists()) == (0, True)
    assert (refused.returncode, refused.stderr.strip()) == (
        3,
        "mdp: refused (EMPTY_FILE): the file holds no rows",
    )
    assert [path for path in (tmp_path / "refused").rglob("*")] == []
    assert (missing.returncode, len(missing.stderr.strip().splitlines())) == (1, 1)


def test_without_a_server_the_command_says_so_in_one_line() -> None:
    environ = {**os.environ, "MDP_TOKEN": "x", "MDP_SERVER": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "medical_data_pipeline.entrypoints.cli.main", "tables"]

    done = subprocess.run(command, capture_output=True, text=True, env=environ, timeout=60, check=False)

    assert (done.returncode, len(done.stderr.strip().splitlines())) == (4, 1)
