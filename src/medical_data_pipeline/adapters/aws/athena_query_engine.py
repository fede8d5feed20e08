"""Queries on Athena: started once each, watched with patience, read in pages of typed values."""

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, islice
from typing import Any

from botocore.exceptions import ClientError

from medical_data_pipeline.adapters.aws.athena_failures import failure_of
from medical_data_pipeline.adapters.aws.athena_statement import AthenaStatement, athena_statement
from medical_data_pipeline.adapters.aws.athena_types import ZONED_TEXT, AthenaColumn, parse_type
from medical_data_pipeline.adapters.aws.athena_values import Read, reader_of
from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import error_code, translated
from medical_data_pipeline.adapters.aws.dynamodb_queries import DynamoDbQueries, Place, StartedQuery
from medical_data_pipeline.adapters.aws.glue_tables import object_at
from medical_data_pipeline.errors import (
    InvalidRequest,
    LimitExceeded,
    ObjectNotFound,
    QueryNotFound,
    QueryRejected,
)
from medical_data_pipeline.model.objects import ObjectRef
from medical_data_pipeline.model.query import (
    EngineStatement,
    QueryState,
    QueryStatus,
    ResultColumn,
    ResultFormat,
    ResultPage,
)
from medical_data_pipeline.ports import QueryEngine

_PAGE_ROWS = 1000
_REUSE_MINUTES = 60
_FIRST_LOOK_S, _LONGEST_PAUSE_S = 0.1, 1.0
_MAX_PAGE_BYTES = 5 << 20
_EXPIRED = "the result of the query has expired"
_STATES = {state.value.upper(): state for state in QueryState}

Describe = Callable[[EngineStatement], tuple[AthenaColumn, ...] | None]
"""The names and types of a statement's columns, or None where nobody but Athena can tell them."""

Fetch = Callable[[ObjectRef], Iterator[bytes]]
"""The pieces of an object; ObjectNotFound."""

Write = Callable[[Sequence[AthenaColumn], Iterable[bytes], ResultFormat], Iterator[bytes]]
"""The CSV file of a result that Athena wrote, in pieces, as a file of ours."""


@dataclass(frozen=True)
class AthenaSettings:
    """Where queries run. The workgroup says where results go, how they are encrypted and what may be read."""

    workgroup: str
    database: str


@dataclass(frozen=True)
class _Chunk:
    """One answer of Athena's. `token` is what it was asked with, "" for the first."""

    token: str
    first_row: int
    rows: Sequence[Mapping[str, Any]]
    columns: Sequence[Mapping[str, Any]]
    next_token: str


