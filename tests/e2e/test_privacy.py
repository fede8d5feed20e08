"""No cell of a file reaches a log, an answer about a load, a metric or a ledger, however the file ends."""

import gzip
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.servers import Server

MARK = "Qzmarker"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(tmp_path / "data")
    server.start()
    assert server.wait_ready()
    yield server
    server.kill()
    server.client.close()


def test_no_cell_leaves_its_table_however_a_file_ends(server: Server) -> None:
    rows = "".join(f"{number},{MARK}{number},2024-01-{number % 28 + 1:02d}\n" for number in range(200))
    good = f"id,name,day\n{rows}"
    files = {
        "t/good.csv": good.encode(),
        "t/misfits.csv": f"id,name,day\n1,{MARK},{MARK}\n2,{MARK},2024-01-01\n".encode(),
        "t/surplus.csv": ("id,name,day\n" + f"{MARK},{MARK},{MARK},{MARK}\n" * 100).encode(),
        "t/broken.csv.gz": gzip.compress(good.encode())[:-20],
        "t/binary.csv": b"\x00\x01\x02" * 2000 + MARK.encode(),
        "t/quote.csv": f'id,name,day\n1,"{MARK},2024-01-01\n2,x,2024-01-02\n'.encode(),
    }
    for key, content in files.items():
        assert server.put(key, content)
        # One after the other: the first file of a table decides its types.
        server.wait_settled()

    bad_sql = f"SELECT CAST(name AS integer) FROM t WHERE name = '{MARK}1'"
    failed = server.client.post("/queries", json={"sql": bad_sql, "wait_s": 20})
    metrics = server.client.get("/metrics").text
    answers = [server.client.get("/loads").text, failed.text, metrics]
    answers += [server.client.get(f"/loads/{load['load_id']}/receipt").text for load in server.loads()]
    with sqlite3.connect(server.data / "ledger.sqlite") as ledger:
        answers.append(str(ledger.execute("SELECT * FROM loads").fetchall()))

    assert failed.status_code >= 400
    assert {load["state"] for load in server.loads()} == {"committed", "refused"}
    assert [answer[:80] for answer in [*answers, server.log.read_text()] if MARK in answer] == []
    assert server.ask("SELECT count(*) FROM t WHERE name LIKE 'Qzmarker%'") == [[201]]


def test_nobody_gets_in_without_the_token(server: Server) -> None:
    for method, path in (
        ("GET", "/tables"),
        ("GET", "/query?query=SELECT+1"),
        ("GET", "/loads"),
        ("PUT", "/input/a.csv"),
    ):
        answer = server.client.request(method, path, headers={"Authorization": "Bearer wrong"})
        assert answer.status_code == 401, path
        assert answer.headers["content-type"] == "application/problem+json"
