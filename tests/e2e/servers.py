"""A real server in a process of its own, that tests may kill."""

import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

FINAL = ("committed", "refused", "failed", "superseded")


class Server:
    """`mdp serve` over one data folder; started and killed as often as a test wants."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.token = secrets.token_urlsafe(16)
        self.log = data.parent / "server.log"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=30,
        )

    def start(self, fault: str = "") -> None:
        command = [sys.executable, "-m", "medical_data_pipeline.entrypoints.cli.main", "serve"]
        command += ["--data-dir", str(self.data), "--port", str(self.port)]
        environ = {**os.environ, "MDP_TOKEN": self.token} | ({"MDP_FAULT": fault} if fault else {})
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environ)

    def wait_ready(self, timeout_s: float = 30) -> bool:
        """Whether it answers; false when it died before."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self.is_running():
            try:
                if self.client.get("/health").status_code == 200:
                    return True
            except httpx.TransportError:
                time.sleep(0.02)
        return False

    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """End it as if its power had gone."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def stop(self, timeout_s: float = 15) -> int:
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(timeout_s)

    def put(self, key: str, content: bytes) -> bool:
        """Whether the upload was acknowledged."""
        try:
            return self.client.put(f"/input/{key}", content=content).status_code in (200, 201)
        except httpx.TransportError:
            return False

    def loads(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get("/loads", params={"limit": 1000}).json()["loads"]
        return found

    def wait_settled(self, timeout_s: float = 60) -> None:
        deadline = time.monotonic() + timeout_s
        while any(load["state"] not in FINAL for load in self.loads()):
            assert time.monotonic() < deadline, "loads did not come to an end"
            time.sleep(0.05)

    def ask(self, sql: str) -> list[list[Any]]:
        answer = self.client.post("/queries", json={"sql": sql, "wait_s": 20})
        assert answer.status_code == 200, answer.text
        rows: list[list[Any]] = answer.json()["rows"]
        return rows
