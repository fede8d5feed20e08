"""Packed streams read one after the other to the last byte: nothing behind or between them is passed over."""

import bz2
import lzma
from collections.abc import Callable
from typing import BinaryIO, Protocol

import zstandard

# A little packed data can unpack to very much: zstd makes 128 KB of four bytes.
_PACKED_BYTES = 4 << 10
# What has to be seen to know whether a stream begins here.
_HEAD_BYTES = 8


class Readable(Protocol):
    """What is read from; a short read is not the end, an empty one is."""

    def read(self, size: int, /) -> bytes: ...


class _Stream(Protocol):
    """One stream, as the libraries unpack it."""

    @property
    def eof(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, packed: bytes, /) -> bytes: ...


class PackedStreams:
    """All streams of a file. Python's own readers take what follows the first for padding and drop it.

    `padding` tells how many bytes at the start of what it is shown belong to no stream.
    """

    def __init__(
        self, content: BinaryIO, begin: Callable[[], _Stream], padding: Callable[[bytes], int]
    ) -> None:
        self._content = content
        self._begin = begin
        self._padding = padding
        self._stream: _Stream | None = None
        self._packed = b""

    def read(self, size: int, /) -> bytes:
        """`size` bytes or a little more; fewer only at the end.

        Raises:
            EOFError: the last stream is cut off.
            OSError, lzma.LZMAError, zstandard.ZstdError: the data is damaged.
        """
        parts: list[bytes] = []
        total = 0
        while total < size and (stream := self._stream or self._next_stream()):
            if not self._packed and not self._fill():
                raise EOFError("the last stream is cut off")
            part, self._packed = stream.decompress(self._packed), b""
            self._stream = stream
            if stream.eof:
                self._packed, self._stream = stream.unused_data, None
            parts.append(part)
            total += len(part)
        return b"".join(parts)

    def _next_stream(self) -> _Stream | None:
        while True:
            while len(self._packed) < _HEAD_BYTES and self._fill():
                pass
            if not self._packed:
                return None
            padding = self._padding(self._packed)
            if not padding:
                return self._begin()
            self._skip(padding)

    def _skip(self, count: int) -> None:
        while count > len(self._packed):
            count -= len(self._packed)
            self._packed = b""
            if not self._fill():
                raise EOFError("the padding is cut off")
        self._packed = self._packed[count:]

    def _fill(self) -> bool:
        more = self._content.read(_PACKED_BYTES)
        self._packed += more
        return bool(more)


def bzip2_streams(content: BinaryIO) -> Readable:
    return PackedStreams(content, bz2.BZ2Decompressor, lambda packed: 0)


def xz_streams(content: BinaryIO) -> Readable:
    return PackedStreams(content, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ), _zeros)


def zstd_frames(content: BinaryIO) -> Readable:
    return PackedStreams(content, lambda: zstandard.ZstdDecompressor().decompressobj(), skippable_frame)


def _zeros(packed: bytes) -> int:
    """Between the streams of an xz file stand zeros by fours."""
    return (len(packed) - len(packed.lstrip(b"\0"))) // 4 * 4


def skippable_frame(packed: bytes) -> int:
    """The length of a zstd frame that holds no data, as pzstd puts before each of its own, or 0."""
    is_skippable = packed[1:4] == b"\x2a\x4d\x18" and 0x50 <= packed[0] <= 0x5F
    return _HEAD_BYTES + int.from_bytes(packed[4:8], "little") if is_skippable else 0
