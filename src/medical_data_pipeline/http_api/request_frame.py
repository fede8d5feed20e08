"""Around every request: an id, safe headers, metrics, and an answer even when something breaks."""

import logging
import traceback
import uuid
from time import perf_counter

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from medical_data_pipeline.http_api.problem import internal_problem, problem_response
from medical_data_pipeline.http_api.services import Counts

SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
METHODS = frozenset({"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"})
CLIENT_LEFT = 499

log = logging.getLogger(__name__)


class RequestFrame:
    """Middleware, outermost but for the server's own."""

    def __init__(self, app: ASGIApp, counts: Counts) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["request_id"] = str(uuid.uuid4())
        started = perf_counter()
        answer = _Answer(scope, send)
        try:
            await self._app(scope, receive, answer.send)
        except ClientDisconnect:
            answer.status = CLIENT_LEFT
        except Exception as error:
            _log_failure(error, scope["request_id"])
            if answer.status:
                raise  # the answer has begun; only a broken connection can say that it is not whole
            response = problem_response(internal_problem(), scope)
            await response(scope, receive, answer.send)
        finally:
            self._report(scope, answer.status, perf_counter() - started)

    def _report(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "(none)")
        method = scope["method"] if scope["method"] in METHODS else "(other)"
        self._counts.answered(method, route, status, seconds)
        code = scope.get("problem_code")
        log.info(
            "answered",
            extra={
                "request_id": scope["request_id"],
                "method": method,
                "route": route,
                "status": status,
                **({"code": code} if code else {}),
                "duration_s": round(seconds, 4),
            },
        )


class _Answer:
    """The answer on its way out; `status` is 0 until it begins."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope = scope
        self._send = send
        self.status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in SAFE_HEADERS.items():
                headers[name] = value
            headers["X-Request-Id"] = self._scope["request_id"]
        await self._send(message)


def _log_failure(error: Exception, request_id: str) -> None:
    # Not the message: a library's may quote a cell. The frames say where it was.
    frames = [f"{frame.name}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[-8:]]
    log.error(
        "request failed",
        extra={"request_id": request_id, "error": type(error).__name__, "frames": " > ".join(frames)},
    )
