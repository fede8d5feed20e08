"""A disk that takes nothing any more: refused and told, not crashed; and all goes on when it does again."""

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.oracle import make_file, require_kept
from tests.e2e.servers import Nursery, Server
from tests.e2e.tracing import traced
from tests.volumes import mounted

MDP = [sys.executable, "-m", "medical_data_pipeline.entrypoints.cli.main"]
CHANGES = "fsync,fdatasync,pwrite64,rename,mkdir,unlink"
# Longer than any pause between two tries, shorter than all of them together.
PAUSE_S = 4.0

pytestmark = pytest.mark.faults


@contextmanager
def broken(server: Server, error: str) -> Iterator[None]:
    """Everything that would change something on disk fails meanwhile; reading goes on."""
    with traced(
        server.pid, "-e", f"trace={CHANGES}", "-e", f"inject={CHANGES}:error={error}", "-o", os.devnull
    ):
        yield


@pytest.mark.parametrize("error", ["EIO", "EROFS"])
def test_a_server_whose_disk_fails_says_so_lives_on_and_finishes_its_work_afterwards(
    server: Server, error: str
) -> None:
    rng = random.Random(5)
    files = {f"visits/f{number}.csv": make_file(rng, number) for number in range(3)}
    server.start_ready()
    key, content = files.popitem()
    assert server.put(key, content)
    server.wait_settled()

    with broken(server, error):
        refused = server.client.put("/input/visits/f9.csv", content=content)
        health = server.client.get("/health")
        time.sleep(PAUSE_S)
        tables = server.client.get("/tables")

    assert (refused.status_code, refused.json()["code"]) == (503, "UNAVAILABLE")
    assert (health.status_code, health.json()["checks"]["disk"]) == (503, "read-only or broken")
    assert tables.status_code == 200
    assert server.client.get("/health").status_code == 200
    for name, text in files.items():
        assert server.put(name, text)
    server.wait_settled()
    # What could not be removed then goes at the next start.
    assert server.stop() == 0
    server.start_ready()
    require_kept(server, {**files, key: content})


def test_a_load_under_way_when_the_disk_fails_is_finished_when_it_works_again(server: Server) -> None:
    files = {f"visits/f{number}.csv": make_file(random.Random(number), number) for number in range(6)}
    server.start_ready()
    for key, content in files.items():
        assert server.put(key, content)

    with broken(server, "EIO"):
        time.sleep(PAUSE_S)
        assert server.is_running()
        states = {load["state"] for load in server.loads()}
    server.wait_settled()

    assert "refused" not in states
    server.stop()
    server.start_ready()
    server.wait_settled()
    for load in server.loads():
        if load["state"] == "failed":
            assert server.client.post(f"/loads/{load['load_id']}/replay").status_code < 300
    server.wait_settled()
    require_kept(server, files)


def test_a_folder_on_a_read_only_disk_is_refused_in_one_line_and_used_when_it_can_be_written(
    tmp_path: Path, nursery: Nursery
) -> None:
    files = {"visits/f1.csv": make_file(random.Random(1), 1)}
    with mounted(tmp_path / "volume") as volume, Server(volume.path / "data", nursery) as server:
        server.log = tmp_path / "server.log"
        server.start_ready()
        assert server.put("visits/f1.csv", files["visits/f1.csv"])
        server.wait_settled()
        assert server.stop() == 0
        subprocess.run(["mount", "-o", "remount,ro", str(volume.path)], check=True)

        for command in ("serve", "rebuild"):
            done = subprocess.run(
                [*MDP, command, "--data-dir", str(server.data)],
                capture_output=True,
                text=True,
                timeout=60,
                check=False,
            )
            assert (done.returncode, done.stderr.count("\n")) == (1, 1), done.stderr
            assert done.stderr == "mdp: the data folder cannot be written: Read-only file system\n"

        subprocess.run(["mount", "-o", "remount,rw", str(volume.path)], check=True)
        server.start_ready()
        require_kept(server, files)
