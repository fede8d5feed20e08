"""One load of one content of one file: its state, its counts, its manifest, its receipt."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from medical_data_pipeline.model.dataset import LoadMode
from medical_data_pipeline.model.keys import load_prefix
from medical_data_pipeline.model.objects import ObjectRef
from medical_data_pipeline.model.row_layout import PartitionValue, RowLayout
from medical_data_pipeline.model.table import Column


class LoadState(StrEnum):
    """How far a load has come. The last four are final."""

    RECEIVED = "received"  # the file is durable and acknowledged
    CONVERTED = "converted"  # its manifest is durable
    COMMITTED = "committed"  # its rows are in the table (and its rejected rows in quarantine)
    REFUSED = "refused"  # the whole file is refused; `reason` says why
    FAILED = "failed"  # a backend failed too often; may be tried again by an operator
    SUPERSEDED = "superseded"  # a newer version of the same key took its place


FINAL_STATES = frozenset({LoadState.COMMITTED, LoadState.REFUSED, LoadState.FAILED, LoadState.SUPERSEDED})


OBJECT_REMOVED = "OBJECT_REMOVED"
"""Why a load is refused whose file was not there to be read; it may come back."""

# How often a load is tried before an operator has to look.
MAX_ATTEMPTS = 5


@dataclass(frozen=True)
class RowCounts:
    """Rows of one file; what was read is always what was loaded plus what was quarantined."""

    read: int = 0
    loaded: int = 0
    quarantined: int = 0

    def __post_init__(self) -> None:
        if self.read != self.loaded + self.quarantined:
            raise ValueError("rows read must equal rows loaded plus rows quarantined")


@dataclass(frozen=True)
class Load:
    """A load as the ledger knows it. Times are aware UTC; `reason` is a stable code, `detail` one line.

    `prefix` is where its conversion put what it made, or "" for a place of its own.
    """

    load_id: str
    table: str
    source: ObjectRef
    version: str
    sequencer: str
    size_bytes: int
    state: LoadState
    received_at: datetime
    updated_at: datetime
    rows: RowCounts = field(default_factory=RowCounts)
    reason: str = ""
    detail: str = ""
    attempts: int = 0
    prefix: str = ""

    def key_of(self, name: str) -> str:
        """The key of `keys.MANIFEST` or `keys.RECEIPT` with what is said of this load."""
        return (self.prefix or load_prefix(self.table, self.load_id)) + name


@dataclass(frozen=True)
class DataFile:
    """One Parquet file with rows of a load. `partition` are its values, one for each partition field.

    Loads that were converted together may share it: `rows` counts those with this load's `_load_id`.
    """

    key: str
    size_bytes: int
    rows: int
    partition: tuple[PartitionValue, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """What a conversion made, written last; the catalog needs nothing else to commit the load.

    `columns` are the data files' columns, lineage included. `quarantine_files` hold the rejected rows, with
    the columns of `quarantine.QUARANTINE_COLUMNS`. `receipt_key` is the object that holds the receipt.
    """

    load_id: str
    table: str
    source: ObjectRef
    version: str
    sequencer: str
    columns: tuple[Column, ...]
    data_files: tuple[DataFile, ...]
    quarantine_files: tuple[DataFile, ...]
    rows: RowCounts
    loaded_at: datetime
    receipt_key: str
    mode: LoadMode = LoadMode.APPEND
    upsert_key: tuple[str, ...] = ()
    layout: RowLayout = field(default_factory=RowLayout)


@dataclass(frozen=True)
class ColumnReceipt:
    """What became of one column and why. `normal_form`: how a typed value reads, if not as it came."""

    name: str
    header: str
    type: str
    reason: str
    normal_form: str = ""
    nulls: int = 0
    null_tokens: Mapping[str, int] = field(default_factory=dict)
    tag: str = ""
    phi: str = "none"
    meaning_reason: str = ""


@dataclass(frozen=True)
class Receipt:
    """What the uploader is told of one load. Holds counts, names, types and reasons; never a cell."""

    load_id: str
    table: str
    source_key: str
    size_bytes: int
    sha256: str
    dialect: Mapping[str, str | int | bool]
    columns: tuple[ColumnReceipt, ...]
    rows: RowCounts
    rows_filled: int
    rejected_by_reason: Mapping[str, int]
    new_columns: tuple[str, ...]
    missing_columns: tuple[str, ...]
    left_out_columns: tuple[str, ...]
    warnings: tuple[str, ...]
    timings_s: Mapping[str, float]
