"""The conversion stage: one CSV file to Parquet files and a receipt, every row accounted for."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from time import perf_counter
from typing import BinaryIO

from medical_data_pipeline.conversion.detect_layout import Layout, detect_layout
from medical_data_pipeline.conversion.encoding import detect_encoding, is_mostly_utf8
from medical_data_pipeline.conversion.legacy_encodings import detect_legacy
from medical_data_pipeline.conversion.plan_columns import (
    ColumnsPlan,
    FileColumns,
    declared_null_tokens,
    file_columns,
    plan_columns,
)
from medical_data_pipeline.conversion.plan_row_layout import plan_row_layout, require_partitionable
from medical_data_pipeline.errors import EncodingMismatch, FileRefused
from medical_data_pipeline.model.conversion import (
    Lineage,
    LoadFiles,
    Profile,
    ReadPlan,
    Sample,
    WritePlan,
    WriteReport,
)
from medical_data_pipeline.model.dataset import Dataset, LoadMode
from medical_data_pipeline.model.load import ColumnReceipt, Receipt, RowCounts
from medical_data_pipeline.model.row_layout import RowLayout
from medical_data_pipeline.model.table import LINEAGE, Column, Kind, Table
from medical_data_pipeline.ports import ConversionEngine, ConversionSession, SharedFiles

MAX_COLUMNS = 10_000
_LAYOUT_CHARACTERS = 1 << 16
_LAYOUT_LINES = 50


@dataclass(frozen=True)
class ConversionRequest:
    """What to convert, and where to.

    `table` is the table's present state, or None before its first load. `attempt` becomes part of the files'
    names; files of other attempts in `directory` stay.
    """

    source_key: str
    source_sha256: str
    load_id: str
    dataset: Dataset
    table: Table | None
    directory: Path
    loaded_at: datetime
    has_lineage_columns: bool = True
    attempt: str = ""


@dataclass(frozen=True)
class Conversion:
    """What was made: the columns of the data files and how rows lie in them, the files, and the receipt."""

    columns: tuple[Column, ...]
    layout: RowLayout
    written: WriteReport
    receipt: Receipt

    def with_files(self, files: LoadFiles) -> "Conversion":
        written = replace(self.written, data_files=files.data_files, quarantine_files=files.quarantine_files)
        return replace(self, written=written)


@dataclass(frozen=True)
class _Read:
    """How the file is read, once the whole of it has been."""

    layout: Layout
    plan: ReadPlan
    profile: Profile
    columns_plan: ColumnsPlan
    warnings: tuple[str, ...]


@dataclass
class _Planner:
    """Plans the columns for a profile; the profile of a small file is the one the guess was made of."""

    read: ReadPlan
    columns: FileColumns
    request: ConversionRequest
    planned: tuple[Profile, ColumnsPlan] | None = None

    def __call__(self, profile: Profile) -> ColumnsPlan:
        if self.planned is None or self.planned[0] != profile:
            delimiter = self.read.dialect.delimiter
            plan = plan_columns(self.columns, profile, self.request.dataset, self.request.table, delimiter)
            self.planned = (profile, plan)
        return self.planned[1]


@dataclass
class _Timer:
    """Seconds spent, by step."""

    started: float = field(default_factory=perf_counter)
    seconds: dict[str, float] = field(default_factory=dict)

    def lap(self, step: str) -> None:
        now = perf_counter()
        self.seconds[step] = round(now - self.started, 4)
        self.started = now


@dataclass(frozen=True)
class ConversionService:
    """Reads a file twice: once for the facts of every cell, once to write what they allow."""

    engine: ConversionEngine

    def convert(
        self, content: BinaryIO, request: ConversionRequest, shared: SharedFiles | None = None
    ) -> Conversion:
        """Convert the file in `content`. Running it again makes the same files under the same names.

        With `shared` its rows may go there; then `written` names no files.

        Raises:
            FileRefused: the file cannot be loaded as a whole; nothing is left in the directory.
            StorageFull: no room; nothing is left in the directory.
        """
        timer = _Timer()
        size_bytes = content.seek(0, 2)
        with self.engine.open(content, shared) as session:
            sample = session.sample()
            timer.lap("sample")
            read = _read(session, sample, request)
            timer.lap("profile")
            columns = tuple(each.column for each in read.columns_plan.columns)
            plan = _write_plan(read.columns_plan, request)
            require_partitionable(plan.layout, columns)
            written = session.write(read.plan, plan)
            timer.lap("write")
        receipt = _receipt(request, read, written)
        receipt = replace(
            receipt,
            size_bytes=size_bytes,
            dialect={"compression": sample.compression.value, **receipt.dialect},
            timings_s=timer.seconds,
        )
        if request.has_lineage_columns:
            columns = (*columns, *LINEAGE)
        return Conversion(columns, plan.layout, written, receipt)


def _read(session: ConversionSession, sample: Sample, request: ConversionRequest) -> _Read:
    if not sample.content.strip():
        raise FileRefused("EMPTY_FILE", "the file holds no rows")
    encoding = request.dataset.encoding or detect_encoding(sample.content)
    warnings: tuple[str, ...] = ()
    is_lenient = request.dataset.encoding is not None
    while True:
        layout = _layout(sample, request, encoding)
        columns = file_columns(layout.header, layout.width)
        plan = ReadPlan(
            layout.dialect, columns.names, declared_null_tokens(request.dataset, columns), is_lenient
        )
        try:
            profile, planned = _profiled(session, plan, columns, request)
            return _Read(layout, plan, profile, planned, warnings + _said(layout, request.dataset))
        except EncodingMismatch as mismatch:
            if request.dataset.encoding is not None or encoding == "latin-1":
                raise FileRefused("BAD_ENCODING", f"the file has bytes that are not {encoding}") from None
            encoding, is_lenient = _next_encoding(encoding, mismatch.sample)
            warnings = (f"read as {encoding}: some bytes are not valid in the encoding tried first",)


def _next_encoding(tried: str, sample: bytes) -> tuple[str, bool]:
    """What to try after an encoding turned out wrong, and whether single rows may still be wrong in it."""
    if tried.startswith("utf-16") or tried.startswith("utf-32"):
        raise FileRefused("BAD_ENCODING", f"the file has bytes that are not {tried}")
    if tried == "utf-8" and is_mostly_utf8(sample):
        return "utf-8", True
    guess = detect_legacy(sample)
    if guess == tried:
        guess = "latin-1"
    return guess, False


def _layout(sample: Sample, request: ConversionRequest, encoding: str) -> Layout:
    text = _sample_text(sample, encoding)
    known = frozenset(column.header for column in request.table.columns) if request.table else frozenset()
    layout = detect_layout(text, request.dataset, encoding, known)
    if not layout.width:
        raise FileRefused("EMPTY_FILE", "the file holds no rows")
    if layout.width > MAX_COLUMNS:
        raise FileRefused("BAD_HEADER", f"the file has more than {MAX_COLUMNS} columns")
    return layout


def _sample_text(sample: Sample, encoding: str) -> str:
    """The start of the text: enough lines to know the layout, and no more, as finding it takes time."""
    text = sample.content.decode(encoding, "replace").removeprefix("\ufeff")
    short = text[:_LAYOUT_CHARACTERS]
    return short if short.count("\n") + short.count("\r") >= _LAYOUT_LINES else text


def _profiled(
    session: ConversionSession, plan: ReadPlan, columns: FileColumns, request: ConversionRequest
) -> tuple[Profile, ColumnsPlan]:
    plan_of = _Planner(plan, columns, request)
    profile = session.profile(plan, lambda part: _write_plan(plan_of(part), request))
    limit = request.dataset.reject_limit
    if limit.is_exceeded(profile.rejected, profile.rows):
        raise FileRefused(
            "TOO_MANY_BAD_ROWS",
            f"{profile.rejected} of {profile.rows} rows have surplus fields or open quotes",
        )
    return profile, plan_of(profile)


def _said(layout: Layout, dataset: Dataset) -> tuple[str, ...]:
    said = []
    encoding = layout.dialect.encoding
    if not dataset.encoding and not encoding.startswith("utf-"):
        said.append(f"read as {encoding}, which is a guess: declare the encoding if letters look wrong")
    if layout.dialect.skip_lines:
        said.append(f"{layout.dialect.skip_lines} lines before the header are not data")
    if layout.dialect.has_ruler:
        said.append("the line of dashes under the header is not data")
    if not layout.dialect.has_header:
        said.append("the file has no header: columns are numbered")
    return tuple(said)


def _write_plan(plan: ColumnsPlan, request: ConversionRequest) -> WritePlan:
    return WritePlan(
        columns=tuple(each.plan for each in plan.columns),
        directory=request.directory,
        lineage=Lineage(request.source_key, request.load_id, request.loaded_at),
        has_lineage_columns=request.has_lineage_columns,
        reject_limit=request.dataset.reject_limit,
        layout=plan_row_layout(request.dataset, request.table, tuple(each.column for each in plan.columns)),
        key=request.dataset.upsert_key,
        attempt=request.attempt,
    )


def _receipt(request: ConversionRequest, read: _Read, written: WriteReport) -> Receipt:
    plan = read.columns_plan
    rejected = sum(written.rejected.values())
    return Receipt(
        load_id=request.load_id,
        table=request.dataset.table,
        source_key=request.source_key,
        size_bytes=0,
        sha256=request.source_sha256,
        dialect=_dialect(read.layout),
        columns=_column_receipts(read, written.nulls),
        rows=RowCounts(read.profile.rows, written.rows_loaded, rejected),
        rows_filled=written.rows_filled,
        rejected_by_reason=dict(written.rejected),
        new_columns=plan.new,
        missing_columns=plan.missing,
        left_out_columns=plan.left_out,
        warnings=(*read.warnings, *plan.warnings, *_said_of_rows(request, read.layout, written)),
        timings_s={},
    )


def _said_of_rows(request: ConversionRequest, layout: Layout, written: WriteReport) -> Iterator[str]:
    if filled := written.rows_filled:
        rows = "1 row" if filled == 1 else f"{filled} rows"
        widest = "the header" if layout.dialect.has_header else "the others"
        yield f"{rows} had fewer fields than {widest}; the missing ones are null"
    if request.dataset.mode is LoadMode.REPLACE and request.table is not None and not written.rows_loaded:
        yield "the file has no rows to load, and by mode replace it takes the place of all rows of the table"


def _dialect(layout: Layout) -> dict[str, str | int | bool]:
    dialect = layout.dialect
    return {
        "encoding": dialect.encoding,
        "delimiter": dialect.delimiter,
        "quote": dialect.quote,
        "escape": dialect.escape,
        "header": dialect.has_header,
        "skip_lines": dialect.skip_lines,
    }


def _column_receipts(read: _Read, nulls: Mapping[str, int]) -> tuple[ColumnReceipt, ...]:
    return tuple(
        ColumnReceipt(
            name=each.column.name,
            header=each.column.header,
            type=str(each.column.type),
            reason=each.reason,
            normal_form=each.normal_form,
            nulls=nulls.get(each.column.name, 0),
            null_tokens={}
            if each.column.type.kind is Kind.TEXT
            else read.profile.facts[each.plan.source].tokens,
            tag=each.column.meaning.tag,
            phi=each.column.meaning.phi.value,
            meaning_reason=each.column.meaning.reason,
        )
        for each in read.columns_plan.columns
    )
