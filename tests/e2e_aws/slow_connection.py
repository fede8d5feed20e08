"""A slow connection to the emulator: bytes pass late but as they are, so TLS and signatures hold."""

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from socketserver import BaseRequestHandler, ThreadingTCPServer
from threading import Thread

_PIECE_BYTES = 8192
AT_ONCE = float("inf")


@dataclass(frozen=True)
class Pace:
    """Bytes a second of one connection: to the emulator, and back from it."""

    there: float = AT_ONCE
    back: float = AT_ONCE


class _Server(ThreadingTCPServer):
    daemon_threads = True


@contextmanager
def slow_connection(port: int, pace: Pace) -> Iterator[str]:
    """An address at which everything is as at `port`, only slower."""

    class Relay(BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as emulator:
                answers = Thread(target=_pass_on, args=(emulator, self.request, pace.back), daemon=True)
                answers.start()
                _pass_on(self.request, emulator, pace.there)
                answers.join()

    with _Server(("127.0.0.1", 0), Relay) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _pass_on(source: socket.socket, target: socket.socket, bytes_a_second: float) -> None:
    # Whoever is ended leaves a broken connection behind.
    with suppress(OSError):
        while content := source.recv(_PIECE_BYTES):
            time.sleep(len(content) / bytes_a_second)
            target.sendall(content)
        target.shutdown(socket.SHUT_WR)
