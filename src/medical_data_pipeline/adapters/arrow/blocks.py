"""A file cut into blocks of whole records, small enough to hold and to work on side by side."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise

from medical_data_pipeline.adapters.arrow.byte_source import ByteSource
from medical_data_pipeline.adapters.arrow.record_cutter import (
    Cut,
    cut_records,
    last_line_end,
    line_ends,
    record_ends,
)
from medical_data_pipeline.errors import EncodingMismatch, FileRefused
from medical_data_pipeline.model.conversion import ReadPlan
from medical_data_pipeline.model.quarantine import RejectReason

MAX_BLOCK_BYTES = 8 << 20
_MIN_BLOCK_BYTES = 4 << 20
_ROWS_A_BLOCK = 98_304
# Rows this long have thousands of columns, each of which takes some room of its own for every block.
_LONG_ROW_BYTES = 8 << 10
# The first block is worked on alone, since the guess is made of it: large enough for a good one, no larger.
_MIN_FIRST_BLOCK_BYTES = 1 << 20
_ROWS_A_FIRST_BLOCK = 16_384
# A quote that does not close within this much is taken for one that never does; a line may not be longer.
MAX_RECORD_BYTES = 64 << 20
_ENCODING_SAMPLE_BYTES = 1 << 16


@dataclass(frozen=True)
class BlockSizes:
    """About how large the first block of a file is, and the others, in bytes of text."""

    first: int = _MIN_FIRST_BLOCK_BYTES
    others: int = _MIN_BLOCK_BYTES


def fitting_sizes(head: bytes) -> BlockSizes:
    """For a file that begins with `head`: blocks of about as many rows as a row group has."""
    rows = max(1, head.count(b"\n"), head.count(b"\r"))
    if len(head) // rows > _LONG_ROW_BYTES:
        return BlockSizes(_MIN_FIRST_BLOCK_BYTES, _MIN_BLOCK_BYTES)
    others = min(MAX_BLOCK_BYTES, max(_MIN_BLOCK_BYTES, len(head) * _ROWS_A_BLOCK // rows))
    return BlockSizes(
        min(others, max(_MIN_FIRST_BLOCK_BYTES, len(head) * _ROWS_A_FIRST_BLOCK // rows)), others
    )


@dataclass(frozen=True)
class SetAside:
    """A record taken out of its block before parsing; `mark` stands in its place and keeps its number."""

    mark: str
    raw: bytes
    reason: RejectReason


@dataclass(frozen=True)
class Block:
    """Whole records as UTF-8; blocks are numbered from 0."""

    number: int
    data: bytes
    set_aside: tuple[SetAside, ...]
    cut: Cut


def blocks(source: ByteSource, plan: ReadPlan, sizes: BlockSizes) -> Iterator[Block]:
    """The file's records after its preamble, header included, in blocks of about these sizes.

    The same file, plan and sizes give the same blocks.

    Raises:
        FileRefused: RECORD_TOO_LONG.
        EncodingMismatch: see `ByteSource.text`.
    """
    pieces = _records(_body(source, plan, sizes), plan)
    for number, (data, cut) in enumerate(pieces):
        yield _cleaned(number, data, cut, plan)


def _body(source: ByteSource, plan: ReadPlan, sizes: BlockSizes) -> Iterator[bytes]:
    chunks = source.text(plan.dialect.encoding, sizes.others)
    # What is chained is let go once it has been yielded: a file is read for long after its start.
    return chain(_start(chunks, plan, sizes), chunks)


def _start(chunks: Iterator[bytes], plan: ReadPlan, sizes: BlockSizes) -> Iterator[bytes]:
    head, start = b"", 0
    for chunk in chunks:
        head += chunk
        start = _offset_of_line(head, plan.dialect.skip_lines)
        if start < len(head):
            break
    body = head[start:]
    yield body[: sizes.first]
    yield body[sizes.first :]


def _offset_of_line(data: bytes, line: int) -> int:
    position = 0
    for _ in range(line):
        ends = [at for at in (data.find(b"\n", position), data.find(b"\r", position)) if at >= 0]
        if not ends:
            return len(data)
        end = min(ends)
        position = end + (2 if data[end : end + 2] == b"\r\n" else 1)
    return position


def _records(chunks: Iterator[bytes], plan: ReadPlan) -> Iterator[tuple[bytes, Cut]]:
    pending = b""
    for chunk in chunks:
        # Most files have no quotes: then a block is copied once, not twice.
        end = _end_without_marks(pending, chunk, plan)
        if end:
            data = b"".join((pending, memoryview(chunk)[:end]))
            pending = chunk[end:]
            yield data, Cut(len(data))
            continue
        pending = pending + chunk if pending else chunk
        cut = cut_records(pending, plan.dialect, is_last=False)
        if not cut.end and len(pending) > MAX_RECORD_BYTES:
            cut = _without_unclosed(pending, plan)
        if cut.end:
            yield pending[: cut.end], cut
            pending = pending[cut.end :]
    if pending:
        yield pending, cut_records(pending, plan.dialect, is_last=True)


def _end_without_marks(pending: bytes, chunk: bytes, plan: ReadPlan) -> int:
    """Where the last record that ends in `chunk` does; 0: none does, or a mark may have a say in it."""
    marks = [mark.encode() for mark in (plan.dialect.quote, plan.dialect.escape) if mark]
    if any(mark in chunk or mark in pending for mark in marks):
        return 0
    return last_line_end(chunk, len(chunk))


def _without_unclosed(pending: bytes, plan: ReadPlan) -> Cut:
    """Cut as if the data ended at its last line: the open quote at its start is then known as unclosed."""
    end = last_line_end(pending, len(pending), escape=plan.dialect.escape)
    if not end:
        raise FileRefused("RECORD_TOO_LONG", f"a line is longer than {MAX_RECORD_BYTES >> 20} MB")
    return cut_records(pending[:end], plan.dialect, is_last=True)


def _cleaned(number: int, data: bytes, cut: Cut, plan: ReadPlan) -> Block:
    if data.isascii() and not cut.unclosed:
        return Block(number, data, (), cut)
    bad = [(start, stop, RejectReason.UNCLOSED_QUOTE) for start, stop in cut.unclosed]
    if not data.isascii():
        bad += _undecodable(data, cut, plan)
    if not bad:
        return Block(number, data, (), cut)
    return _with_marks(number, data, sorted(set(bad)), plan)


def _undecodable(data: bytes, cut: Cut, plan: ReadPlan) -> list[tuple[int, int, RejectReason]]:
    """The records that are not valid UTF-8, or an error when the plan does not expect any."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        if not plan.is_encoding_lenient:
            start = max(0, error.start - _ENCODING_SAMPLE_BYTES)
            raise EncodingMismatch(data[start : error.start + _ENCODING_SAMPLE_BYTES]) from None
    else:
        return []
    ends = [0, *record_ends(data, cut).tolist(), len(data)]
    spans = pairwise(ends)
    return [(a, b, RejectReason.INVALID_ENCODING) for a, b in spans if not _is_utf8(data[a:b])]


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _with_marks(
    number: int,
    data: bytes,
    bad: Sequence[tuple[int, int, RejectReason]],
    plan: ReadPlan,
) -> Block:
    """Put a row with too many fields in the place of each bad one: the parser reports it with its number."""
    surplus = plan.dialect.delimiter * (len(plan.columns) + 1)
    parts: list[bytes] = []
    set_aside: list[SetAside] = []
    position = 0
    for start, stop, reason in bad:
        if start < position:
            continue
        raw = data[start:stop].rstrip(b"\r\n")
        mark = _mark(len(set_aside), line_ends(raw).size, plan.dialect.quote) + surplus
        set_aside.append(SetAside(mark, raw, reason))
        parts += [data[position:start], mark.encode(), data[start + len(raw) : stop] or b"\n"]
        position = stop
    cleaned = b"".join([*parts, data[position:]])
    return Block(number, cleaned, tuple(set_aside), cut_records(cleaned, plan.dialect, True))


def _mark(number: int, lines_within: int, quote: str) -> str:
    """Text no file has, with as many line ends as what it stands for: rows behind it keep their lines."""
    if not lines_within:
        return f"\x00set aside {number}"
    return f"{quote}\x00set aside {number}" + "\n" * lines_within + quote
