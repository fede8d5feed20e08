"""Engines that run SQL as it stands, so that what the guard would never let through reaches a worker."""

import itertools
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from medical_data_pipeline.adapters.local.duckdb_query_engine import DuckDbEngineSettings, DuckDbQueryEngine
from medical_data_pipeline.adapters.local.duckdb_sql.translate import Translation
from medical_data_pipeline.adapters.local.duckdb_worker.messages import WorkerLimits
from medical_data_pipeline.model.query import EngineStatement, QueryStatus, ResultColumn, Scalar

SMALL = WorkerLimits(memory_bytes=640 << 20, result_bytes=32 << 20, row_bytes=4 << 20, spill_bytes=32 << 20)
ENDLESS = "select count(*) from range(10000000) a, range(10000000) b where a.range + b.range = -1"
_ids = (f"q{number}" for number in itertools.count())


def untranslated(statement: EngineStatement) -> Translation:
    columns = tuple(ResultColumn(name, "varchar") for name in statement.column_names)
    return Translation(statement.sql, statement.parameters, columns)


def raw_engine(folder: Path, **settings: object) -> DuckDbQueryEngine:
    data = folder / "data"
    data.mkdir(exist_ok=True)
    defaults = DuckDbEngineSettings(folder / "results", (data,), workers=2, worker_limits=SMALL)
    command = (sys.executable, "-I", str(Path(__file__).with_name("duckdb_plain_worker.py")))
    engine = DuckDbQueryEngine(
        replace(defaults, **settings), lambda: datetime.now(UTC), untranslated, command
    )
    assert engine.await_warm(30)
    return engine


def submit(engine: DuckDbQueryEngine, sql: str, *names: str, parameters: tuple[Scalar, ...] = ()) -> str:
    query_id = next(_ids)
    engine.start(query_id, EngineStatement(sql, (), names or ("a",), parameters))
    return query_id


def outcome(engine: DuckDbQueryEngine, sql: str, *names: str) -> QueryStatus:
    return engine.status(submit(engine, sql, *names), wait_s=250)


def rows(engine: DuckDbQueryEngine, sql: str, *names: str) -> list[tuple[object, ...]]:
    query_id = submit(engine, sql, *names)
    status = engine.status(query_id, wait_s=30)
    assert not status.reason, status
    return list(engine.page(query_id, 0, 1000).rows)
