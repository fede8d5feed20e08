"""Real servers in processes of their own, that tests may kill."""

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import httpx

FINAL = ("committed", "refused", "failed", "superseded")
DIGITS = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)) AS {} (n)"
ENDLESS = "SELECT count(*) FROM " + ", ".join(DIGITS.format(f"t{number}") for number in range(12))


class Nursery:
    """Starts servers by forking them from a process that has imported everything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("server_nursery.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, arguments: Sequence[str], environ: dict[str, str], log: Path) -> int:
        pid = self._ask({"start": {"arguments": list(arguments), "environ": environ, "log": str(log)}})
        assert isinstance(pid, int)
        return pid

    def poll(self, pid: int) -> int | None:
        code = self._ask({"poll": pid})
        assert code is None or isinstance(code, int)
        return code

    def close(self) -> None:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def _ask(self, asked: dict[str, object]) -> object:
        assert self._process.stdin and self._process.stdout
        with self._lock:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            return json.loads(self._process.stdout.readline())


class Server:
    """`mdp serve` over one data folder; started and killed as often as a test wants."""

    def __init__(self, data: Path, nursery: Nursery) -> None:
        self.data = data
        self.token = secrets.token_urlsafe(32)
        self.log = data.parent / "server.log"
        self.port = _free_port()
        self.pid = 0
        self.exit_code: int | None = None
        self._nursery = nursery
        self.client = self.new_client()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self.client.close()

    def new_client(self) -> httpx.Client:
        return httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {self.token}"},
            timeout=60,
        )

    def start(self, fault: str = "", **environ: str) -> None:
        arguments = ["serve", "--data-dir", str(self.data), "--port", str(self.port)]
        given = {**os.environ, "MDP_TOKEN": self.token, **environ} | ({"MDP_FAULT": fault} if fault else {})
        self.exit_code = None
        self.pid = self._nursery.start(arguments, given, self.log)

    def start_ready(self, fault: str = "", **environ: str) -> None:
        self.start(fault, **environ)
        assert self.wait_ready(), self.log.read_text()[-2000:]

    def wait_ready(self, timeout_s: float = 60) -> bool:
        """Whether it answers; false when it died before."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and self.is_running():
            try:
                if self.client.get("/health").status_code == 200:
                    return True
            except httpx.TransportError:
                pass
            time.sleep(0.02)
        return False

    def is_running(self) -> bool:
        if self.pid and self.exit_code is None:
            self.exit_code = self._nursery.poll(self.pid)
        return bool(self.pid) and self.exit_code is None

    def wait_ended(self, timeout_s: float) -> int:
        """Its exit code, once it has ended by itself."""
        deadline = time.monotonic() + timeout_s
        while self.is_running():
            assert time.monotonic() < deadline, "the server did not end"
            time.sleep(0.02)
        assert self.exit_code is not None
        return self.exit_code

    def kill(self) -> None:
        """End it as if its power had gone."""
        if self.is_running():
            os.kill(self.pid, signal.SIGKILL)
            self.wait_ended(10)

    def terminate(self) -> None:
        """Ask it to end, as a service manager does."""
        os.kill(self.pid, signal.SIGTERM)

    def stop(self, timeout_s: float = 20) -> int:
        self.terminate()
        return self.wait_ended(timeout_s)

    def put(self, key: str, content: bytes) -> bool:
        """Whether the upload was acknowledged."""
        try:
            return self.client.put(f"/input/{key}", content=content).status_code in (200, 201)
        except httpx.TransportError:
            return False

    def loads(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get("/loads", params={"limit": 1000}).json()["loads"]
        return found

    def wait_settled(self, timeout_s: float = 120) -> None:
        deadline = time.monotonic() + timeout_s
        while any(load["state"] not in FINAL for load in self.loads()):
            assert time.monotonic() < deadline, [load for load in self.loads() if load["state"] not in FINAL]
            time.sleep(0.05)

    def wait_settled_or_ended(self) -> None:
        """Until every load has come to an end, or the server to its own."""
        try:
            self.wait_settled()
        except (httpx.TransportError, json.JSONDecodeError):
            self.wait_ended(10)

    def ask(self, sql: str) -> list[list[Any]]:
        """All rows of the answer, however long it takes and however many pages it has."""
        page = self._succeeded(self.client.post("/queries", json={"sql": sql, "wait_s": 25}))
        rows: list[list[Any]] = page["rows"]
        while page["next_page_token"]:
            path = f"/queries/{page['query_id']}/results"
            page = self.client.get(path, params={"page_token": page["next_page_token"]}).json()
            rows += page["rows"]
        return rows

    def _succeeded(self, answer: httpx.Response) -> dict[str, Any]:
        while answer.status_code == 202:
            query_id = answer.json()["query_id"]
            self.client.get(f"/queries/{query_id}", params={"wait_s": 25})
            answer = self.client.get(f"/queries/{query_id}/results")
        assert answer.status_code == 200, answer.text
        page: dict[str, Any] = answer.json()
        return page


def half_an_upload(server: Server, key: str) -> socket.socket:
    """A sender that has sent half of what it promised, and sends no more."""
    head = (
        f"PUT /input/{key} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.token}\r\n"
        "Content-Length: 3000000\r\n\r\n"
    )
    sender = socket.create_connection(("127.0.0.1", server.port))
    sender.sendall(head.encode() + b"code,name,v\n" + b"00000001,Canaryname1,1\n" * 65_000)
    return sender


def wait_for(is_so: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
