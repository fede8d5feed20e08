"""Callers that leave and callers that are many: they cost the others nothing, and leave nothing behind."""

import json
import os
import random
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.oracle import make_file, require_kept
from tests.e2e.servers import ENDLESS, Server, wait_for

# Two seconds and what a busy machine adds; a query that nobody ended would take its whole minute.
ENDED_WITHIN_S = 15.0
RUNNING, WAITING = 2, 100

pytestmark = pytest.mark.faults


def asking(server: Server, sql: str) -> socket.socket:
    """A caller that has asked and reads no answer yet."""
    body = json.dumps({"sql": sql, "wait_s": 25}).encode()
    head = (
        f"POST /queries HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    caller = socket.create_connection(("127.0.0.1", server.port))
    caller.sendall(head.encode() + body)
    return caller


def require_answers(server: Server) -> None:
    """A worker is free again: those who left have taken their queries with them."""
    started = time.monotonic()
    assert server.ask("SELECT 42") == [[42]]
    assert time.monotonic() - started < ENDED_WITHIN_S


def open_files(server: Server) -> int:
    return len(os.listdir(f"/proc/{server.pid}/fd"))


def resident_mb(server: Server) -> float:
    lines = Path(f"/proc/{server.pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def test_fifty_callers_of_endless_queries_hold_up_no_upload_and_take_their_queries_along(
    server: Server,
) -> None:
    rng = random.Random(3)
    files = {f"visits/f{number}.csv": make_file(rng, number) for number in range(20)}
    server.start_ready()
    assert server.ask("SELECT 42") == [[42]]
    memory_mb, files_open = resident_mb(server), open_files(server)

    callers = [asking(server, ENDLESS) for _ in range(50)]
    with ThreadPoolExecutor(4) as senders:
        acknowledged = list(senders.map(server.put, files, files.values()))
    server.wait_settled()
    for caller in callers:
        caller.close()

    assert all(acknowledged)
    require_answers(server)
    require_kept(server, files)
    assert resident_mb(server) - memory_mb < 150
    wait_for(lambda: open_files(server) < files_open + 20)


def test_queries_over_the_limit_are_turned_away_and_the_others_are_not_lost(server: Server) -> None:
    server.start_ready()

    answers = [
        server.client.post("/queries", json={"sql": ENDLESS, "wait_s": 0})
        for _ in range(RUNNING + WAITING + 5)
    ]

    assert [answer.status_code for answer in answers] == [202] * (RUNNING + WAITING) + [429] * 5
    assert {answer.json()["code"] for answer in answers[-5:]} == {"RATE_LIMITED"}
    assert all(int(answer.headers["Retry-After"]) > 0 for answer in answers[-5:])
    assert server.put("visits/f1.csv", make_file(random.Random(1), 1))
    for answer in answers[:-5]:
        assert server.client.delete(f"/queries/{answer.json()['query_id']}").status_code == 204
    require_answers(server)


@pytest.mark.parametrize("format_", ["csv", "parquet"])
def test_callers_that_leave_in_the_middle_of_a_result_leave_nothing_behind(
    server: Server, format_: str
) -> None:
    rows = 200_000
    server.start_ready()
    text = "id,note\n" + "".join(
        f"{number},note {number * 7919 % 99991} of a caller\n" for number in range(rows)
    )
    assert server.put("wide/f1.csv", text.encode())
    server.wait_settled()
    wanted = {"sql": "SELECT * FROM wide", "wait_s": 25, "format": format_}

    def read_a_little() -> bytes:
        with server.new_client() as client, client.stream("POST", "/queries", json=wanted) as answer:
            assert answer.status_code == 200
            return next(answer.iter_raw(1000))

    read_a_little()
    memory_mb, files_open = resident_mb(server), open_files(server)
    for _ in range(8):
        read_a_little()

    require_answers(server)
    assert resident_mb(server) - memory_mb < 100
    wait_for(lambda: open_files(server) < files_open + 10)
    assert server.ask("SELECT count(*) FROM wide") == [[rows]]
