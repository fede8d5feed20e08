"""A server killed at any instant and started again finishes every acknowledged upload, each row once."""

import csv
import io
import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.servers import Server

IS_FULL = os.environ.get("MDP_FAULTS") == "full"
KILLS = 100 if IS_FULL else 6
SEED = int(os.environ.get("MDP_FAULTS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
MILESTONES = (
    "upload-stored",
    "upload-received",
    "converted-files-written",
    "converted-files-published",
    "manifest-written",
    "ledger-converted",
    "catalog-committed",
    "ledger-committed",
)
CANARY = "Canaryname"

pytestmark = pytest.mark.faults


@dataclass(frozen=True)
class Upload:
    """A file and what of it must be found afterwards, counted without our code."""

    key: str
    content: bytes


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data")
    yield server
    server.kill()
    server.client.close()


def make_upload(rng: random.Random, number: int, version: int) -> Upload:
    rows = [
        f"{number:04d}{row:04d},{CANARY}{rng.randrange(10**6)},{rng.randrange(1000)}"
        + (",SURPLUS" if rng.random() < 0.02 else "")
        for row in range(rng.randrange(1, 400))
    ]
    return Upload(
        f"visits/f{number}.csv",
        f"code,name,v{''}\n".encode() + "\n".join(rows).encode() + b"\n" + b"" * version,
    )


def expected_rows(uploads: dict[str, bytes]) -> tuple[Counter[tuple[str, ...]], int]:
    """The rows every file must have loaded and how many it must have set aside, by Python's CSV reader."""
    loaded: Counter[tuple[str, ...]] = Counter()
    rejected = 0
    for content in uploads.values():
        for row in list(csv.reader(io.StringIO(content.decode())))[1:]:
            if len(row) == 3:
                loaded[tuple(row)] += 1
            else:
                rejected += 1
    return loaded, rejected


def require_kept(server: Server, uploads: dict[str, bytes]) -> None:
    """The oracle: conservation, nothing twice, the newest version of each file, nothing left lying about."""
    loaded, rejected = expected_rows(uploads)
    found = page_through(server, "SELECT code, name, CAST(v AS varchar) FROM visits")
    assert Counter(found) == loaded
    assert len(found) == len(
        set(page_through(server, "SELECT _source_file, CAST(_source_row AS varchar), code FROM visits"))
    )
    if rejected:
        assert server.ask("SELECT count(*) FROM visits__quarantine") == [[rejected]]
    for load in server.loads():
        assert load["state"] in ("committed", "superseded"), load
        if load["state"] == "committed":
            assert load["rows"]["read"] == load["rows"]["loaded"] + load["rows"]["quarantined"]
    leftovers = [
        path
        for path in server.data.rglob("*")
        if path.name.startswith(".part-") or path.parent.name == ".partial"
    ]
    assert leftovers == []
    assert CANARY not in server.log.read_text()


def page_through(server: Server, sql: str) -> list[tuple[str, ...]]:
    answer = server.client.post("/queries", json={"sql": sql, "wait_s": 20}).json()
    rows = answer["rows"]
    while answer["next_page_token"]:
        path = f"/queries/{answer['query_id']}/results"
        answer = server.client.get(path, params={"page_token": answer["next_page_token"]}).json()
        rows += answer["rows"]
    return [tuple(row) for row in rows]


@pytest.mark.timeout(1500)
def test_a_server_killed_at_random_loses_nothing_and_doubles_nothing(server: Server) -> None:
    print(f"seed {SEED}, {KILLS} kills")
    rng = random.Random(SEED)
    acknowledged: dict[str, bytes] = {}
    attempted: dict[str, bytes] = {}
    server.start()
    for number in range(KILLS):
        assert server.wait_ready()
        deadline = time.monotonic() + rng.uniform(0.0, 0.4)
        while time.monotonic() < deadline:
            upload = make_upload(rng, rng.randrange(KILLS), number)
            attempted[upload.key] = upload.content
            if server.put(upload.key, upload.content):
                acknowledged[upload.key] = upload.content
        server.kill()
        server.start()
    assert server.wait_ready()
    # What was sent last may have been stored without its acknowledgement: sent again it must change nothing.
    for key, content in attempted.items():
        assert server.put(key, content)
    server.wait_settled()

    require_kept(server, attempted)
    assert set(acknowledged) <= set(attempted)


@pytest.mark.parametrize("milestone", MILESTONES)
def test_a_server_that_dies_at_a_milestone_finishes_its_work_after_the_restart(
    server: Server, milestone: str
) -> None:
    rng = random.Random(7)
    uploads = [make_upload(rng, number, 0) for number in range(4)]
    stored: dict[str, bytes] = {}
    turn = 1 if milestone.endswith("-committed") else 2
    # Several loads may be committed in one batch, so only the first commit is sure to come.
    server.start(fault=f"{milestone}:{turn}")
    assert server.wait_ready()
    for upload in uploads:
        if server.put(upload.key, upload.content):
            stored[upload.key] = upload.content
    for _ in range(200):
        if not server.is_running():
            break
        time.sleep(0.05)
    assert not server.is_running(), "the milestone was never reached"

    server.start()
    assert server.wait_ready()
    server.wait_settled()
    acknowledged = {load["key"] for load in server.loads() if load["state"] == "committed"}
    assert {f"input/{key}" for key in stored} <= acknowledged
    for upload in uploads:
        assert server.put(upload.key, upload.content)
    server.wait_settled()

    require_kept(server, {upload.key: upload.content for upload in uploads})


def test_a_server_asked_to_stop_ends_in_time_and_with_success(server: Server) -> None:
    server.start()
    assert server.wait_ready()
    assert server.put("visits/a.csv", b"code,name,v\n0001,x,1\n")

    started = time.monotonic()
    code = server.stop()

    assert (code, time.monotonic() - started < 10) == (0, True)
