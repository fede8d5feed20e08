"""The conversion engine on Arrow: one pass that profiles and writes by a guess; a second if it fails."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from threading import Event
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medical_data_pipeline.adapters.arrow.block_parser import ParsedBlock, parse_block
from medical_data_pipeline.adapters.arrow.block_profile import (
    BlockProfile,
    Habits,
    combined,
    habits_of,
    profile_block,
    samples_of,
)
from medical_data_pipeline.adapters.arrow.blocks import (
    Block,
    BlockSizes,
    blocks,
    fitting_sizes,
)
from medical_data_pipeline.adapters.arrow.byte_source import ByteSource
from medical_data_pipeline.adapters.arrow.file_pass import Place, Places, run_pass
from medical_data_pipeline.adapters.arrow.rejected_rows import line_count
from medical_data_pipeline.adapters.arrow.shared_files import ArrowSharedFiles
from medical_data_pipeline.adapters.arrow.table_writer import TableWriter
from medical_data_pipeline.errors import BackendUnavailable
from medical_data_pipeline.model.conversion import Profile, ReadPlan, Sample, WritePlan, WriteReport
from medical_data_pipeline.ports import ConversionEngine, ConversionSession, Guess, SharedFiles

SAMPLE_BYTES = 1 << 20
_HEAD_BYTES = 1 << 20


class ArrowConversionEngine(ConversionEngine):
    """Parses with pyarrow.csv, writes with its Parquet writer; holds a few blocks of the file at a time."""

    @contextmanager
    def open(self, content: BinaryIO, shared: SharedFiles | None = None) -> Iterator[ConversionSession]:
        ours = shared if isinstance(shared, ArrowSharedFiles) else None
        session = ArrowConversionSession(ByteSource(content), ours)
        try:
            yield session
        finally:
            session.close()

    def share(self, directory: Path, attempt: str) -> SharedFiles:
        return ArrowSharedFiles(directory, attempt)


class ArrowConversionSession(ConversionSession):
    """One file. Keeps the files written by guess until `write` asks for just these, or for others."""

    def __init__(self, source: ByteSource, shared: ArrowSharedFiles | None = None) -> None:
        self._source = source
        self._shared = shared
        self._guessed: TableWriter | None = None
        self._habits = Habits()
        self._sizes = BlockSizes()
        self._only: _FirstBlock | None = None

    def sample(self) -> Sample:
        content = bytearray()
        for chunk in self._source.unpacked():
            content += chunk
            if len(content) > SAMPLE_BYTES:
                break
        is_whole = len(content) <= SAMPLE_BYTES
        return Sample(bytes(content[:SAMPLE_BYTES]), self._source.compression, is_whole)

    def profile(self, plan: ReadPlan, guess: Guess) -> Profile:
        self.close()
        self._sizes = fitting_sizes(next(self._source.text(plan.dialect.encoding, _HEAD_BYTES), b""))
        found = blocks(self._source, plan, self._sizes)
        first = _first_of(found, plan)
        if first is None:
            return combined([], plan)
        if self._shared is not None:
            second_block = next(found, None)
            if second_block is None:
                # Its facts are those of the whole file: nothing has to be guessed, and nothing read again.
                self._only = first
                return combined([first.profile], plan)
            found = chain([second_block], found)
        self._habits = habits_of(first.parsed, plan.columns)
        known = first.profile
        self._guessed = TableWriter(plan, guess(combined([known], plan)), self._habits)
        try:
            undecided = [name for name in plan.columns if not known.facts[name].is_settled]
            passing = _Pass(plan, plan.columns, undecided, self._guessed)
            passing.write_first(first)
            # All its cells as text are some tens of megabytes, and the pass over the rest takes long.
            del first
            return self._profile_rest(known, found, passing)
        except BaseException:
            self.close()
            raise

    def write(self, read: ReadPlan, plan: WritePlan) -> WriteReport:
        only, self._only = self._only, None
        report = self._put(only, plan) if only is not None else None
        if report is not None:
            return report
        writer = self._guessed_writer(read, plan) if only is None else self._only_writer(only, read, plan)
        try:
            repeated = writer.repeated_rows()
        except BaseException:
            writer.abandon()
            raise
        if len(repeated):
            writer.abandon()
            writer = self._written(read, plan, repeated)
        report = writer.put_into(self._shared) if self._shared is not None else None
        return report or writer.publish()

    def _put(self, only: "_FirstBlock", plan: WritePlan) -> WriteReport | None:
        """The report of a file of one block whose rows went to the shared files just as they are."""
        try:
            return self._shared.put(only.parsed, plan) if self._shared is not None else None
        except pa.ArrowInvalid:
            # Its message holds a cell; what is wrong is found when the file is written by itself.
            return None

    def _guessed_writer(self, read: ReadPlan, plan: WritePlan) -> TableWriter:
        """What has all rows: written already, if the guess was right, or in another pass."""
        guessed, self._guessed = self._guessed, None
        if guessed is not None and guessed.plan == plan:
            return guessed
        if guessed is not None:
            guessed.abandon()
        return self._written(read, plan, None)

    def _only_writer(self, only: "_FirstBlock", read: ReadPlan, plan: WritePlan) -> TableWriter:
        """What has all rows of a file of one block, which is still in memory."""
        self._habits = habits_of(only.parsed, read.columns)
        if not plan.key:
            writer = TableWriter(read, plan, self._habits)
            passing = _Pass(read, read.columns, (), writer)
            passing.write_first(only)
            if passing.is_writing:
                return writer
            writer.abandon()
        return self._written(read, plan, None)

    def _written(
        self, read: ReadPlan, plan: WritePlan, repeated_rows: npt.NDArray[np.int64] | None
    ) -> TableWriter:
        writer = TableWriter(read, plan, self._habits, repeated_rows)
        try:
            wanted = [column.source for column in plan.columns]
            passing = _Pass(read, wanted, (), writer)
            for _ in run_pass(blocks(self._source, read, self._sizes), passing.work, passing.places):
                if not passing.is_writing:
                    raise BackendUnavailable("the file changed while it was converted")
        except BaseException:
            writer.abandon()
            raise
        return writer

    def close(self) -> None:
        """Leave no file that nobody asked for."""
        self._only = None
        if self._guessed is not None:
            self._guessed.abandon()
            self._guessed = None

    def _profile_rest(self, first: BlockProfile, rest: Iterator[Block], passing: "_Pass") -> Profile:
        others = run_pass(rest, passing.work, passing.places)
        profile = combined(chain([first], others), passing.plan)
        if not passing.is_writing:
            self.close()
        return profile


@dataclass(frozen=True)
class _FirstBlock:
    """The first block, which is read alone: the guess is made of its facts."""

    block: Block
    parsed: ParsedBlock
    profile: BlockProfile


def _first_of(found: Iterator[Block], plan: ReadPlan) -> _FirstBlock | None:
    block = next(found, None)
    if block is None:
        return None
    parsed = parse_block(block, plan, plan.columns)
    profile = profile_block(parsed, 0, plan.columns, plan)
    return _FirstBlock(block, parsed, replace(profile, samples=samples_of(parsed, plan.columns)))


class _Pass:
    """What happens to each block: parsed, placed, profiled where asked, written while the guess holds."""

    def __init__(
        self, plan: ReadPlan, wanted: Sequence[str], undecided: Sequence[str], writer: TableWriter | None
    ) -> None:
        self.plan = plan
        self._wanted = wanted
        self._undecided = undecided
        self._writer = writer
        self._guess_failed = Event()
        self.places = Places(plan.dialect.skip_lines)

    @property
    def is_writing(self) -> bool:
        return self._writer is not None and not self._guess_failed.is_set()

    def write_first(self, first: _FirstBlock) -> None:
        """The first block has been parsed and profiled before the pass."""
        place = self.places.report(0, first.parsed.rows_read, line_count(first.block.data))
        self._write(first.block, first.parsed, place)

    def work(self, block: Block) -> BlockProfile:
        columns = self._wanted if self.is_writing else self._undecided or self._wanted[:1]
        parsed = parse_block(block, self.plan, columns)
        place = self.places.report(block.number, parsed.rows_read, line_count(block.data))
        profile = profile_block(parsed, place.row, self._undecided, self.plan)
        if columns is self._wanted:
            self._write(block, parsed, place)
        return profile

    def _write(self, block: Block, parsed: ParsedBlock, place: Place) -> None:
        if self._writer is None or self._guess_failed.is_set():
            return
        try:
            self._writer.write(block, parsed, place)
        except pa.ArrowInvalid:
            # Its message holds a cell; all that matters is that the guessed types do not hold.
            self._guess_failed.set()
