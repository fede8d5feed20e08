"""A real server measured from outside: upload to visible row, many small files, and the price of HTTP."""

import hashlib
import importlib.util
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
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
        _report_overhead(client, Path(data))


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


GROUPED = "SELECT mrn, count(*) AS n FROM {} GROUP BY mrn ORDER BY n DESC, mrn LIMIT 10"
FILTERED = "SELECT id, mrn, value FROM {} WHERE mrn = '00000042' ORDER BY id LIMIT 50"
ROUNDS = 60


def _report_overhead(client: httpx.Client, data: Path) -> None:
    """The same query of the same Iceberg table, over HTTP and in this process by DuckDB alone, by turns."""
    connection = duckdb.connect(config={"threads": 2})
    for name in ("avro", "iceberg"):
        connection.load_extension(str(_extension(name)))
    for title, sql in (("group by", GROUPED), ("filter", FILTERED)):
        ask(client, sql.format("latency"))
        scan = f"iceberg_scan('{_newest_metadata(data, 'latency')}')"
        over_http, alone = _by_turns(
            lambda sql=sql: ask(client, sql.format("latency")),
            lambda sql=sql, scan=scan: connection.execute(sql.format(scan)).fetchall(),
        )
        more = median(a - b for a, b in zip(over_http, alone, strict=True))
        print(
            f"{title} over HTTP {median(over_http):.1f} ms, in DuckDB alone {median(alone):.1f} ms: "
            f"{more:.1f} ms more (median of {ROUNDS} pairs)"
        )


def _extension(name: str) -> Path:
    spec = importlib.util.find_spec(f"duckdb_extension_{name}")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "extensions" / f"v{duckdb.__version__}"
    return folder / f"{name}.duckdb_extension"


def _newest_metadata(data: Path, table: str) -> Path:
    found = (data / "tables" / table / "metadata").glob("*.metadata.json")
    return max(found, key=lambda path: path.stat().st_mtime_ns)


def _by_turns(first: Callable[[], object], second: Callable[[], object]) -> tuple[list[float], list[float]]:
    milliseconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(ROUNDS):
        for kept, work in zip(milliseconds, (first, second), strict=True):
            started = time.perf_counter()
            work()
            kept.append((time.perf_counter() - started) * 1000)
    return milliseconds


def main(arguments: Sequence[str]) -> None:
    report_serving(Path(arguments[0]) if arguments else Path.cwd())
