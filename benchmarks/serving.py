"""A real server measured from outside: upload to visible row, many small files, and the price of HTTP."""

import hashlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import duckdb
import httpx

SMALL_FILES = 1000
UPLOADS = 15


def report_serving(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as data, running_server(Path(data)) as client:
        _report_latency(client)
        _report_small_files(client)
        _report_overhead(client)


@contextmanager
def running_server(data: Path) -> Iterator[httpx.Client]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "medical_data_pipeline.entrypoints.cli.main", "serve"]
    command += ["--data-dir", str(data), "--port", str(port)]
    token = hashlib.sha256(os.urandom(16)).hexdigest()
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, "MDP_TOKEN": token}
    )
    try:
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}", headers={"Authorization": f"Bearer {token}"}, timeout=60
        ) as client:
            _wait_ready(client, process)
            yield client
    finally:
        process.terminate()
        process.wait(15)


def _wait_ready(client: httpx.Client, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise RuntimeError("the server did not become ready")


def ask(client: httpx.Client, sql: str) -> list[list[object]]:
    answer = client.post("/queries", json={"sql": sql, "wait_s": 20})
    answer.raise_for_status()
    rows: list[list[object]] = answer.json()["rows"]
    return rows


def _megabyte(number: int) -> bytes:
    rows = (
        f"{number * 20000 + row},{row % 977:08d},{row % 13}.5,note {row % 101}\n" for row in range(33_000)
    )
    return b"id,mrn,value,note\n" + "".join(rows).encode()


def _report_latency(client: httpx.Client) -> None:
    seconds = []
    total = 0
    for number in range(UPLOADS):
        body = _megabyte(number)
        client.put(f"/input/latency/{number}.csv", content=body).raise_for_status()
        acknowledged = time.perf_counter()
        total += 33_000
        while _count(client, "latency") < total:
            time.sleep(0.005)
        seconds.append(time.perf_counter() - acknowledged)
    print(f"\nupload acknowledged to row visible, 1 MB: median {median(seconds[2:]) * 1000:.0f} ms")


def _count(client: httpx.Client, table: str) -> int:
    answer = client.post("/queries", json={"sql": f"SELECT count(*) FROM {table}", "wait_s": 20})
    return int(answer.json()["rows"][0][0]) if answer.status_code == 200 else 0


def _report_small_files(client: httpx.Client) -> None:
    header = "encounter_id,mrn,code,value\n"
    bodies = [
        header + "".join(f"{number},{number:08d},8302-2,{row}.5\n" for row in range(75))
        for number in range(SMALL_FILES)
    ]
    started = time.perf_counter()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda item: _put(client, *item), enumerate(bodies)))
    uploaded = time.perf_counter() - started
    while _count(client, "small") < 75 * SMALL_FILES:
        time.sleep(0.1)
    total = time.perf_counter() - started
    print(
        f"{SMALL_FILES} files of 2 KB: acknowledged {SMALL_FILES / uploaded:.0f}/s, "
        f"queryable {SMALL_FILES / total:.0f}/s"
    )


def _put(client: httpx.Client, number: int, body: str) -> None:
    client.put(f"/input/small/{number}.csv", content=body.encode()).raise_for_status()


def _report_overhead(client: httpx.Client) -> None:
    sql = "SELECT mrn, count(*) AS n FROM latency GROUP BY mrn ORDER BY n DESC, mrn LIMIT 10"
    over_http = _timed(lambda: ask(client, sql))
    table = client.get("/tables/latency").json()
    connection = duckdb.connect()
    rows = ask(client, "SELECT id, mrn, value, note FROM latency LIMIT 10000")
    connection.execute("CREATE TABLE sample (id BIGINT, mrn VARCHAR, value DOUBLE, note VARCHAR)")
    connection.executemany("INSERT INTO sample VALUES (?, ?, ?, ?)", json.loads(json.dumps(rows[:100])))
    simple = _timed(lambda: ask(client, "SELECT 1"))
    alone = _timed(lambda: connection.execute("SELECT 1").fetchall())
    print(f"SELECT 1 over HTTP {simple:.1f} ms, in DuckDB alone {alone:.1f} ms: {simple - alone:.1f} ms more")
    print(f"a group-by over {table['name']} over HTTP: {over_http:.1f} ms")


def _timed(work: object, rounds: int = 60) -> float:
    assert callable(work)
    seconds = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return median(seconds) * 1000


def main(arguments: Sequence[str]) -> None:
    report_serving(Path(arguments[0]) if arguments else Path.cwd())