class AthenaQueryEngine(QueryEngine):
    """One workgroup. What is known of a query is in DynamoDB, so that any instance may answer for it."""

    def __init__(  # noqa: PLR0913 - all that it is made of
        self,
        client: Client,
        queries: DynamoDbQueries,
        settings: AthenaSettings,
        describe: Describe,
        fetch: Fetch,
        write: Write,
    ) -> None:
        self._client = client
        self._queries = queries
        self._settings = settings
        self._describe = describe
        self._fetch = fetch
        self._write = write
        # An execution that has ended never changes.
        self._ended: dict[str, QueryStatus] = {}
        self._first_chunks: dict[str, _Chunk] = {}

    def start(self, query_id: str, statement: EngineStatement) -> None:
        if self._queries.find(query_id) is not None:
            return
        columns = self._describe(statement)
        made = athena_statement(statement, self._settings.database, columns)
        execution_id = self._started(query_id, made)
        if columns is None and statement.column_names:
            columns = tuple(AthenaColumn(name) for name in statement.column_names)
        self._queries.put(query_id, StartedQuery(execution_id, columns, made.json_columns))

    def status(self, query_id: str, wait_s: float = 0.0) -> QueryStatus:
        query = self._queries.require(query_id)
        deadline, pause_s = time.monotonic() + wait_s, _FIRST_LOOK_S
        while True:
            status = self._status(query_id, query)
            left_s = deadline - time.monotonic()
            if status.finished_at is not None or left_s <= 0:
                return status
            time.sleep(min(pause_s, left_s))
            pause_s = min(_LONGEST_PAUSE_S, pause_s * 1.5)

    def page(self, query_id: str, offset: int, max_rows: int) -> ResultPage:
        query = self._succeeded(query_id)
        begun = self._queries.place(query_id, offset) if offset else None
        rows: list[tuple[object, ...]] = []
        columns: tuple[AthenaColumn, ...] = ()
        size_bytes = 0
        for chunk in self._chunks(query, begun):
            columns, readers = _columns(query, chunk)
            for number, row in _from(chunk, offset):
                size_bytes += sum(len(cell.get("VarCharValue", "")) for cell in row["Data"])
                if len(rows) == max_rows or (rows and size_bytes > _MAX_PAGE_BYTES):
                    if chunk.token:
                        self._queries.put_place(query_id, number, Place(chunk.token, chunk.first_row))
                    return ResultPage(_told(columns), tuple(rows), number)
                rows.append(_values(row, readers))
        return ResultPage(_told(columns), tuple(rows), None)

    def export(self, query_id: str, wanted: ResultFormat) -> Iterator[bytes]:
        query = self._succeeded(query_id)
        columns, _ = _columns(query, self._chunk(query, "", 0))
        return self._write(columns, self._csv(query), wanted)

    def cancel(self, query_id: str) -> None:
        query = self._queries.require(query_id)
        with translated():
            try:
                self._client.stop_query_execution(QueryExecutionId=query.execution_id)
            except ClientError as error:
                # One that has ended cannot be stopped, which is as good.
                if error_code(error) != "InvalidRequestException":
                    raise

    def _csv(self, query: StartedQuery) -> Iterator[bytes]:
        """Where a result is used again it lies where the earlier query put it, so Athena is asked."""
        configuration = self._execution(query)["ResultConfiguration"]
        pieces = self._fetch(object_at(configuration["OutputLocation"]))
        try:
            # The header is always there: what is missing is found before anything is answered.
            return chain([next(pieces)], pieces)
        except ObjectNotFound:
            raise QueryNotFound(_EXPIRED) from None

    def _started(self, query_id: str, made: AthenaStatement) -> str:
        asked: dict[str, Any] = {
            "QueryString": made.sql,
            "ClientRequestToken": hashlib.sha256(query_id.encode()).hexdigest(),
            "WorkGroup": self._settings.workgroup,
            "QueryExecutionContext": {"Catalog": "AwsDataCatalog", "Database": self._settings.database},
        }
        if made.parameters:
            asked["ExecutionParameters"] = list(made.parameters)
        if made.is_lasting:
            by_age = {"Enabled": True, "MaxAgeInMinutes": _REUSE_MINUTES}
            asked["ResultReuseConfiguration"] = {"ResultReuseByAgeConfiguration": by_age}
        with translated():
            try:
                return str(self._client.start_query_execution(**asked)["QueryExecutionId"])
            except ClientError as error:
                raise _refusal(error) or error from None

    def _status(self, query_id: str, query: StartedQuery) -> QueryStatus:
        if query_id in self._ended:
            return self._ended[query_id]
        said = self._execution(query)["Status"]
        state = _STATES[said["State"]]
        submitted_at = said["SubmissionDateTime"].astimezone(UTC)
        finished_at = _utc(said.get("CompletionDateTime"))
        if state in (QueryState.QUEUED, QueryState.RUNNING):
            return QueryStatus(query_id, state, submitted_at)
        rows, reason, detail = 0, "", ""
        if state is QueryState.SUCCEEDED:
            rows = self._row_count(query)
        elif state is QueryState.FAILED:
            reason, detail = failure_of(said)
        else:
            reason, detail = "QUERY_CANCELLED", "the query was cancelled"
        status = QueryStatus(query_id, state, submitted_at, finished_at, rows, reason, detail)
        if len(self._ended) > 1000:
            self._ended.clear()
        self._ended[query_id] = status
        return status

    def _execution(self, query: StartedQuery) -> Mapping[str, Any]:
        with translated():
            try:
                answer = self._client.get_query_execution(QueryExecutionId=query.execution_id)
            except ClientError as error:
                if error_code(error) != "InvalidRequestException":
                    raise
                raise QueryNotFound("the query has expired") from None
        execution: Mapping[str, Any] = answer["QueryExecution"]
        return execution

    def _row_count(self, query: StartedQuery) -> int:
        first = self._chunk(query, "", 0)
        if not first.next_token:
            return len(first.rows)
        with translated():
            answer = self._client.get_query_runtime_statistics(QueryExecutionId=query.execution_id)
        counted = answer["QueryRuntimeStatistics"].get("Rows", {}).get("OutputRows")
        # The statistics may come a moment after the result; then the rows are counted.
        return int(counted) if counted else sum(len(chunk.rows) for chunk in self._chunks(query, None))

    def _succeeded(self, query_id: str) -> StartedQuery:
        query = self._queries.require(query_id)
        status = self._status(query_id, query)
        if status.state in (QueryState.FAILED, QueryState.CANCELLED):
            raise QueryRejected(status.reason, status.detail)
        if status.state is not QueryState.SUCCEEDED:
            raise InvalidRequest("the query has not ended")
        return query

    def _chunks(self, query: StartedQuery, begun: Place | None) -> Iterator[_Chunk]:
        chunk = self._chunk(query, begun.token if begun else "", begun.first_row if begun else 0)
        while True:
            yield chunk
            if not chunk.next_token:
                return
            chunk = self._chunk(query, chunk.next_token, chunk.first_row + len(chunk.rows))

    def _chunk(self, query: StartedQuery, token: str, first_row: int) -> _Chunk:
        if not token and query.execution_id in self._first_chunks:
            return self._first_chunks[query.execution_id]
        position = {"NextToken": token} if token else {}
        with translated():
            try:
                answer = self._client.get_query_results(
                    QueryExecutionId=query.execution_id, MaxResults=_PAGE_ROWS, **position
                )
            except ClientError as error:
                if error_code(error) != "InvalidRequestException":
                    raise
                raise QueryNotFound(_EXPIRED) from None
        rows = answer["ResultSet"]["Rows"]
        columns = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
        # The first row of the first page is the header.
        chunk = _Chunk(token, first_row, rows if token else rows[1:], columns, answer.get("NextToken", ""))
        if not token:
            if len(self._first_chunks) > 20:
                self._first_chunks.clear()
            self._first_chunks[query.execution_id] = chunk
        return chunk


