"""Lambda's Runtime API, as far as one function under `awslambdaric` needs it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Empty, Queue
from time import time
from typing import Any

TIMEOUT_S = 60
_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:f"


@dataclass(frozen=True)
class Invocation:
    """One event with what Lambda tells beside it."""

    event: Mapping[str, Any]
    request_id: str = "request"
    arn: str = _ARN
    timeout_s: float = 300

    def headers(self) -> dict[str, str]:
        return {
            "Lambda-Runtime-Aws-Request-Id": self.request_id,
            "Lambda-Runtime-Deadline-Ms": str(int((time() + self.timeout_s) * 1000)),
            "Lambda-Runtime-Invoked-Function-Arn": self.arn,
            # Without one the client in C++ ends itself.
            "Lambda-Runtime-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Sampled=0",
            "Content-Type": "application/json",
        }


class Runtime:
    """Gives events to the function that asks for them, one after the other, and takes its answers."""

    def __init__(self) -> None:
        self._invocations: Queue[Invocation] = Queue()
        self._answers: Queue[tuple[bool, Any]] = Queue()
        self.process: subprocess.Popen[bytes] | None = None

    def invoke(self, event: Mapping[str, Any] | Invocation, timeout_s: float = TIMEOUT_S) -> tuple[bool, Any]:
        """Whether the function answered, and its answer or its error.

        Raises:
            TimeoutError: the function's time is over.
            RuntimeError: the function's process has ended.
        """
        invocation = event if isinstance(event, Invocation) else Invocation(event, timeout_s=timeout_s)
        self._invocations.put(invocation)
        deadline = time() + invocation.timeout_s
        while time() < deadline:
            with suppress(Empty):
                return self._answers.get(timeout=0.5)
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError("the function's process has ended")
        raise TimeoutError("the function did not answer in time")

    def handler(runtime) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                invocation = runtime._invocations.get()
                event = json.dumps(invocation.event).encode()
                self.send_response(200)
                for name, value in invocation.headers().items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(event)))
                self.end_headers()
                self.wfile.write(event)

            def do_POST(self) -> None:
                answer = json.loads(self.rfile.read(int(self.headers["Content-Length"])) or "null")
                runtime._answers.put((self.path.endswith("/response"), answer))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler


@contextmanager
def running(handler: str, environ: Mapping[str, str], log: Any) -> Iterator[Runtime]:
    """The function of a handler, in a process of its own; what it writes goes to `log`."""
    with running_in(Path.cwd(), handler, {**os.environ, **environ}, log) as runtime:
        yield runtime


@contextmanager
def running_in(folder: Path, handler: str, environ: Mapping[str, str], log: Any) -> Iterator[Runtime]:
    """The same, in a folder as Lambda's task root, and with no environment but the one that is given."""
    runtime = Runtime()
    server = ThreadingHTTPServer(("127.0.0.1", 0), runtime.handler())
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {**environ, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}"}
    command = [sys.executable, "-m", "awslambdaric", handler]
    runtime.process = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        yield runtime
    finally:
        runtime.process.kill()
        runtime.process.wait()
        server.shutdown()
        server.server_close()
