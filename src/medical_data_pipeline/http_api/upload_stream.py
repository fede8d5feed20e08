"""A request's body as the blocking iterator that storage reads, never more than a piece of it in memory."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import anyio
import anyio.from_thread
from fastapi import Request

from medical_data_pipeline.http_api.problem import RequestProblem

PIECE_BYTES = 1 << 20


@dataclass
class UploadStream:
    """The body in pieces. Only the thread that stores it pulls, so a slow disk slows the sender.

    A sender that leaves raises ClientDisconnect out of the iterator, and nothing is stored. One that says
    nothing for `stall_s` may have left without a word, and must not keep others from their turn for ever.
    """

    body: AsyncIterator[bytes]
    max_bytes: int
    stall_s: float
    first_piece: bytes = b""
    is_read: bool = False
    size_bytes: int = 0

    @classmethod
    async def begun(cls, request: Request, max_bytes: int, stall_s: float) -> "UploadStream":
        """The stream with its first piece: a small body is then there before a thread waits for it.

        Raises:
            RequestProblem: no byte has come for `stall_s`.
        """
        stream = cls(request.stream(), max_bytes, stall_s)
        stream.first_piece = await stream._next_piece()
        return stream

    def pieces(self) -> Iterator[bytes]:
        """To be read in a worker thread of the event loop.

        Raises:
            RequestProblem: the body is empty, too large, or does not go on.
        """
        piece = self.first_piece
        while piece:
            self.size_bytes += len(piece)
            if self.size_bytes > self.max_bytes:
                raise too_large(self.max_bytes)
            yield piece
            piece = b"" if self.is_read else anyio.from_thread.run(self._next_piece)
        if self.size_bytes == 0:
            raise RequestProblem(400, "EMPTY_FILE", "the file has no bytes")

    async def _next_piece(self) -> bytes:
        piece = bytearray()
        try:
            while len(piece) < PIECE_BYTES:
                with anyio.fail_after(self.stall_s):
                    piece += await anext(self.body)
        except StopAsyncIteration:
            self.is_read = True
        except TimeoutError:
            raise RequestProblem(
                408, "UPLOAD_STALLED", "the body does not go on", headers={"Connection": "close"}
            ) from None
        return bytes(piece)


def too_large(max_bytes: int) -> RequestProblem:
    return RequestProblem(
        413, "PAYLOAD_TOO_LARGE", f"a file has at most {max_bytes} bytes", headers={"Connection": "close"}
    )
