"""What a start says, what it leaves when it fails, and the commands about a data folder."""

import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.e2e.commands import MDP, mdp

WITHOUT_TOKEN = {name: value for name, value in os.environ.items() if name != "MDP_TOKEN"}


@contextmanager
def started(data: Path, **environ: str) -> Iterator[tuple["subprocess.Popen[str]", dict[str, str]]]:
    """A server on a port of its own choice, and what it said until it was ready."""
    command = [*MDP, "serve", "--data-dir", str(data), "--port", "0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**WITHOUT_TOKEN, **environ},
    ) as process:
        assert process.stdout
        said = {}
        for line in process.stdout:
            words = line.split()
            said[words[0]] = line.strip()
            if words[0] == "listening":
                break
        try:
            yield process, said
        finally:
            process.kill()


def stopped(process: "subprocess.Popen[str]") -> list[str]:
    process.send_signal(signal.SIGINT)
    assert process.stdout
    return process.stdout.read().splitlines()


@pytest.fixture(scope="module")
def stopped_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("stopped") / "data"
    with started(data) as (process, _):
        stopped(process)
    return data


def test_a_server_says_where_it_listens_and_when_it_has_stopped(tmp_path: Path) -> None:
    with started(tmp_path / "data") as (process, said):
        url = said["listening"].split()[2]
        assert said["listening"] == f"listening on {url} (Ctrl-C stops it)"
        assert httpx.get(f"{url}/health").status_code == 200
        token = said["token"].rpartition(" ")[2]
        listed = httpx.get(f"{url}/tables", headers={"Authorization": f"Bearer {token}"})
        assert listed.status_code == 200

        assert stopped(process) == ["stopping …", "stopped"]
    assert process.returncode == 0


def test_a_port_in_use_is_one_line_and_costs_no_token(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = mdp(None, "serve", "--data-dir", str(data), "--port", port)

    assert (done.returncode, done.stderr) == (
        1,
        f"mdp: port {port} cannot be used: address already in use; --port or MDP_PORT names another\n",
    )
    assert not data.exists()


def test_the_folder_to_copy_into_is_there_after_the_first_start(stopped_folder: Path) -> None:
    assert (stopped_folder / "input").is_dir()


def test_what_a_server_writes_is_for_its_user_alone(stopped_folder: Path) -> None:
    paths = [stopped_folder, *stopped_folder.rglob("*")]

    assert len(paths) > 3
    assert [path.name for path in paths if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_a_rebuild_says_how_many_files_and_nothing_else(tmp_path: Path) -> None:
    folder, declared = tmp_path / "data" / "input" / "u", tmp_path / "datasets.yaml"
    folder.mkdir(parents=True)
    declared.write_text("version: 1\ndatasets:\n  u: {mode: upsert, key: [id]}\n", encoding="utf-8")
    for number, (name, text) in enumerate({"b": "id,name\n1,old\n2,kept\n", "a": "id,name\n1,new\n"}.items()):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
        os.utime(folder / f"{name}.csv", (1_700_000_000 + number, 1_700_000_000 + number))

    done = mdp(None, "rebuild", "--data-dir", str(tmp_path / "data"), "--config", str(declared))
    (folder / "a.csv").unlink()
    again = mdp(None, "rebuild", "--data-dir", str(tmp_path / "data"), "--table", "U")
    mistyped = mdp(None, "rebuild", "--data-dir", str(tmp_path / "data"), "--table", "nosuch")

    assert (done.returncode, done.stdout, done.stderr) == (0, "2 files loaded again\n", "")
    assert (again.returncode, again.stdout, again.stderr) == (0, "1 file loaded again\n", "")
    assert (mistyped.returncode, mistyped.stdout, mistyped.stderr) == (
        1,
        "",
        "mdp: there is neither a table nosuch nor a file of it\n",
    )


def test_a_new_token_counts_from_the_next_start_on(stopped_folder: Path, tmp_path: Path) -> None:
    made = mdp(None, "token", "rotate", "--data-dir", str(stopped_folder))
    mistyped = mdp(None, "token", "rotate", "--data-dir", str(tmp_path / "nosuch"))

    assert made.stderr == "mdp: valid from the server's next start on; until then the old one is\n"
    with started(stopped_folder) as (_, said):
        url, headers = said["listening"].split()[2], {"Authorization": f"Bearer {made.stdout.strip()}"}
        assert httpx.get(f"{url}/tables", headers=headers).status_code == 200
    assert (mistyped.returncode, len(mistyped.stderr.splitlines())) == (1, 1)
    assert not (tmp_path / "nosuch").exists()


def status_with(said: dict[str, str], token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{said['listening'].split()[2]}/tables", headers=headers).status_code


def test_a_token_of_the_environment_is_announced_and_the_folder_keeps_its_own(tmp_path: Path) -> None:
    data, given = tmp_path / "data", "g" * 32
    with started(data) as (process, first):
        own = first["token"].rpartition(" ")[2]
        stopped(process)

    with started(data, MDP_TOKEN=given) as (process, said):
        assert said["the"] == "the token is that of MDP_TOKEN, and no other while the server runs"
        assert (status_with(said, given), status_with(said, own)) == (200, 401)
        stopped(process)

    with started(data, MDP_TOKEN=own) as (process, said):
        assert said["the"].startswith("the token is the one that was shown before")
        assert (status_with(said, own), status_with(said, given)) == (200, 401)
        stopped(process)


def test_a_new_folder_that_began_with_a_token_of_the_environment_shows_its_own_when_it_is_gone(
    tmp_path: Path,
) -> None:
    with started(tmp_path / "data", MDP_TOKEN="g" * 32) as (process, said):
        assert "token" not in said
        stopped(process)

    with started(tmp_path / "data") as (_, said):
        assert status_with(said, said["token"].rpartition(" ")[2]) == 200


@pytest.mark.parametrize("weak", ["abc", "x" * 31])
def test_a_weak_token_of_the_environment_is_refused_before_anything_is_made(
    tmp_path: Path, weak: str
) -> None:
    done = subprocess.run(
        [*MDP, "serve", "--data-dir", str(tmp_path / "data"), "--port", "0"],
        capture_output=True,
        text=True,
        env={**WITHOUT_TOKEN, "MDP_TOKEN": weak},
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (
        1,
        "",
        "mdp: MDP_TOKEN is too weak to be a server's token: 32 characters or more; "
        "without it the server makes one\n",
    )
    assert not (tmp_path / "data").exists()


def test_the_doctor_finds_a_folder_that_is_not_there_and_a_file_others_may_read(
    stopped_folder: Path, tmp_path: Path
) -> None:
    missing = mdp(None, "doctor", "--data-dir", str(tmp_path / "nosuch"))
    whole = mdp(None, "doctor", "--data-dir", str(stopped_folder))
    (stopped_folder / "token.json").chmod(0o644)
    try:
        readable = mdp(None, "doctor", "--data-dir", str(stopped_folder))
    finally:
        (stopped_folder / "token.json").chmod(0o600)

    assert (missing.returncode, "there is no such data folder" in missing.stdout) == (1, True)
    assert (whole.returncode, readable.returncode) == (0, 1), whole.stdout
    assert "others may read token.json: chmod 600" in readable.stdout
