"""Tables: columns, their types, what they mean, and where a table's snapshots stand."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from medical_data_pipeline.model.row_layout import RowLayout


class Kind(StrEnum):
    """The types a column can have; each exists in Iceberg, Athena, DuckDB and Arrow."""

    TEXT = "varchar"
    BOOLEAN = "boolean"
    BIGINT = "bigint"
    DOUBLE = "double"
    DECIMAL = "decimal"
    DATE = "date"
    TIMESTAMP = "timestamp"
    TIMESTAMP_TZ = "timestamp with time zone"


@dataclass(frozen=True)
class ColumnType:
    """A column's type. `precision` and `scale` are digits and are set for DECIMAL only."""

    kind: Kind
    precision: int = 0
    scale: int = 0

    def __post_init__(self) -> None:
        is_decimal = self.kind is Kind.DECIMAL
        if is_decimal and not (1 <= self.precision <= 38 and 0 <= self.scale <= self.precision):
            raise ValueError("a decimal has 1 to 38 digits, and no more of them after the point")
        if not is_decimal and (self.precision or self.scale):
            raise ValueError("only a decimal has a precision and a scale")

    def __str__(self) -> str:
        """The type in Athena's SQL, with microseconds written out: `decimal(10,2)`, `timestamp(6)`."""
        match self.kind:
            case Kind.DECIMAL:
                return f"decimal({self.precision},{self.scale})"
            case Kind.TIMESTAMP:
                return "timestamp(6)"
            case Kind.TIMESTAMP_TZ:
                return "timestamp(6) with time zone"
            case kind:
                return kind.value


TEXT = ColumnType(Kind.TEXT)
BOOLEAN = ColumnType(Kind.BOOLEAN)
BIGINT = ColumnType(Kind.BIGINT)
DOUBLE = ColumnType(Kind.DOUBLE)
DATE = ColumnType(Kind.DATE)
TIMESTAMP = ColumnType(Kind.TIMESTAMP)
TIMESTAMP_TZ = ColumnType(Kind.TIMESTAMP_TZ)


def decimal(precision: int, scale: int) -> ColumnType:
    return ColumnType(Kind.DECIMAL, precision, scale)


_WRITTEN_DECIMAL = re.compile(r"(?:decimal|numeric) ?\( ?(\d{1,4}) ?(?:, ?(\d{1,4}) ?)?\)")
_WRITTEN_TYPES = {
    "varchar": TEXT,
    "string": TEXT,
    "text": TEXT,
    "boolean": BOOLEAN,
    "bigint": BIGINT,
    "double": DOUBLE,
    "date": DATE,
    "timestamp": TIMESTAMP,
    "timestamp(6)": TIMESTAMP,
    "timestamp with time zone": TIMESTAMP_TZ,
    "timestamp(6) with time zone": TIMESTAMP_TZ,
}


def parse_type(text: str) -> ColumnType:
    """The type written as in Athena's SQL, what `str` of a type gives included.

    Raises:
        ValueError: `text` is not a type a column can have.
    """
    written = " ".join(text.lower().split())
    if written in _WRITTEN_TYPES:
        return _WRITTEN_TYPES[written]
    if found := _WRITTEN_DECIMAL.fullmatch(written):
        return decimal(int(found[1]), int(found[2] or 0))
    raise ValueError(
        "a type is varchar, boolean, bigint, double, decimal(p,s), date, timestamp "
        "or timestamp with time zone"
    )


class PhiClass(StrEnum):
    """What kind of identifier a column holds, if any (45 CFR 164.514(b)(2) and our own additions)."""

    NONE = "none"
    NAME = "name"
    GEOGRAPHIC = "geographic"
    ZIP = "zip"
    BIRTH_DATE = "birth_date"
    DATE = "date"
    AGE = "age"
    PHONE = "phone"
    EMAIL = "email"
    SSN = "ssn"
    RECORD_NUMBER = "record_number"
    PLAN_NUMBER = "plan_number"
    ACCOUNT_NUMBER = "account_number"
    LICENCE_NUMBER = "licence_number"
    DEVICE = "device"
    URL = "url"
    IP_ADDRESS = "ip_address"
    PROVIDER = "provider"
    FREE_TEXT = "free_text"
    OTHER_ID = "other_id"


@dataclass(frozen=True)
class Meaning:
    """What a column was recognised as: a code system or identifier, its PHI class, and why we say so.

    `tag` is lower-case ("icd10cm", "loinc", "mrn", …) or "" when nothing was recognised.
    `reason` names the evidence (the header, a pattern, a check digit), never a value.
    """

    tag: str = ""
    phi: PhiClass = PhiClass.NONE
    reason: str = ""


@dataclass(frozen=True)
class Column:
    """One column of a table. `name` is what SQL uses, `header` what the source file says."""

    name: str
    type: ColumnType
    header: str = ""
    meaning: Meaning = field(default_factory=Meaning)


LINEAGE = (
    Column("_source_file", TEXT),
    Column("_source_row", BIGINT),
    Column("_load_id", TEXT),
    Column("_loaded_at", TIMESTAMP_TZ),
)
LINEAGE_NAMES = frozenset(column.name for column in LINEAGE)


@dataclass(frozen=True)
class Snapshot:
    """One committed state of a table; `columns` are those it had then, None where they are those of now."""

    snapshot_id: int
    committed_at: datetime
    columns: tuple[Column, ...] | None = None


@dataclass(frozen=True)
class Table:
    """A table as the catalog knows it now. `snapshots` are oldest first.

    `metadata_location` is what an engine reads it by; `location` the prefix of its own files.
    """

    name: str
    columns: tuple[Column, ...]
    location: str
    metadata_location: str
    snapshots: tuple[Snapshot, ...] = ()
    comment: str = ""
    layout: RowLayout = field(default_factory=RowLayout)

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)
