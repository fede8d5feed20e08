"""A double of the Athena API over HTTP: the SQL runs on DuckDB, over Iceberg tables where S3 is emulated.

It stands where the emulators have nothing: their Athena reads no Iceberg table. What it answers is formed as
Athena forms it, so that the adapter is tried; that Athena's SQL means the same is held by tests/conformance.
"""

import json
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any

import duckdb
from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql.session import prepare
from medical_data_pipeline.adapters.local.duckdb_sql.translate import translate
from medical_data_pipeline.adapters.local.duckdb_sql.typed_statement import Scan, iceberg_scan
from medical_data_pipeline.adapters.result_files.arrow_values import python_values
from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.athena_sql import parse, render
from medical_data_pipeline.model.query import EngineStatement, EngineTable

Connect = Callable[[], duckdb.DuckDBPyConnection]
Keep = Callable[[str, bytes], str]
"""Put a result where results go, under a name; its address."""

FindTable = Callable[[str], EngineTable]


_NAMES = {
    "SQL_SYNTAX": "SYNTAX_ERROR",
    "SQL_TYPE": "TYPE_MISMATCH",
    "SQL_UNKNOWN_OBJECT": "COLUMN_NOT_FOUND",
    "SQL_UNSUPPORTED": "NOT_SUPPORTED",
}


def no_table(name: str) -> EngineTable:
    raise QueryRejected("SQL_UNKNOWN_OBJECT", f"TABLE_NOT_FOUND: {name}")


@dataclass
class Execution:
    """One query execution."""

    connection: duckdb.DuckDBPyConnection
    state: str = "QUEUED"
    reason: str = ""
    submitted_at: float = field(default_factory=time)
    ended_at: float | None = None
    columns: list[dict[str, Any]] = field(default_factory=list)
    rows: list[list[dict[str, str]]] = field(default_factory=list)
    location: str = ""

    def begin(self) -> bool:
        """Whether it may; one that was stopped in the queue may not."""
        if self.ended_at is None:
            self.state = "RUNNING"
        return self.ended_at is None

    def end(self, state: str, reason: str = "") -> None:
        if self.ended_at is None:
            self.state, self.reason, self.ended_at = state, reason, time()


