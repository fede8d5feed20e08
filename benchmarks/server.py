"""A server of our own for a benchmark: started over an empty folder, asked over HTTP, stopped at the end."""

import hashlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass(frozen=True)
class Server:
    """A running server; `data` is its folder."""

    client: httpx.Client
    port: int
    token: str
    data: Path
    process_id: int

    def ask(self, sql: str) -> list[list[object]]:
        answer = self.client.post("/queries", json={"sql": sql, "wait_s": 20})
        answer.raise_for_status()
        rows: list[list[object]] = answer.json()["rows"]
        return rows

    def count(self, table: str) -> int:
        """The rows of a table that may not be there yet."""
        answer = self.client.post("/queries", json={"sql": f"SELECT count(*) FROM {table}", "wait_s": 20})
        return int(answer.json()["rows"][0][0]) if answer.status_code == 200 else 0

    def cpu_s(self) -> float:
        """The CPU time of the server's process so far, without that of its query workers."""
        fields = Path(f"/proc/{self.process_id}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def running_server(data: Path) -> Iterator[Server]:
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
            yield Server(client, port, token, data, process.pid)
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