def _from(chunk: _Chunk, offset: int) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The rows of a chunk from a row of the whole result on, with their numbers."""
    return islice(enumerate(chunk.rows, chunk.first_row), max(0, offset - chunk.first_row), None)


def _columns(query: StartedQuery, chunk: _Chunk) -> tuple[tuple[AthenaColumn, ...], list[Read]]:
    known = query.columns or tuple(AthenaColumn(info["Name"]) for info in chunk.columns)
    columns = tuple(
        _readable(column, i in query.json_columns) if column.type else _as_athena_says(column.name, info)
        for i, (column, info) in enumerate(zip(known, chunk.columns, strict=True))
    )
    return columns, [reader_of(column.exact) for column in columns]


def _readable(column: AthenaColumn, is_json: bool) -> AthenaColumn:
    is_lost = parse_type(column.exact).is_nested and not is_json
    return replace(column, exact="varchar") if is_lost else column


def _as_athena_says(name: str, info: Mapping[str, Any]) -> AthenaColumn:
    """Athena says of a moment that it has a zone, not which."""
    kind = str(info["Type"])
    if kind == "decimal":
        kind = f"decimal({info['Precision']},{info['Scale']})"
    return AthenaColumn(name, kind, ZONED_TEXT if kind == "timestamp with time zone" else kind)


def _told(columns: Sequence[AthenaColumn]) -> tuple[ResultColumn, ...]:
    return tuple(ResultColumn(column.name, column.type) for column in columns)


def _values(row: Mapping[str, Any], readers: Sequence[Read]) -> tuple[object, ...]:
    return tuple(
        read(cell["VarCharValue"]) if "VarCharValue" in cell else None
        for cell, read in zip(row["Data"], readers, strict=True)
    )


def _refusal(error: ClientError) -> Exception | None:
    """Why Athena did not even begin; its text quotes the statement."""
    code = error_code(error)
    if code == "TooManyRequestsException":
        return LimitExceeded("too many queries are running")
    if code == "InvalidRequestException":
        return QueryRejected("SQL_UNSUPPORTED", "Athena does not take the statement")
    return None


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)