class AthenaDouble:
    """What Athena's JSON protocol is asked, by operation. `asked` are all requests, for tests to look at.

    Queries stay in the queue for as long as `has_room` is not set. Results may expire before what is known of
    their queries.
    """

    def __init__(
        self, connect: Connect, keep: Keep, find_table: FindTable = no_table, scan: Scan = iceberg_scan
    ) -> None:
        self._connect = connect
        self._keep = keep
        self._find_table = find_table
        self._scan = scan
        self._executions: dict[str, Execution] = {}
        self._by_token: dict[str, str] = {}
        self._threads: list[threading.Thread] = []
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.has_room = threading.Event()
        self.has_room.set()
        self.have_results_expired = False

    def answer(self, operation: str, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append((operation, asked))
        operations: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
            "StartQueryExecution": self._start,
            "GetQueryExecution": self._status,
            "GetQueryResults": self._results,
            "GetQueryRuntimeStatistics": self._statistics,
            "StopQueryExecution": self._stop,
        }
        return operations[operation](asked)

    def close(self) -> None:
        """Nothing runs on when there is no bucket any more to put its result into."""
        for execution in self._executions.values():
            execution.end("CANCELLED")
            execution.connection.interrupt()
        self.has_room.set()
        for thread in self._threads:
            thread.join(10)

    def _start(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        known = self._by_token.get(asked["ClientRequestToken"])
        if known is None:
            known = str(uuid.uuid4())
            execution = Execution(self._connect())
            self._executions[known], self._by_token[asked["ClientRequestToken"]] = execution, known
            thread = threading.Thread(target=self._run, args=(execution, asked), daemon=True)
            self._threads.append(thread)
            thread.start()
        return {"QueryExecutionId": known}

    def _run(self, execution: Execution, asked: Mapping[str, Any]) -> None:
        self.has_room.wait()
        if not execution.begin():
            return
        try:
            statement = self._statement(asked["QueryString"], asked.get("ExecutionParameters", ()))
            translation = translate(statement, self._scan)
            prepare(execution.connection)
            result = execution.connection.execute(translation.sql, list(translation.parameters))
            execution.columns = [_info(column.name, column.type) for column in translation.columns]
            values = [python_values(column.combine_chunks()) for column in result.to_arrow_table().columns]
            execution.rows = [
                [_cell(value, column.type) for value, column in zip(row, translation.columns, strict=True)]
                for row in zip(*values, strict=True)
            ]
            execution.location = self._keep(str(uuid.uuid4()), _csv(execution))
            execution.end("SUCCEEDED")
        except (duckdb.Error, QueryRejected) as error:
            execution.end("FAILED", _said(error))

    def _statement(self, sql: str, parameters: tuple[str, ...]) -> EngineStatement:
        tree = parse(sql)
        # A parameter is a literal, and Athena puts it where the question mark stands.
        marks = sorted(tree.find_all(exp.Placeholder), key=lambda node: int(node.meta["position"]))
        for mark, literal in zip(marks, parameters, strict=True):
            mark.replace(parse(f"SELECT {literal}").expressions[0])
        tables: list[EngineTable] = []
        for node in [node for node in tree.find_all(exp.Table) if node.args.get("db")]:
            found, version = self._find_table(node.name), node.args.get("version")
            snapshot = int(version.expression.name) if version else None
            reference = f"t{len(tables)}"
            tables.append(EngineTable(reference, found.columns, found.location, snapshot, found.name))
            node.replace(
                exp.Table(this=exp.to_identifier(reference, quoted=True), alias=node.args.get("alias"))
            )
        names = tuple(each.alias_or_name for each in tree.selects) if isinstance(tree, exp.Query) else ()
        return EngineStatement(render(tree), tuple(tables), names)

    def _status(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        execution = self._find(asked)
        status: dict[str, Any] = {
            "State": execution.state,
            "SubmissionDateTime": execution.submitted_at,
            "StateChangeReason": execution.reason,
        }
        output = {"OutputLocation": execution.location}
        if execution.ended_at is not None:
            status["CompletionDateTime"] = execution.ended_at
        known = {"QueryExecutionId": asked["QueryExecutionId"], "ResultConfiguration": output}
        return {"QueryExecution": {**known, "Status": status}}

    def _results(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        execution = self._find(asked)
        if self.have_results_expired:
            raise KeyError("the results are not where they were put")
        header = [{"VarCharValue": column["Name"]} for column in execution.columns]
        every = [header, *execution.rows]
        start = int(asked.get("NextToken", 0))
        end = start + asked.get("MaxResults", 1000)
        following = {"NextToken": str(end)} if end < len(every) else {}
        result = {
            "Rows": [{"Data": row} for row in every[start:end]],
            "ResultSetMetadata": {"ColumnInfo": execution.columns},
        }
        return {"ResultSet": result, **following}

    def _statistics(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"QueryRuntimeStatistics": {"Rows": {"OutputRows": len(self._find(asked).rows)}}}

    def _stop(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        execution = self._find(asked)
        execution.end("CANCELLED")
        execution.connection.interrupt()
        return {}

    def _find(self, asked: Mapping[str, Any]) -> Execution:
        execution = self._executions.get(asked["QueryExecutionId"])
        if execution is None:
            raise KeyError("QueryExecution was not found")
        return execution


def in_bucket(s3: Callable[[], Any], bucket: str) -> Keep:
    """Results in a bucket, as the workgroup says."""

    def keep(name: str, content: bytes) -> str:
        key = f"query-results/{name}.csv"
        s3().put_object(Bucket=bucket, Key=key, Body=content)
        return f"s3://{bucket}/{key}"

    return keep


def _csv(execution: Execution) -> bytes:
    """As Athena writes it: every value in quotes, null as nothing."""
    header = [{"VarCharValue": column["Name"]} for column in execution.columns]
    return "".join(",".join(map(_field, row)) + "\n" for row in [header, *execution.rows]).encode()


def _field(cell: Mapping[str, str]) -> str:
    doubled = cell.get("VarCharValue", "").replace('"', '""')
    return f'"{doubled}"' if cell else ""


@contextmanager
def served(double: AthenaDouble) -> Iterator[str]:
    """The double behind an address of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            operation = self.headers["X-Amz-Target"].rpartition(".")[2]
            try:
                status, answer = 200, double.answer(operation, asked)
            except KeyError as error:
                status, answer = 400, {"__type": "InvalidRequestException", "Message": str(error)}
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/x-amz-json-1.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        double.close()


def _info(name: str, kind: str) -> dict[str, Any]:
    plain, _, numbers = kind.partition("(")
    if plain != "decimal":
        return {"Name": name, "Type": plain, "Precision": 0, "Scale": 0}
    precision, _, scale = numbers.removesuffix(")").partition(",")
    return {"Name": name, "Type": plain, "Precision": int(precision), "Scale": int(scale)}


def _cell(value: object, kind: str) -> dict[str, str]:
    """A value as Athena writes it; null has no text."""
    match value:
        case None:
            return {}
        case bool():
            return {"VarCharValue": str(value).lower()}
        case datetime() if value.tzinfo is not None:
            return {"VarCharValue": _moment(value.astimezone(UTC), kind) + " UTC"}
        case datetime():
            return {"VarCharValue": _moment(value, kind)}
        case date():
            return {"VarCharValue": value.isoformat()}
        case Decimal():
            return {"VarCharValue": format(value, "f")}
        case bytes():
            return {"VarCharValue": value.hex(" ")}
    return {"VarCharValue": str(value)}


def _moment(value: datetime, kind: str) -> str:
    digits = 6 if "(6)" in kind else 3
    return f"{value:%Y-%m-%d %H:%M:%S.%f}"[: 20 + digits]


def _said(error: Exception) -> str:
    """As Athena says it, values and all."""
    text = str(error)
    if isinstance(error, QueryRejected):
        return f"{_NAMES.get(error.reason, 'GENERIC_INTERNAL_ERROR')}: {text}"
    if "division by zero" in text.lower():
        return "DIVISION_BY_ZERO: Division by zero"
    if isinstance(error, duckdb.ConversionException):
        return f"INVALID_CAST_ARGUMENT: {text}"
    return f"GENERIC_INTERNAL_ERROR: {text}"
