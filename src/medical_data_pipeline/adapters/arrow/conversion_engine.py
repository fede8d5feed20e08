"""The conversion engine on Arrow: two passes over blocks of whole records, in threads that share no state."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import accumulate
from typing import BinaryIO

from medical_data_pipeline.adapters.arrow.blocks import (
    FIRST_BLOCK_BYTES,
    MAX_BLOCK_BYTES,
    ROWS_A_BLOCK,
    Block,
    blocks,
)
from medical_data_pipeline.adapters.arrow.byte_source import ByteSource
from medical_data_pipeline.adapters.arrow.parquet_parts import PartWriter, publish
from medical_data_pipeline.adapters.arrow.profiling import FileProfile, profile_blocks
from medical_data_pipeline.adapters.arrow.writing import (
    QUARANTINE_SCHEMA,
    BlockWriter,
    Layout,
    Tally,
    make_layout,
)
from medical_data_pipeline.model.conversion import (
    Profile,
    ReadPlan,
    Sample,
    WritePlan,
    WriteReport,
    WrittenFile,
)
from medical_data_pipeline.ports import ConversionEngine, ConversionSession

SAMPLE_BYTES = 1 << 20
QUARANTINE_FOLDER = "_quarantine"
# Files of one block make one part; larger ones two, so that two cores write. More would make small files.
_SERIES = 2


class ArrowConversionEngine(ConversionEngine):
    """Parses with pyarrow.csv, writes with its Parquet writer; memory is a few blocks a thread."""

    def __init__(self, threads: int) -> None:
        self._threads = threads

    @contextmanager
    def open(self, content: BinaryIO) -> Iterator[ConversionSession]:
        yield ArrowConversionSession(ByteSource(content), self._threads)


class ArrowConversionSession(ConversionSession):
    """One file. Remembers of the first pass only what the second needs."""

    def __init__(self, source: ByteSource, threads: int) -> None:
        self._source = source
        self._threads = threads
        self._profiled: FileProfile | None = None
        self._small: tuple[Block, ...] = ()
        self._block_bytes = FIRST_BLOCK_BYTES

    def sample(self) -> Sample:
        content = bytearray()
        for chunk in self._source.unpacked():
            content += chunk
            if len(content) > SAMPLE_BYTES:
                break
        is_whole = len(content) <= SAMPLE_BYTES
        return Sample(bytes(content[:SAMPLE_BYTES]), self._source.compression, is_whole)

    def profile(self, plan: ReadPlan) -> Profile:
        self._block_bytes = self._fitting_block_bytes(plan)
        self._small = ()
        self._profiled = profile_blocks(self._remembered(plan), plan, self._threads)
        return self._profiled.profile

    def write(self, read: ReadPlan, plan: WritePlan) -> WriteReport:
        profiled = self._profiled
        if profiled is None:
            raise RuntimeError("a file is profiled before it is written")
        layout = make_layout(read, plan, profiled.repeating)
        plan.directory.mkdir(parents=True, exist_ok=True)
        count = min(_SERIES, max(1, len(profiled.block_rows)))
        parts = [
            PartWriter(plan.directory, f"part-{index}", layout.schema, layout.dictionaries, layout.deltas)
            for index in range(count)
        ]
        return _Writing(layout, parts, profiled, self._threads).run(self._again(read), self._source.sha256())

    def _fitting_block_bytes(self, plan: ReadPlan) -> int:
        """Blocks of about as many rows as a row group has, so that one becomes the other."""
        head = next(self._source.text(plan.dialect.encoding, FIRST_BLOCK_BYTES // 4), b"")
        rows = max(1, head.count(b"\n"), head.count(b"\r"))
        return min(MAX_BLOCK_BYTES, max(FIRST_BLOCK_BYTES, len(head) * ROWS_A_BLOCK // rows))

    def _remembered(self, plan: ReadPlan) -> Iterator[Block]:
        """All blocks; those of a file with a single one are kept, as most files are small."""
        for block in blocks(self._source, plan, self._block_bytes):
            self._small = (block,) if block.number == 0 else ()
            yield block

    def _again(self, plan: ReadPlan) -> Iterator[Block]:
        if self._small:
            yield from self._small
        else:
            yield from blocks(self._source, plan, self._block_bytes)


class _Writing:
    """One run of the second pass: blocks dealt to the series in turn, always the same way."""

    def __init__(
        self, layout: Layout, parts: Sequence[PartWriter], profiled: FileProfile, threads: int
    ) -> None:
        self._layout = layout
        self._parts = parts
        self._block_rows = profiled.block_rows
        self._threads = threads
        folder = layout.plan.directory / QUARANTINE_FOLDER
        folder.mkdir(exist_ok=True)
        self._quarantine = PartWriter(folder, "part", QUARANTINE_SCHEMA, ["reason", "_source_file"], [])
        self._tally = Tally(profiled.profile.rows)

    def run(self, found: Iterator[Block], sha256: str) -> WriteReport:
        try:
            self._write_all(found)
            data = [file for part in self._parts for file in part.finish(keep_empty=part is self._parts[0])]
            rejected = self._quarantine.finish(keep_empty=False)
        except BaseException:
            self._abandon()
            raise
        return self._published(data, rejected, sha256)

    def _write_all(self, found: Iterator[Block]) -> None:
        writer = BlockWriter(self._layout, self._quarantine, self._tally)
        first_rows = [0, *accumulate(self._block_rows)]
        series = [ThreadPoolExecutor(1) for _ in self._parts]
        waiting: list[Future[None]] = []
        try:
            for block in found:
                turn = block.number % len(self._parts)
                first_row = first_rows[block.number]
                waiting.append(series[turn].submit(writer.write, block, first_row, self._parts[turn]))
                if len(waiting) > len(self._parts):
                    waiting.pop(0).result()
            for future in waiting:
                future.result()
        finally:
            for pool in series:
                pool.shutdown(cancel_futures=True)

    def _abandon(self) -> None:
        for writer in (*self._parts, self._quarantine):
            writer.abandon()
        self._remove_empty_folder()

    def _remove_empty_folder(self) -> None:
        folder = self._layout.plan.directory / QUARANTINE_FOLDER
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def _published(
        self, data: Sequence[WrittenFile], rejected: Sequence[WrittenFile], sha256: str
    ) -> WriteReport:
        folder = self._layout.plan.directory / QUARANTINE_FOLDER
        publish(folder, rejected)
        self._remove_empty_folder()
        publish(self._layout.plan.directory, data)
        return WriteReport(
            data_files=tuple(data),
            quarantine_files=tuple(
                WrittenFile(f"{QUARANTINE_FOLDER}/{file.name}", file.size_bytes, file.rows)
                for file in rejected
            ),
            rows_loaded=self._tally.loaded,
            rows_filled=self._tally.filled,
            rejected=dict(self._tally.rejected),
            nulls=dict(self._tally.nulls),
            sha256=sha256,
        )
