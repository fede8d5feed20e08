"""A file's bytes as UTF-8 text: unpacked with every check its packing offers, then transcoded."""

import codecs
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import zstandard

from medical_data_pipeline.adapters.arrow.packed_streams import (
    Readable,
    bzip2_streams,
    skippable_frame,
    xz_streams,
    zstd_frames,
)
from medical_data_pipeline.errors import EncodingMismatch, FileRefused
from medical_data_pipeline.model.dialect import Compression

# Real extracts shrink 5 to 40 times; gzip itself cannot go beyond 1032.
MAX_RATIO = 200
RATIO_FLOOR_BYTES = 100 << 20
_CHUNK = 1 << 20
_MAGIC = (
    (b"\x1f\x8b", Compression.GZIP, "BAD_GZIP"),
    (b"\x28\xb5\x2f\xfd", Compression.ZSTD, "BAD_ZSTD"),
    (b"BZh", Compression.BZIP2, "BAD_BZIP2"),
    (b"\xfd7zXZ\x00", Compression.XZ, "BAD_XZ"),
    (b"PK\x03\x04", Compression.ZIP, "BAD_ZIP"),
    (b"PK\x05\x06", Compression.ZIP, "BAD_ZIP"),
)
_BAD_PACKING = {Compression.NONE: "UNREADABLE"} | {kind: reason for _, kind, reason in _MAGIC}
_BROKEN = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, zstandard.ZstdError, ValueError)


def detect_compression(head: bytes) -> Compression:
    if head and skippable_frame(head):
        return Compression.ZSTD
    return next((kind for magic, kind, _ in _MAGIC if head.startswith(magic)), Compression.NONE)


class ByteSource:
    """One file, read from its start as often as needed."""

    def __init__(self, content: BinaryIO) -> None:
        self._content = content
        self._size = content.seek(0, io.SEEK_END)
        content.seek(0)
        self.compression = detect_compression(content.read(8))

    def unpacked(self, chunk_bytes: int = _CHUNK) -> Iterator[bytes]:
        """The unpacked bytes from the start.

        Raises:
            FileRefused: the packing is broken (BAD_…), a bomb (DECOMPRESSION_LIMIT), or ZIP_MEMBERS.
        """
        self._content.seek(0)
        total = 0
        stream = _opened(self._content, self.compression)
        while True:
            try:
                chunk = stream.read(chunk_bytes)
            except FileRefused:
                raise
            except _BROKEN:
                # A library may quote what it read: keep its words out of ours.
                reason = _BAD_PACKING[self.compression]
                raise FileRefused(reason, f"the {self.compression} data is damaged or cut off") from None
            if not chunk:
                return
            total += len(chunk)
            self._require_plausible(total)
            yield chunk

    def text(self, encoding: str, chunk_bytes: int) -> Iterator[bytes]:
        """The file as UTF-8 bytes without a byte order mark.

        UTF-8 passes through unchecked: only the reader of whole rows can say which of them is wrong.

        Raises:
            EncodingMismatch: bytes that `encoding` does not have.
        """
        chunks = self.unpacked(chunk_bytes)
        if encoding in ("utf-8", "ascii"):
            yield from _without_bom(chunks)
            return
        decoder = codecs.getincrementaldecoder(encoding)()
        is_start = True
        for chunk in chunks:
            yield _transcoded(decoder, chunk, is_start)
            is_start = False
        yield _transcoded(decoder, b"", is_start, is_last=True)

    def _require_plausible(self, total: int) -> None:
        if total > RATIO_FLOOR_BYTES and total > MAX_RATIO * self._size:
            raise FileRefused(
                "DECOMPRESSION_LIMIT", f"the file unpacks to more than {MAX_RATIO} times its size"
            )


def _without_bom(chunks: Iterator[bytes]) -> Iterator[bytes]:
    first = next(chunks, b"")
    yield first.removeprefix(codecs.BOM_UTF8)
    yield from chunks


def _transcoded(
    decoder: codecs.IncrementalDecoder, chunk: bytes, is_start: bool, is_last: bool = False
) -> bytes:
    try:
        text = decoder.decode(chunk, is_last)
        return (text.removeprefix("\ufeff") if is_start else text).encode("utf-8")
    except UnicodeError:
        raise EncodingMismatch(chunk) from None


def _opened(content: BinaryIO, compression: Compression) -> Readable:
    match compression:
        case Compression.GZIP:
            return gzip.GzipFile(fileobj=content, mode="rb")
        case Compression.BZIP2:
            return bzip2_streams(content)
        case Compression.XZ:
            return xz_streams(content)
        case Compression.ZSTD:
            return zstd_frames(content)
        case Compression.ZIP:
            return _only_member(content)
        case Compression.NONE:
            return content


def _only_member(content: BinaryIO) -> Readable:
    try:
        archive = zipfile.ZipFile(content)
        members = [member for member in archive.infolist() if not _is_no_file(member)]
        if any(member.filename == "[Content_Types].xml" for member in members):
            raise FileRefused("BINARY_FILE", "this is an Office document (.xlsx or .docx): save it as CSV")
        if len(members) != 1:
            raise FileRefused(
                "ZIP_MEMBERS", f"a zip must hold exactly one file, this one holds {len(members)}"
            )
        return archive.open(members[0])
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError):
        raise FileRefused("BAD_ZIP", "the zip data is damaged, cut off or encrypted") from None


def _is_no_file(member: zipfile.ZipInfo) -> bool:
    """Folders, and what macOS packs beside each file."""
    return member.is_dir() or member.filename.startswith("__MACOSX/") or member.filename.endswith(".DS_Store")
