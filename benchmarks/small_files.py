"""Thousands of small files at once, uploaded or dropped into the folder, until SQL sees every row of them."""

import http.client
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from server import Server

FILES = 5000
CONNECTIONS = 8
_ROWS = 75
# Each look is a query, which costs the server time of its own.
_POLL_S = 0.5
_HEADER = "encounter_id,mrn,code,value\n"
Bring = Callable[[Server, str, list[bytes]], None]
_GROUPED = "SELECT mrn, count(*) AS n FROM {} GROUP BY mrn ORDER BY mrn LIMIT 10"


def report_small_files(server: Server) -> None:
    _report(server, "uploaded", _upload)
    _report(server, "dropped", _drop)
    print(f"load of the machine now: {os.getloadavg()[0]:.1f}")


def _report(server: Server, table: str, bring: Bring) -> None:
    bodies = [_body(number) for number in range(FILES)]
    started, cpu_before_s = time.perf_counter(), server.cpu_s()
    bring(server, table, bodies)
    brought_s = time.perf_counter() - started
    while server.count(table) < _ROWS * FILES:
        time.sleep(_POLL_S)
    total_s, cpu_s = time.perf_counter() - started, server.cpu_s() - cpu_before_s
    snapshots = len(server.client.get(f"/tables/{table}").json()["snapshots"])
    asked = time.perf_counter()
    server.ask(_GROUPED.format(table))
    print(
        f"{FILES} files of 2 KB {table}: there after {brought_s:.1f} s, queryable after {total_s:.1f} s = "
        f"{FILES / total_s:.0f}/s; {cpu_s / FILES * 1000:.1f} ms of the server's CPU a file; "
        f"{snapshots} snapshots; a group by then takes {(time.perf_counter() - asked) * 1000:.0f} ms"
    )


def _body(number: int) -> bytes:
    rows = (f"{number},{number:08d},8302-2,{row}.5\n" for row in range(_ROWS))
    return (_HEADER + "".join(rows)).encode()


def _upload(server: Server, table: str, bodies: list[bytes]) -> None:
    """Each connection takes the next file when the one before is acknowledged."""
    files = iter(enumerate(bodies))
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        for done in [pool.submit(_send, server, table, files) for _ in range(CONNECTIONS)]:
            done.result()


def _send(server: Server, table: str, files: Iterator[tuple[int, bytes]]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    headers = {"Authorization": f"Bearer {server.token}"}
    for number, body in files:
        connection.request("PUT", f"/input/{table}/{number}.csv", body, headers)
        answer = connection.getresponse()
        answer.read()
        if answer.status != 201:
            raise RuntimeError(f"an upload was answered with {answer.status}")
    connection.close()


def _drop(server: Server, table: str, bodies: list[bytes]) -> None:
    folder = Path(server.data, "input", table)
    folder.mkdir(parents=True)
    for number, body in enumerate(bodies):
        (folder / f"{number}.csv").write_bytes(body)
