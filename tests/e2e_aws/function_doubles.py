"""Stands where the container functions run: keeps the events each was given and answers as it is told."""

import json
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Event = dict[str, Any]


class FunctionDoubles:
    """One address a function; `events[name]` is what it was invoked with, in order."""

    def __init__(self, answers: dict[str, Callable[[Event], Any]]) -> None:
        self.answers = answers
        self.events: dict[str, list[Event]] = {name: [] for name in answers}
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def urls(self) -> dict[str, str]:
        host, port = self._server.server_address[:2]
        return {name: f"http://{host!s}:{port}/{name}" for name in self.answers}

    def bodies(self, name: str) -> list[Event]:
        """What was in the queue messages that the function was given."""
        return [json.loads(record["body"]) for event in self.events[name] for record in event["Records"]]

    def wait_for(self, name: str, wanted: Callable[[Event], bool], seconds: float = 60) -> Event:
        """The first queue message that is the wanted one."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for body in self.bodies(name):
                if wanted(body):
                    return body
            time.sleep(0.2)
        raise TimeoutError(
            f"{name} was given {len(self.bodies(name))} messages, and not the one it should have"
        )

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        doubles = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                name = self.path.removeprefix("/")
                doubles.events[name].append(event)
                answer = json.dumps(doubles.answers[name](event)).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        return Handler
