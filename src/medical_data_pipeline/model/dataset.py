"""What an operator may declare about a dataset; whatever is not declared is found from the data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from medical_data_pipeline.model.row_layout import RowLayout
from medical_data_pipeline.model.table import ColumnType, PhiClass


class Contract(StrEnum):
    """What a new file may do to its table's schema."""

    EVOLVE = "evolve"  # new columns are added, missing ones read null, safe widenings happen
    STRICT = "strict"  # exactly the table's columns, or the file is refused
    FREEZE = "freeze"  # the table never changes: unknown columns are left out of it, and the receipt says so


class LoadMode(StrEnum):
    """What a load does to the rows that are there."""

    APPEND = "append"  # the file's rows beside the others'; a new version of a file replaces its own rows
    REPLACE = "replace"  # the file's rows become the whole table
    UPSERT = "upsert"  # rows with the same key are replaced


@dataclass(frozen=True)
class DeclaredColumn:
    """One column as declared. `format` is a date format in strptime's letters (`%d.%m.%Y`), or ""."""

    type: ColumnType | None = None
    format: str = ""
    thousands_separator: str = ""
    decimal_separator: str = ""
    strip_symbols: str = ""  # currency and percent signs that may stand around the number
    null_tokens: tuple[str, ...] = ()
    phi: PhiClass | None = None
    tag: str = ""


@dataclass(frozen=True)
class RejectLimit:
    """A file is refused when more than `share` of its rows and more than `rows` of them do not fit."""

    share: float = 0.10
    rows: int = 20

    def is_exceeded(self, rejected: int, read: int) -> bool:
        return rejected > self.rows and rejected > self.share * read


@dataclass(frozen=True)
class Dataset:
    """The declared facts of one dataset. None and "" mean: find out.

    `columns` is keyed by catalog name or header. `null_tokens` hold in every column, also in text.
    """

    table: str = ""
    delimiter: str | None = None
    quote: str | None = None
    escape: str | None = None
    encoding: str | None = None
    has_header: bool | None = None
    skip_lines: int | None = None
    null_tokens: tuple[str, ...] = ()
    columns: Mapping[str, DeclaredColumn] = field(default_factory=dict)
    contract: Contract = Contract.EVOLVE
    mode: LoadMode = LoadMode.APPEND
    upsert_key: tuple[str, ...] = ()
    layout: RowLayout = field(default_factory=RowLayout)
    reject_limit: RejectLimit = field(default_factory=RejectLimit)

    def __post_init__(self) -> None:
        if (self.mode is LoadMode.UPSERT) != bool(self.upsert_key):
            raise ValueError("mode upsert and an upsert key go together")
