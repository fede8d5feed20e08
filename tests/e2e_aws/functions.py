"""Stands where Lambda runs the three functions: their own handlers under awslambdaric, a process each.

The emulator forwards every invocation here. A process has the settings that Terraform gave the function, read
back from its configuration, and the credentials of the function's role; nothing of the tests' environment.
"""

import json
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.e2e_aws.emulator import REGION, Emulator
from tests.e2e_aws.role_sessions import RoleSessions
from tests.infrastructure.tools import ROOT
from tests.lambda_runtime import Invocation, Runtime, running_in

Event = dict[str, Any]
HANDLER = "lambda_function.handler"


@dataclass(frozen=True)
class Surroundings:
    """What the functions are run in. `athena` is the address of the double of Athena's API."""

    emulator: Emulator
    sessions: RoleSessions
    athena: str


@dataclass
class Function:
    """One function, begun again whenever its settings are others. `changes` are settings of one test."""

    name: str
    folder: Path
    log: Path
    changes: dict[str, str] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    answers: list[tuple[bool, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._process = ExitStack()
        self._runtime: Runtime | None = None
        self._environ: Mapping[str, str] = {}

    def invoke(self, event: Event, headers: Mapping[str, str], around: Surroundings) -> tuple[bool, Any]:
        self.events.append(event)
        with self._lock:
            answer = self._invoked(event, headers, around)
        self.answers.append(answer)
        return answer

    def stop(self) -> None:
        self._process.close()
        self._process, self._runtime = ExitStack(), None

    def _invoked(self, event: Event, headers: Mapping[str, str], around: Surroundings) -> tuple[bool, Any]:
        configuration = around.emulator.client("lambda").get_function_configuration(FunctionName=self.name)
        invocation = Invocation(
            event,
            headers["X-Amzn-Lambda-Request-Id"],
            configuration["FunctionArn"],
            configuration["Timeout"],
        )
        try:
            return self._runtime_for(environment(configuration, around) | self.changes).invoke(invocation)
        except (TimeoutError, RuntimeError) as error:
            # Lambda ends a function whose time is over, and begins the next one anew.
            self.stop()
            return False, {"errorType": type(error).__name__, "errorMessage": str(error)}

    def _runtime_for(self, environ: Mapping[str, str]) -> Runtime:
        if self._runtime is None or environ != self._environ:
            self.stop()
            log = self._process.enter_context(self.log.open("ab"))
            self._runtime = self._process.enter_context(running_in(self.folder, HANDLER, environ, log))
            self._environ = environ
        return self._runtime


def environment(configuration: Mapping[str, Any], around: Surroundings) -> dict[str, str]:
    """What Lambda would set, and in which emulated world it is."""
    of_lambda = {
        "PATH": os.environ["PATH"],
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "_HANDLER": HANDLER,
        "AWS_LAMBDA_FUNCTION_NAME": configuration["FunctionName"],
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration["MemorySize"]),
        "AWS_LAMBDA_LOG_GROUP_NAME": configuration["LoggingConfig"]["LogGroup"],
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        **around.sessions.of(configuration["Role"]),
    }
    emulated = {**around.emulator.surroundings(), "AWS_ENDPOINT_URL_ATHENA": around.athena}
    return {**of_lambda, **emulated, **configuration["Environment"]["Variables"]}


class Functions:
    """The functions of one installation, by name, each behind an address of its own."""

    def __init__(self, folders: Mapping[str, str], logs: Path) -> None:
        self.each = {
            name: Function(name, ROOT / "functions" / folder, logs / f"{name}.log")
            for name, folder in folders.items()
        }
        self._around: Surroundings | None = None
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def live_in(self, around: Surroundings) -> None:
        self._around = around

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
        for function in self.each.values():
            function.stop()

    def urls(self) -> dict[str, str]:
        host, port = self._server.server_address[:2]
        return {name: f"http://{host!s}:{port}/{name}" for name in self.each}

    def bodies(self, name: str) -> list[Event]:
        """What was in the queue messages that the function was given."""
        return [json.loads(record["body"]) for event in self.each[name].events for record in event["Records"]]

    def wait_for(self, name: str, wanted: Callable[[Event], bool], seconds: float = 120) -> Event:
        """The first queue message that is the wanted one."""
        found: list[Event] = []

        def is_there() -> bool:
            found[:] = [body for body in self.bodies(name) if wanted(body)]
            return bool(found)

        wait_until(is_there, f"{name} was given {len(self.bodies(name))} messages, and not this one", seconds)
        return found[0]

    def said(self) -> str:
        """Everything the functions have written."""
        return "".join(each.log.read_text() for each in self.each.values() if each.log.exists())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        functions = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                function = functions.each[self.path.removeprefix("/")]
                assert functions._around is not None
                is_answered, answer = function.invoke(event, self.headers, functions._around)
                content = json.dumps(answer).encode()
                self.send_response(200 if is_answered else 500)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *arguments: object) -> None:
                """Quiet."""

        return Handler


def wait_until(is_so: Callable[[], bool], otherwise: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        time.sleep(0.3)
