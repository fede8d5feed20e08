"""Lambda's Runtime API, as far as one function under `awslambdaric` needs it."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from time import time
from typing import Any

TIMEOUT_S = 60
_ARN = "arn:aws:lambda:eu-central-1:123456789012:function:f"


class Runtime:
    """Gives events to the function that asks for them, one after the other, and takes its answers."""

    def __init__(self) -> None:
        self._events: Queue[Any] = Queue()
        self._answers: Queue[tuple[bool, Any]] = Queue()

    def invoke(self, event: Mapping[str, Any], timeout_s: float = TIMEOUT_S) -> tuple[bool, Any]:
        """Whether the function answered, and its answer or its error."""
        self._events.put(event)
        return self._answers.get(timeout=timeout_s)

    def handler(runtime) -> type[BaseHTTPRequestHandler]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                event = json.dumps(runtime._events.get()).encode()
                self.send_response(200)
                for name, value in (
                    ("Lambda-Runtime-Aws-Request-Id", "request"),
                    ("Lambda-Runtime-Deadline-Ms", str(int((time() + 300) * 1000))),
                    (
                        "Lambda-Runtime-Invoked-Function-Arn",
                        _ARN,
                    ),
                    # Without one the client in C++ ends itself.
                    ("Lambda-Runtime-Trace-Id", "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700"),
                    ("Content-Type", "application/json"),
                    ("Content-Length", str(len(event))),
                ):
                    self.send_header(name, value)
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
    runtime = Runtime()
    server = ThreadingHTTPServer(("127.0.0.1", 0), runtime.handler())
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    environment = {**os.environ, **environ, "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{server.server_port}"}
    command = [sys.executable, "-m", "awslambdaric", handler]
    process = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        yield runtime
    finally:
        process.kill()
        process.wait()
        server.shutdown()
        server.server_close()
