"""What every query engine promises, in SQL that each of them understands."""

import io
import itertools
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medical_data_pipeline.adapters.local.duckdb_query_engine import DuckDbEngineSettings, DuckDbQueryEngine
from medical_data_pipeline.errors import QueryNotFound
from medical_data_pipeline.model.query import EngineStatement, QueryState, ResultFormat
from tests.athena_engines import athena_engine
from tests.aws_emulator import emulated_aws

DIGITS = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))"
THOUSAND = f"SELECT a.n * 100 + b.n * 10 + c.n AS n FROM {DIGITS} a (n), {DIGITS} b (n), {DIGITS} c (n)"
ENDLESS = f"SELECT COUNT(*) FROM ({THOUSAND}) x, ({THOUSAND}) y, ({THOUSAND}) z, ({THOUSAND}) w WHERE x.n < 0 - y.n - z.n - w.n"  # noqa: E501
QUERY_IDS = (f"contract-{number}" for number in itertools.count())


@pytest.fixture(scope="module")
def engine_factories(tmp_path_factory):
    with ExitStack() as opened:

        def duckdb_():
            settings = DuckDbEngineSettings(tmp_path_factory.mktemp("results"), (), workers=2)
            engine = DuckDbQueryEngine(settings, lambda: datetime.now(UTC))
            opened.callback(engine.close)
            return engine

        def athena():
            opened.enter_context(emulated_aws("contract"))
            return opened.enter_context(athena_engine(duckdb.connect))

        yield {"duckdb": duckdb_, "athena": athena}


@pytest.fixture(scope="module", params=["duckdb", "athena"])
def engine(request, engine_factories):
    return engine_factories[request.param]()


def submit(engine, sql, *names, parameters=()):
    query_id = next(QUERY_IDS)
    engine.start(query_id, EngineStatement(sql, (), names or ("n",), parameters))
    return query_id


def succeeded(engine, sql, *names, parameters=()):
    query_id = submit(engine, sql, *names, parameters=parameters)
    assert engine.status(query_id, wait_s=60).state is QueryState.SUCCEEDED
    return query_id


def test_a_query_that_succeeded_says_how_many_rows_and_when(engine):
    status = engine.status(succeeded(engine, THOUSAND))

    assert status.rows == 1000
    assert status.reason == status.detail == ""
    assert status.finished_at >= status.submitted_at
    assert status.submitted_at.utcoffset() == timedelta(0)


def test_the_same_id_again_does_nothing(engine):
    query_id = succeeded(engine, "SELECT 1")

    engine.start(query_id, EngineStatement("SELECT 2", (), ("n",)))

    assert engine.page(query_id, 0, 10).rows == ((1,),)


def test_parameters_are_bound_in_order(engine):
    query_id = succeeded(engine, "SELECT ?, ?", "a", "b", parameters=("x' OR 1=1", 7))

    assert engine.page(query_id, 0, 10).rows == (("x' OR 1=1", 7),)


def test_pages_of_any_size_join_to_the_whole_result(engine):
    query_id = succeeded(engine, f"{THOUSAND} ORDER BY 1")

    found, offset = [], 0
    while offset is not None:
        page = engine.page(query_id, offset, 333)
        assert page.rows
        found += [row[0] for row in page.rows]
        offset = page.next_offset

    assert found == list(range(1000))


def test_a_page_past_the_end_has_no_rows_and_no_next_one(engine):
    page = engine.page(succeeded(engine, "SELECT 1"), 5, 10)

    assert page.rows == ()
    assert page.next_offset is None


def test_columns_may_have_one_name_and_come_without_rows(engine):
    page = engine.page(succeeded(engine, "SELECT 1, 2 FROM (SELECT 1) t WHERE 1 = 0", "a", "a"), 0, 10)

    assert [column.name for column in page.columns] == ["a", "a"]
    assert page.rows == ()


def test_null_is_none(engine):
    query_id = succeeded(engine, "SELECT CAST(NULL AS VARCHAR), ''", "a", "b")

    assert engine.page(query_id, 0, 1).rows == ((None, ""),)


def test_a_query_that_fails_says_why_without_a_value(engine):
    query_id = submit(engine, "SELECT CAST(n AS INTEGER) FROM (VALUES ('1'), ('Smith')) t (n)")

    status = engine.status(query_id, wait_s=60)

    assert (status.state, status.reason) == (QueryState.FAILED, "SQL_RUNTIME")
    assert status.detail
    assert "Smith" not in status.detail


def test_a_division_by_zero_is_named(engine):
    query_id = submit(engine, "SELECT 1 / n FROM (VALUES (1), (0)) t (n)")

    status = engine.status(query_id, wait_s=60)

    assert status.reason == "SQL_RUNTIME"
    assert status.detail.lower() == "division by zero"


def test_columns_have_athenas_types(engine):
    query_id = succeeded(engine, "SELECT 1, CAST(1 AS DECIMAL(10, 2)), 'x', DATE '2024-01-01'", *"abcd")

    columns = engine.page(query_id, 0, 1).columns

    assert [column.type for column in columns] == ["integer", "decimal(10,2)", "varchar", "date"]


def test_a_status_waits_no_longer_than_asked(engine):
    query_id = submit(engine, ENDLESS)
    started = time.monotonic()

    status = engine.status(query_id, wait_s=0.2)

    assert status.state in (QueryState.QUEUED, QueryState.RUNNING)
    assert 0.15 < time.monotonic() - started < 2
    engine.cancel(query_id)


def test_a_cancelled_query_ends_within_two_seconds(engine):
    query_id = submit(engine, ENDLESS)
    engine.status(query_id, wait_s=0.2)

    engine.cancel(query_id)

    assert engine.status(query_id, wait_s=2).state is QueryState.CANCELLED


def test_to_cancel_a_query_that_ended_changes_nothing(engine):
    query_id = succeeded(engine, "SELECT 1")

    engine.cancel(query_id)

    assert engine.status(query_id).state is QueryState.SUCCEEDED
    assert engine.page(query_id, 0, 1).rows == ((1,),)


@pytest.mark.parametrize(
    "ask",
    [
        lambda engine: engine.status("unknown"),
        lambda engine: engine.page("unknown", 0, 1),
        lambda engine: engine.export("unknown", ResultFormat.CSV),
        lambda engine: engine.cancel("unknown"),
    ],
    ids=["status", "page", "export", "cancel"],
)
def test_a_query_nobody_started_is_not_found(engine, ask):
    with pytest.raises(QueryNotFound):
        ask(engine)


def test_an_export_holds_the_whole_result_in_each_format(engine):
    query_id = succeeded(engine, f"SELECT n, CAST(NULL AS VARCHAR), '' FROM ({THOUSAND}) t", "n", "a", "b")

    csv, arrow, parquet = (b"".join(engine.export(query_id, wanted)) for wanted in ResultFormat)

    lines = csv.decode().split("\r\n")
    assert lines[0] == "n,a,b"
    assert sorted(lines[1:-1]) == sorted(f'{n},,""' for n in range(1000))
    assert sorted(pa.ipc.open_stream(arrow).read_all()["n"].to_pylist()) == list(range(1000))
    assert sorted(pq.read_table(io.BytesIO(parquet))["n"].to_pylist()) == list(range(1000))
