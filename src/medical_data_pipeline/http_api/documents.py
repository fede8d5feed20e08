"""The JSON documents the routes answer with and read."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from medical_data_pipeline.http_api.result_format import AnswerFormat
from medical_data_pipeline.model.load import Load, LoadState
from medical_data_pipeline.model.query import QueryState, QueryStatus
from medical_data_pipeline.model.table import Column, Table
from medical_data_pipeline.ports import TableAccess


class NewQuery(BaseModel):
    """A query to run. `params` are bound to the `?` of `sql` in order."""

    model_config = ConfigDict(extra="forbid", title="NewQuery")

    # The limit is of bytes, and over it the answer is 413; so it is told here and checked by the route.
    sql: str = Field(
        min_length=1,
        json_schema_extra={"maxLength": 65_536},
        examples=["SELECT count(*) AS n FROM labs"],
    )
    params: list[str | bool | int | float | None] = Field(default_factory=list, max_length=10_000)
    format: Literal["json", "csv", "arrow", "parquet"] | None = None
    wait_s: float = Field(default=5.0, ge=0, le=25, description="Seconds to wait for the result")
    max_rows: int = Field(default=10_000, ge=1, le=10_000, description="Rows a page")

    def answer_format(self) -> AnswerFormat | None:
        return None if self.format is None else AnswerFormat(self.format)


class ErrorInfo(BaseModel):
    """Why a query failed."""

    code: str
    detail: str


class QueryInfo(BaseModel):
    """How far a query is. `results` is where its rows are once `state` is `succeeded`."""

    query_id: str
    state: QueryState
    submitted_at: datetime
    finished_at: datetime | None
    row_count: int
    error: ErrorInfo | None
    results: str


class ResultColumnInfo(BaseModel):
    """One column of a result; `type` as Athena writes it."""

    name: str
    type: str


class QueryResults(BaseModel):
    """One page of a result. There are more rows exactly when `next_page_token` is not null."""

    query_id: str
    state: Literal["succeeded"]
    row_count: int = Field(description="Rows of the whole result")
    columns: list[ResultColumnInfo]
    rows: list[list[object]]
    truncated: bool
    next_page_token: str | None


class TableSummary(BaseModel):
    """One table in the list of them."""

    name: str
    comment: str
    columns: int


class TableList(BaseModel):
    """Every table the caller may see."""

    tables: list[TableSummary]


class ColumnInfo(BaseModel):
    """One column: its type, the header it came under, and what it was recognised as, with the reason."""

    name: str
    type: str
    header: str
    tag: str
    phi: str
    reason: str
    in_select_star: bool


class SnapshotInfo(BaseModel):
    """One committed state of a table."""

    snapshot_id: int
    committed_at: datetime


class TableInfo(BaseModel):
    """One table; `snapshots` are oldest first."""

    name: str
    comment: str
    columns: list[ColumnInfo]
    snapshots: list[SnapshotInfo]


class RowCountsInfo(BaseModel):
    """Rows of one file: read = loaded + quarantined."""

    read: int
    loaded: int
    quarantined: int


class LoadInfo(BaseModel):
    """One load of one content of one file."""

    load_id: str
    table: str
    key: str
    version: str
    size_bytes: int
    state: LoadState
    received_at: datetime
    updated_at: datetime
    rows: RowCountsInfo
    reason: str
    detail: str
    attempts: int


class LoadList(BaseModel):
    """Loads, newest first. There are more exactly when `next_page_token` is not null."""

    loads: list[LoadInfo]
    next_page_token: str | None


class HealthInfo(BaseModel):
    """`checks` is there for callers with a token."""

    status: Literal["ready"]
    checks: dict[str, str] | None = None


def query_info(status: QueryStatus, root_path: str) -> QueryInfo:
    error = None
    if status.state is QueryState.FAILED:
        error = ErrorInfo(code=status.reason or "INTERNAL", detail=status.detail)
    return QueryInfo(
        query_id=status.query_id,
        state=status.state,
        submitted_at=status.submitted_at,
        finished_at=status.finished_at,
        row_count=status.rows,
        error=error,
        results=f"{root_path}/queries/{status.query_id}/results",
    )


def table_info(table: Table, access: TableAccess) -> TableInfo:
    columns = [column for column in table.columns if column.name in access.columns]
    return TableInfo(
        name=table.name,
        comment=table.comment,
        columns=[_column_info(column, access) for column in columns],
        snapshots=[
            SnapshotInfo(snapshot_id=each.snapshot_id, committed_at=each.committed_at)
            for each in table.snapshots
        ],
    )


def load_info(load: Load) -> LoadInfo:
    return LoadInfo(
        load_id=load.load_id,
        table=load.table,
        key=load.source.key,
        version=load.version,
        size_bytes=load.size_bytes,
        state=load.state,
        received_at=load.received_at,
        updated_at=load.updated_at,
        rows=RowCountsInfo(read=load.rows.read, loaded=load.rows.loaded, quarantined=load.rows.quarantined),
        reason=load.reason,
        detail=load.detail,
        attempts=load.attempts,
    )


def _column_info(column: Column, access: TableAccess) -> ColumnInfo:
    return ColumnInfo(
        name=column.name,
        type=str(column.type),
        header=column.header,
        tag=column.meaning.tag,
        phi=column.meaning.phi.value,
        reason=column.meaning.reason,
        in_select_star=column.name not in access.hidden_columns,
    )
