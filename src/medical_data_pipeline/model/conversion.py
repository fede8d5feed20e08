"""What a stage asks a conversion engine to do, and what the engine reports: plans in, facts out."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from medical_data_pipeline.model.dataset import RejectLimit
from medical_data_pipeline.model.dialect import Compression, Dialect
from medical_data_pipeline.model.facts import ColumnFacts
from medical_data_pipeline.model.row_layout import PartitionValue, RowLayout
from medical_data_pipeline.model.table import ColumnType


@dataclass(frozen=True)
class Sample:
    """The start of a file, decompressed but not decoded; `is_whole` when that is all of it."""

    content: bytes
    compression: Compression
    is_whole: bool


@dataclass(frozen=True)
class ReadPlan:
    """How to cut a file into rows and fields.

    `columns` name the fields in order; `null_tokens` are the declared ones of each, null also in text.
    With `is_encoding_lenient`, rows that are not valid in the encoding are set aside one by one; without,
    the first of them raises EncodingMismatch.
    """

    dialect: Dialect
    columns: tuple[str, ...]
    null_tokens: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    is_encoding_lenient: bool = False


@dataclass(frozen=True)
class Profile:
    """The facts of the whole file.

    `facts` are of full rows, `short_facts` of rows with missing trailing fields, `samples` up to a few
    hundred distinct cells a column (PHI: for recognition in memory only). `rows` counts every data row;
    `rejected` those that are no rows of this file whatever the types: surplus fields, unclosed quotes.
    """

    rows: int
    short_rows: int
    rejected: int
    facts: Mapping[str, ColumnFacts]
    short_facts: Mapping[str, ColumnFacts]
    samples: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class CellFormat:
    """How the cells of a typed column are written.

    `date_order` is "ymd", "dmy", "mdy" or "mon"; `pattern` a declared strptime pattern that goes before it.
    The separators are of numbers; "" means there is none. `is_padded`: blanks around a cell are ignored.
    `has_flag_words`: a boolean may be written as any of `forms.FLAG_WORDS`.
    """

    date_order: str = "ymd"
    pattern: str = ""
    decimal_mark: str = "."
    thousands_separator: str = ""
    strip_symbols: str = ""
    is_padded: bool = False
    has_flag_words: bool = False


@dataclass(frozen=True)
class ColumnPlan:
    """What becomes of one field of each row.

    `source` is its name in the read plan, `name` the column's. With `is_forced` the type was declared or is
    the table's: a row whose cell does not fit it is set aside. Without, the whole file has been seen to fit.
    `null_tokens` are null here besides the empty cell.
    """

    source: str
    name: str
    type: ColumnType
    format: CellFormat = field(default_factory=CellFormat)
    null_tokens: tuple[str, ...] = ()
    is_forced: bool = False


@dataclass(frozen=True)
class Lineage:
    """What every row says of where it came from."""

    source_file: str
    load_id: str
    loaded_at: datetime


@dataclass(frozen=True)
class WritePlan:
    """How to write the file: its columns in order, and where. Files appear whole or not at all.

    Their names begin with `part-` and the `attempt`; files of other attempts in the directory stay.

    The engine refuses the file when more rows are set aside than `reject_limit` allows. With a `key`, the
    last row of each key is loaded; rows before it, and rows without a whole key, are set aside. Those set
    aside for a later row of their key are in order and do not count against the limit.
    """

    columns: tuple[ColumnPlan, ...]
    directory: Path
    lineage: Lineage
    has_lineage_columns: bool
    reject_limit: RejectLimit
    layout: RowLayout = field(default_factory=RowLayout)
    key: tuple[str, ...] = ()
    attempt: str = ""


@dataclass(frozen=True)
class WrittenFile:
    """One Parquet file, relative to the plan's directory; `partition` are its values of the plan's layout."""

    name: str
    size_bytes: int
    rows: int
    partition: tuple[PartitionValue, ...] = ()


@dataclass(frozen=True)
class LoadFiles:
    """The files with rows of one load; `rows` in them counts this load's alone."""

    data_files: tuple[WrittenFile, ...] = ()
    quarantine_files: tuple[WrittenFile, ...] = ()


@dataclass(frozen=True)
class WriteReport:
    """What was written. `nulls` counts null cells a column, `rejected` the rows set aside by reason."""

    data_files: tuple[WrittenFile, ...]
    quarantine_files: tuple[WrittenFile, ...]
    rows_loaded: int
    rows_filled: int
    rejected: Mapping[str, int]
    nulls: Mapping[str, int]

    @property
    def files(self) -> tuple[WrittenFile, ...]:
        return (*self.data_files, *self.quarantine_files)
