"""No cell of a file reaches a log, an answer about a load, a metric or a ledger, however the file ends."""

import gzip
import sqlite3

from tests.e2e.servers import Server

MARK = "Qzmarker"


def test_no_cell_leaves_its_table_however_a_file_ends(running: Server) -> None:
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
        assert running.put(key, content)
        # One after the other: the first file of a table decides its types.
        running.wait_settled()

    bad_sql = f"SELECT CAST(name AS integer) FROM t WHERE name = '{MARK}1'"
    failed = running.client.post("/queries", json={"sql": bad_sql, "wait_s": 20})
    metrics = running.client.get("/metrics").text
    answers = [running.client.get("/loads").text, failed.text, metrics]
    answers += [running.client.get(f"/loads/{load['load_id']}/receipt").text for load in running.loads()]
    with sqlite3.connect(running.data / "ledger.sqlite") as ledger:
        answers.append(str(ledger.execute("SELECT * FROM loads").fetchall()))

    assert failed.status_code >= 400
    assert {load["state"] for load in running.loads()} == {"committed", "refused"}
    assert [answer[:80] for answer in [*answers, running.log.read_text()] if MARK in answer] == []
    assert running.ask("SELECT count(*) FROM t WHERE name LIKE 'Qzmarker%'") == [[201]]


def test_nobody_gets_in_without_the_token(running: Server) -> None:
    for method, path in (
        ("GET", "/tables"),
        ("GET", "/query?query=SELECT+1"),
        ("GET", "/loads"),
        ("PUT", "/input/a.csv"),
    ):
        answer = running.client.request(method, path, headers={"Authorization": "Bearer wrong"})
        assert answer.status_code == 401, path
        assert answer.headers["content-type"] == "application/problem+json"
