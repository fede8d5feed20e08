"""A server asked to stop ends within ten seconds and with success, and loses nothing of what it was doing."""

import random
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from tests.e2e.oracle import make_file, require_kept
from tests.e2e.servers import ENDLESS, Server, half_an_upload, wait_for

STOPS_WITHIN_S = 10.0

pytestmark = pytest.mark.faults


def stopped(server: Server) -> tuple[int, bool]:
    """The exit code, and whether it came in time."""
    started = time.monotonic()
    server.terminate()
    code = server.wait_ended(60)
    return code, time.monotonic() - started < STOPS_WITHIN_S


def in_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_an_idle_server_stops(server: Server) -> None:
    server.start_ready()

    assert stopped(server) == (0, True)
    server.start_ready()
    assert stopped(server) == (0, True)


@pytest.mark.parametrize("milestone", ["converted-files-written", "manifest-written", "catalog-committed"])
def test_a_server_whose_disk_hangs_in_the_middle_of_a_load_stops_and_finishes_it_later(
    server: Server, milestone: str
) -> None:
    files = {"visits/f1.csv": make_file(random.Random(1), 1)}
    server.start_ready(fault=f"{milestone}:1:hold")
    assert server.put("visits/f1.csv", files["visits/f1.csv"])

    assert stopped(server) == (0, True)
    server.start_ready()
    server.wait_settled()

    require_kept(server, files)


def test_a_server_that_is_converting_stops_and_has_each_file_or_finishes_it_later(server: Server) -> None:
    rng = random.Random(1)
    files = {f"visits/f{number}.csv": make_file(rng, number, most_rows=9000) for number in range(12)}
    server.start_ready()
    for key, content in files.items():
        assert server.put(key, content)

    assert stopped(server) == (0, True)
    server.start_ready()
    server.wait_settled()

    require_kept(server, files)


def test_a_query_that_runs_is_ended_and_its_caller_told(server: Server) -> None:
    server.start_ready()
    answers: list[int] = []

    def ask() -> None:
        with server.new_client() as client:
            try:
                answers.append(client.post("/queries", json={"sql": ENDLESS, "wait_s": 25}).status_code)
            except httpx.TransportError:
                answers.append(0)

    asking = in_background(ask)
    time.sleep(2)

    assert stopped(server) == (0, True)
    asking.join()
    assert answers == [503]


def test_a_sender_that_stalls_does_not_keep_the_server(server: Server) -> None:
    server.start_ready()
    half = half_an_upload(server, "visits/f1.csv")
    wait_for(lambda: any(path.stat().st_size for path in (server.data / ".partial").iterdir()))

    assert stopped(server) == (0, True)
    half.close()
    assert list((server.data / ".partial").iterdir()) == []
    assert list((server.data / "input").rglob("*.csv")) == []


def test_what_is_sent_to_a_server_that_stops_is_refused_or_loaded_later(server: Server) -> None:
    server.start_ready(fault="converted-files-written:1:hold")
    assert server.put("visits/f0.csv", make_file(random.Random(1), 0))
    sent: list[bool] = []

    def put() -> bool:
        sent.append(server.put(f"visits/f{len(sent) + 1}.csv", make_file(random.Random(1), len(sent) + 1)))
        return not server.is_running()

    server.terminate()
    wait_for(put)
    server.start_ready()
    server.wait_settled()

    assert sent[-1] is False
    assert sent == sorted(sent, reverse=True)
    keys = {load["key"] for load in server.loads() if load["state"] == "committed"}
    assert keys == {f"input/visits/f{number}.csv" for number in range(sum(sent) + 1)}
