"""What every query engine promises, in SQL that each of them understands."""

import io
import itertools
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from time import monotonic

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medical_data_pipeline.adapters.local.duckdb_query_engine import DuckDbEngineSettings, DuckDbQueryEngine
from medical_data_pipeline.adapters.result_files.arrow_values import python_values
from medical_data_pipeline.errors import QueryNotFound
from medical_data_pipeline.model.query import EngineStatement, QueryState, ResultFormat, ResultPage
from tests.athena_engines import athena_engine
from tests.aws_emulator import emulated_aws

DIGITS = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))"
THOUSAND = f"SELECT a.n * 100 + b.n * 10 + c.n AS n FROM {DIGITS} a (n), {DIGITS} b (n), {DIGITS} c (n)"
ENDLESS = f"SELECT COUNT(*) FROM ({THOUSAND}) x, ({THOUSAND}) y, ({THOUSAND}) z, ({THOUSAND}) w WHERE x.n < 0 - y.n - z.n - w.n"  # noqa: E501
FAR = "DATE '9999-12-31' + INTERVAL '2' DAY"
DAY = date(2024, 1, 31)
MOMENT = datetime(2024, 1, 31, 10, 11, 12, 123456)  # noqa: DTZ001 - one without a zone
INSTANT = MOMENT.replace(tzinfo=UTC)
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
            return opened.enter_context(athena_engine(duckdb.connect, "contract"))

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
    started = monotonic()

    status = engine.status(query_id, wait_s=0.2)

    assert status.state in (QueryState.QUEUED, QueryState.RUNNING)
    assert 0.15 < monotonic() - started < 2
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


TYPED = [
    ("BIGINT '5'", "bigint", 5, pa.int64()),
    ("SMALLINT '5'", "smallint", 5, pa.int16()),
    ("CAST(1.5 AS DOUBLE)", "double", 1.5, pa.float64()),
    ("CAST(1.5 AS REAL)", "real", 1.5, pa.float32()),
    ("CAST(1.5 AS DECIMAL(20, 3))", "decimal(20,3)", Decimal("1.500"), pa.decimal128(20, 3)),
    ("DATE '2024-01-31'", "date", DAY, pa.date32()),
    ("TIMESTAMP '2024-01-31 10:11:12.123456'", "timestamp(6)", MOMENT, pa.timestamp("us")),
    (
        "TIMESTAMP '2024-01-31 10:11:12.123456 UTC'",
        "timestamp(6) with time zone",
        INSTANT,
        pa.timestamp("us", "UTC"),
    ),
    (
        "TIMESTAMP '2024-01-31 10:11:12.123 Europe/Berlin'",
        "timestamp(3) with time zone",
        "2024-01-31 10:11:12.123 Europe/Berlin",
        pa.string(),
    ),
    ("TIME '10:11:12'", "time(0)", time(10, 11, 12), pa.time64("us")),
    ("1 = 1", "boolean", True, pa.bool_()),
    ("X'00ff'", "varbinary", b"\x00\xff", pa.binary()),
    ("JSON '{\"a\": 1}'", "json", '{"a":1}', pa.string()),
    ("INTERVAL '1' DAY", "interval day to second", "1 00:00:00.000", pa.string()),
    ("ARRAY[1, NULL]", "array(integer)", [1, None], pa.list_(pa.int32())),
    ("ARRAY[1.50, NULL]", "array(decimal(3,2))", [Decimal("1.50"), None], pa.list_(pa.decimal128(3, 2))),
    ("ARRAY['', NULL]", "array(varchar)", ["", None], pa.list_(pa.string())),
    ("ARRAY[X'00ff', NULL]", "array(varbinary)", [b"\x00\xff", None], pa.list_(pa.binary())),
    (
        "ARRAY[TIMESTAMP '2024-01-31 10:11:12.123456 UTC', NULL]",
        "array(timestamp(6) with time zone)",
        [INSTANT, None],
        pa.list_(pa.timestamp("us", "UTC")),
    ),
    (
        "ARRAY[ARRAY[DATE '2024-01-31'], NULL]",
        "array(array(date))",
        [[DAY], None],
        pa.list_(pa.list_(pa.date32())),
    ),
    (
        "MAP(ARRAY['k', 'a'], ARRAY[1, NULL])",
        "map(varchar, integer)",
        {"k": 1, "a": None},
        pa.map_(pa.string(), pa.int32()),
    ),
    (
        "MAP(ARRAY[DATE '2024-01-31'], ARRAY[X'01'])",
        "map(date, varbinary)",
        {DAY: b"\x01"},
        pa.map_(pa.date32(), pa.binary()),
    ),
    (
        "MAP(ARRAY[ARRAY[1]], ARRAY[2])",
        "map(array(integer), integer)",
        [([1], 2)],
        pa.map_(pa.list_(pa.int32()), pa.int32()),
    ),
    (
        "ROW(1, NULL, '')",
        "row(integer, unknown, varchar)",
        {"field0": 1, "field1": None, "field2": ""},
        pa.struct([("field0", pa.int32()), ("field1", pa.int32()), ("field2", pa.string())]),
    ),
    (
        "CAST(ROW(1, ROW(X'01', NULL)) AS ROW(a BIGINT, \"b c\" ROW(d VARBINARY, e ARRAY(DATE))))",
        "row(a bigint, b c row(d varbinary, e array(date)))",
        {"a": 1, "b c": {"d": b"\x01", "e": None}},
        pa.struct(
            [
                ("a", pa.int64()),
                ("b c", pa.struct([("d", pa.binary()), ("e", pa.list_(pa.date32()))])),
            ]
        ),
    ),
]


