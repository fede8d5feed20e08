"""A query on its way: the request, what the engine is given, how far it is, and pages of its result."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

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
class EngineStatement:
    """SQL in the engine's own dialect, regenerated from the checked tree; never a user's text.

    `column_names` are the result's column names as Athena gives them, in order.
    """

    sql: str
    parameters: tuple[Scalar, ...] = ()
    column_names: tuple[str, ...] = ()


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
