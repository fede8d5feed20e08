"""A real server measured from outside: upload to visible row, many small files, and the price of HTTP."""

import importlib.util
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import duckdb
from server import Server, running_server
from small_files import report_small_files

UPLOADS = 15


def report_serving(folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as data, running_server(Path(data)) as server:
        _report_latency(server)
        report_small_files(server)
        _report_overhead(server)


def _megabyte(number: int) -> bytes:
    rows = (
        f"{number * 20000 + row},{row % 977:08d},{row % 13}.5,note {row % 101}\n" for row in range(33_000)
    )
    return b"id,mrn,value,note\n" + "".join(rows).encode()


def _report_latency(server: Server) -> None:
    seconds = []
    total = 0
    for number in range(UPLOADS):
        body = _megabyte(number)
        server.client.put(f"/input/latency/{number}.csv", content=body).raise_for_status()
        acknowledged = time.perf_counter()
        total += 33_000
        while server.count("latency") < total:
            time.sleep(0.005)
        seconds.append(time.perf_counter() - acknowledged)
    print(f"\nupload acknowledged to row visible, 1 MB: median {median(seconds[2:]) * 1000:.0f} ms")


GROUPED = "SELECT mrn, count(*) AS n FROM {} GROUP BY mrn ORDER BY n DESC, mrn LIMIT 10"
FILTERED = "SELECT id, mrn, value FROM {} WHERE mrn = '00000042' ORDER BY id LIMIT 50"
ROUNDS = 60


def _report_overhead(server: Server) -> None:
    """The same query of the same Iceberg table, over HTTP and in this process by DuckDB alone, by turns."""
    connection = duckdb.connect(config={"threads": 2})
    for name in ("avro", "iceberg"):
        connection.load_extension(str(_extension(name)))
    for title, sql in (("group by", GROUPED), ("filter", FILTERED)):
        server.ask(sql.format("latency"))
        scan = f"iceberg_scan('{_newest_metadata(server.data, 'latency')}')"
        over_http, alone = _by_turns(
            lambda sql=sql: server.ask(sql.format("latency")),
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
