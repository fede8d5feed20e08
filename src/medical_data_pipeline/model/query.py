"""A query on its way: the request, what the engine is given, how far it is, and pages of its result."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from medical_data_pipeline.model.table import Column

Scalar = str | int | float | bool | None


@dataclass(frozen=True)
class Actor:
    """Who asks. `name` is a stable id; `role` decides what may be seen."""

    name: str
    role: str


@dataclass(frozen=True)
class QueryRequest:
    """SQL in Athena's dialect with `?` parameters, from one actor."""

    sql: str
    parameters: tuple[Scalar, ...]
    actor: Actor


@dataclass(frozen=True)
class EngineTable:
    """The table `name` as a statement reads it. `reference` is the identifier that stands for it in the SQL.

    `columns` are all columns of that state (what an actor may see was decided before, in the SQL itself);
    `location` is where the engine reads it, `snapshot_id` the state to read, or None for the newest, which
    at the planning was `newest_id`, if the table had any.
    """

    reference: str
    columns: tuple[Column, ...]
    location: str
    snapshot_id: int | None = None
    name: str = ""
    newest_id: int | None = None


@dataclass(frozen=True)
class EngineStatement:
    """Checked SQL: Athena's dialect, regenerated from the tree the guard approved; never a user's text.

    `column_names` are the result's column names as Athena gives them, in order, or () where they can only be
    told with the types of the query, as in `a_row.*`.
    """

    sql: str
    tables: tuple[EngineTable, ...]
    column_names: tuple[str, ...]
    parameters: tuple[Scalar, ...] = ()


class QueryState(StrEnum):
    """How far a query is."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True)
class QueryStatus:
    """How far a query is. `reason` and `detail` say why it failed, without any value of the data."""

    query_id: str
    state: QueryState
    submitted_at: datetime
    finished_at: datetime | None = None
    rows: int = 0
    reason: str = ""
    detail: str = ""


@dataclass(frozen=True)
class ResultColumn:
    """One column of a result; `type` is Athena's name of it (`bigint`, `decimal(10,2)`, `array(varchar)`)."""

    name: str
    type: str


@dataclass(frozen=True)
class ResultPage:
    """Rows `offset` … of a result. Values are Python's own; `next_offset` is None on the last page."""

    columns: tuple[ResultColumn, ...]
    rows: tuple[tuple[object, ...], ...]
    next_offset: int | None


class ResultFormat(StrEnum):
    """A result as a file."""

    CSV = "csv"
    ARROW = "arrow"
    PARQUET = "parquet"