@dataclass(frozen=True)
class Typed:
    """A result with a column for each of `TYPED`: its values, and nulls."""

    page: ResultPage
    arrow: pa.Table
    parquet: pa.Table


@pytest.fixture(scope="module")
def typed(engine):
    values, nulls = (", ".join(row) for row in ([each[0] for each in TYPED], ["NULL"] * len(TYPED)))
    names = [f"v{number}" for number in range(len(TYPED))]
    query_id = succeeded(engine, f"SELECT {values} UNION ALL SELECT {nulls}", *names)
    arrow, parquet = (exported(engine, query_id, each) for each in (ResultFormat.ARROW, ResultFormat.PARQUET))
    assert exported(engine, query_id, ResultFormat.CSV)
    return Typed(
        engine.page(query_id, 0, 10),
        pa.ipc.open_stream(arrow).read_all(),
        pq.read_table(io.BytesIO(parquet)),
    )


@pytest.mark.parametrize("number", range(len(TYPED)), ids=[each[0] for each in TYPED])
def test_a_value_has_its_type_in_pages_and_in_files_and_null_has_it_too(typed, number):
    _, type_name, value, arrow_type = TYPED[number]
    arrow = typed.arrow.column(number)

    assert typed.page.columns[number].type == type_name
    assert sorted(repr(row[number]) for row in typed.page.rows) == sorted([repr(value), repr(None)])
    assert arrow.type == arrow_type
    assert sorted(map(repr, python_values(arrow.combine_chunks()))) == sorted([repr(value), repr(None)])
    assert typed.parquet.column(number).cast(arrow_type).equals(arrow)


def test_a_year_that_python_does_not_have_keeps_its_type_in_files(engine):
    query_id = succeeded(engine, f"SELECT {FAR}, ARRAY[{FAR}]", "d", "a")

    arrow = pa.ipc.open_stream(exported(engine, query_id, ResultFormat.ARROW)).read_all()

    assert engine.page(query_id, 0, 1).rows == (("10000-01-02", ["10000-01-02"]),)
    assert arrow["d"].cast(pa.int32()).to_pylist() == [2_932_898]
    assert arrow["a"].combine_chunks().flatten().cast(pa.int32()).to_pylist() == [2_932_898]


@pytest.mark.parametrize("order", ["a", "1", "x.a", "a[1]"])
def test_arrays_are_ordered_by_their_values(engine, order):
    sql = f"SELECT a FROM (VALUES (ARRAY[10]), (ARRAY[9]), (ARRAY[100])) x (a) ORDER BY {order}"

    assert engine.page(succeeded(engine, sql, "a"), 0, 9).rows == (([9],), ([10],), ([100],))


def test_nested_columns_that_a_star_gives_are_never_an_error(engine):
    query_id = succeeded(engine, "SELECT * FROM (SELECT ARRAY[1] AS a, 2 AS b) t ORDER BY b", "a", "b")

    arrow = pa.ipc.open_stream(exported(engine, query_id, ResultFormat.ARROW)).read_all()

    assert arrow["b"].to_pylist() == [2]


def exported(engine, query_id, wanted):
    return b"".join(engine.export(query_id, wanted))


def test_an_export_holds_the_whole_result_in_each_format(engine):
    query_id = succeeded(engine, f"SELECT n, CAST(NULL AS VARCHAR), '' FROM ({THOUSAND}) t", "n", "a", "b")

    csv, arrow, parquet = (b"".join(engine.export(query_id, wanted)) for wanted in ResultFormat)

    lines = csv.decode().split("\r\n")
    assert lines[0] == "n,a,b"
    assert sorted(lines[1:-1]) == sorted(f'{n},,""' for n in range(1000))
    assert sorted(pa.ipc.open_stream(arrow).read_all()["n"].to_pylist()) == list(range(1000))
    assert sorted(pq.read_table(io.BytesIO(parquet))["n"].to_pylist()) == list(range(1000))
