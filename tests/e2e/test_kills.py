"""A server killed at any instant and started again finishes every acknowledged upload, each row once."""

import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.faults import FAULTS
from tests.e2e.oracle import Journal, fingerprint, make_file, require_acknowledged, require_kept
from tests.e2e.servers import Nursery, Server, half_an_upload, wait_for

FILES = 40
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

pytestmark = pytest.mark.faults


@pytest.mark.timeout(3600)
def test_a_server_killed_at_random_loses_nothing_and_doubles_nothing(
    server: Server, tmp_path: Path, nursery: Nursery
) -> None:
    rng = random.Random(FAULTS.seed)
    journal = Journal()
    for _ in range(FAULTS.kills):
        server.start()
        # Now and then before it has taken up what the last kill left.
        if rng.random() < 0.8:
            assert server.wait_ready(), server.log.read_text()[-2000:]
        upload_until_killed(server, journal, rng)

    server.start_ready()
    server.wait_settled()
    require_acknowledged(server, journal)
    # What was sent last may be there without its acknowledgement: sent again it must change nothing.
    for key, content in journal.last().items():
        assert server.put(key, content)
    server.wait_settled()
    require_kept(server, journal.last())
    with Server(tmp_path / "faultless" / "data", nursery) as faultless:
        (tmp_path / "faultless").mkdir()
        faultless.start_ready()
        for key, content in journal.last().items():
            assert faultless.put(key, content)
        faultless.wait_settled()
        assert fingerprint(server) == fingerprint(faultless)


def upload_until_killed(server: Server, journal: Journal, rng: random.Random) -> None:
    """Two senders, each with files of its own, and a kill that waits for neither."""

    def send(numbers: range, seed: int) -> None:
        own = random.Random(seed)
        while server.is_running():
            number = own.choice(numbers)
            content = make_file(own, number, most_rows=own.choice((5, 400, 20_000)))
            journal.put(server, f"visits/f{number}.csv", content)

    halves = (range(FILES // 2), range(FILES // 2, FILES))
    senders = [threading.Thread(target=send, args=(half, rng.randrange(2**32))) for half in halves]
    for sender in senders:
        sender.start()
    time.sleep(rng.uniform(0.0, 0.6))
    server.kill()
    for sender in senders:
        sender.join()


@pytest.mark.parametrize("turn", FAULTS.turns)
@pytest.mark.parametrize("milestone", MILESTONES)
def test_a_server_that_dies_at_a_milestone_finishes_its_work_after_the_restart(
    server: Server, milestone: str, turn: int
) -> None:
    rng = random.Random(7)
    files = {f"visits/f{number}.csv": make_file(rng, number) for number in range(4)}
    journal = Journal()
    server.start_ready(fault=f"{milestone}:{turn}")
    for key, content in files.items():
        journal.put(server, key, content)
        if server.is_running():
            # One after the other: several loads may be one commit, and only the first would be sure to come.
            server.wait_settled_or_ended()
    server.wait_ended(30)

    started = time.monotonic()
    server.start_ready()
    server.wait_settled()
    assert time.monotonic() - started < FAULTS.recovery_s
    require_acknowledged(server, journal)
    for key, content in files.items():
        assert server.put(key, content)
    server.wait_settled()

    require_kept(server, files)


@pytest.mark.parametrize("milestone", [name for name in MILESTONES if not name.startswith("upload")])
def test_a_server_that_dies_amid_many_small_files_finishes_them_after_the_restart(
    server: Server, milestone: str
) -> None:
    rng = random.Random(11)
    files = {f"visits/f{number}.csv": make_file(rng, number, most_rows=40) for number in range(40)}
    journal = Journal()
    # The first file is alone, and may be followed by another; then those come that wait for each other.
    server.start_ready(fault=f"{milestone}:{2 if milestone.endswith('-committed') else 3}")
    first, *others = files
    journal.put(server, first, files[first])
    server.wait_settled_or_ended()
    with ThreadPoolExecutor(8) as senders:
        list(senders.map(lambda key: journal.put(server, key, files[key]), others))
    server.wait_ended(30)

    server.start_ready()
    server.wait_settled()
    require_acknowledged(server, journal)
    for key, content in files.items():
        assert server.put(key, content)
    server.wait_settled()

    assert list((server.data / "record_folders" / "visits").glob("together-*"))
    require_kept(server, files)


def test_a_file_that_was_acknowledged_and_not_converted_is_loaded_after_the_restart(
    server: Server,
) -> None:
    files = {"visits/f1.csv": make_file(random.Random(1), 1)}
    server.start_ready(fault="converted-files-written:1:hold")
    assert server.put("visits/f1.csv", files["visits/f1.csv"])
    (load,) = server.loads()
    server.kill()

    server.start_ready()
    server.wait_settled()

    assert load["state"] == "received"
    require_kept(server, files)


def test_half_an_upload_leaves_no_trace(server: Server) -> None:
    files = {"visits/f1.csv": make_file(random.Random(1), 1)}
    server.start_ready()
    assert server.put("visits/f1.csv", files["visits/f1.csv"])
    server.wait_settled()
    halves = [half_an_upload(server, key) for key in ("visits/f1.csv", "visits/f2.csv")]
    wait_for(lambda: len([p for p in (server.data / ".partial").iterdir() if p.stat().st_size > 60_000]) == 2)
    server.kill()
    for half in halves:
        half.close()

    server.start_ready()
    server.wait_settled()

    assert [load["key"] for load in server.loads()] == ["input/visits/f1.csv"]
    assert [path.name for path in (server.data / "input").rglob("*.csv")] == ["f1.csv"]
    require_kept(server, files)


def test_a_merge_that_was_cut_short_leaves_no_trace(server: Server) -> None:
    files = {"visits/f1.csv": make_file(random.Random(1), 1)}
    server.start_ready()
    assert server.put("visits/f1.csv", files["visits/f1.csv"])
    server.wait_settled()
    server.kill()
    folder = server.data / "tables" / "visits" / "data"
    folder.mkdir(exist_ok=True)
    (folder / ".merged-1.parquet").write_bytes(b"PAR1 and no more")

    server.start_ready()

    require_kept(server, files)
