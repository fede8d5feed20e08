"""Results as files, and Arrow's values as Python's."""

import csv
import io
from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medical_data_pipeline.model.query import ResultFormat
from tests.integration.duckdb_engines import raw_engine, rows, submit


@pytest.fixture(scope="module")
def engine(tmp_path_factory):
    engine = raw_engine(tmp_path_factory.mktemp("exports"), workers=1)
    yield engine
    engine.close()


def exported(engine, sql, *names, wanted=ResultFormat.CSV):
    query_id = submit(engine, sql, *names)
    assert not engine.status(query_id, wait_s=10).reason
    return b"".join(engine.export(query_id, wanted))


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("'00123'", "00123"),
        ("9223372036854775807", 9223372036854775807),
        ("12.30::decimal(10,2)", Decimal("12.30")),
        ("1.5::double", 1.5),
        ("true", True),
        ("date '9999-12-31'", date(9999, 12, 31)),
        ("date '0001-01-01'", date(1, 1, 1)),
        ("date '9999-12-31' + 1", "10000-01-01"),
        ("timestamp '2024-01-01 10:00:00.000001'", datetime(2024, 1, 1, 10, 0, 0, 1)),  # noqa: DTZ001
        ("timestamp '20000-01-01'", "20000-01-01 00:00:00.000000"),
        ("timestamptz '2024-01-01 10:00:00+02'", datetime(2024, 1, 1, 8, tzinfo=UTC)),
        ("time '10:00:01'", time(10, 0, 1)),
        ("'a'::blob", b"a"),
        ("[1, null, 3]", [1, None, 3]),
        ("[timestamptz '2024-01-01 10:00:00+02']", [datetime(2024, 1, 1, 8, tzinfo=UTC)]),
        ("{'a': 1, 'b': [{'c': 'x'}]}", {"a": 1, "b": [{"c": "x"}]}),
        ("row(1, 2)", {"field0": 1, "field1": 2}),
        ("map {'k': 1}", {"k": 1}),
        ("map {[1]: 2}", [([1], 2)]),
        ("null", None),
    ],
)
def test_a_value_comes_as_pythons_own_and_so_does_the_null_after_it(engine, sql, value):
    found = rows(engine, f"select {sql} as v union all select null")

    assert found == [(value,), (None,)]
    assert type(found[0][0]) is type(value)


def test_csv_tells_null_from_the_empty_string_and_quotes_what_needs_it(engine):
    sql = """select * from (values
        (1, '', 'a,b', 1.50::decimal(5,2), true, 'a'::blob, [1, 2]),
        (null, null, 'say "x"' || chr(10), null, null, null, null))"""

    text = exported(engine, sql, "n", "e", "t", "d", "b", "x", "l")

    assert text == (b'n,e,t,d,b,x,l\r\n1,"","a,b",1.50,true,61,"[1, 2]"\r\n,,"say ""x""\n",,,,\r\n')


def test_csv_writes_dates_times_and_numbers_as_athena_does(engine):
    sql = (
        "select date '0001-01-01', timestamp '2024-01-01 10:00:00', "
        "timestamptz '2024-01-01 10:00:00+02', 1e16::double, 0.0000001::decimal(9,7)"
    )

    text = exported(engine, sql, "d", "t", "z", "f", "e")

    assert text.splitlines()[1] == (
        b"0001-01-01,2024-01-01 10:00:00.000000,2024-01-01 08:00:00.000000 UTC,1e+16,0.0000001"
    )


def test_csv_for_spreadsheets_holds_no_formula(engine):
    query_id = submit(engine, "select unnest(['=1+1', '+1', '-1', '@x', 'x', '']), -1", "t", "n")
    engine.status(query_id, wait_s=10)

    lines = list(csv.reader(io.StringIO(b"".join(engine.export_spreadsheet_csv(query_id)).decode())))

    assert [line[0] for line in lines[1:]] == ["'=1+1", "'+1", "'-1", "'@x", "x", ""]
    assert {line[1] for line in lines[1:]} == {"-1"}


@pytest.mark.parametrize("wanted", [ResultFormat.ARROW, ResultFormat.PARQUET])
def test_arrow_and_parquet_hold_every_row_typed(engine, wanted):
    sql = "select range, range::varchar, null::date from range(100000)"

    content = exported(engine, sql, "n", "t", "d", wanted=wanted)

    table = (
        pq.read_table(io.BytesIO(content))
        if wanted is ResultFormat.PARQUET
        else pa.ipc.open_stream(content).read_all()
    )
    assert table.schema == pa.schema([("n", pa.int64()), ("t", pa.string()), ("d", pa.date32())])
    assert table["n"].to_pylist() == list(range(100000))


def test_columns_of_one_name_stay_apart(engine):
    sql = "select 1 as a, 2 as a"

    assert rows(engine, sql, "a", "a") == [(1, 2)]
    assert exported(engine, sql, "a", "a") == b"a,a\r\n1,2\r\n"
    parquet = exported(engine, sql, "a", "a", wanted=ResultFormat.PARQUET)
    assert pq.read_table(io.BytesIO(parquet)).to_pylist() == [{"a": 1, "a_2": 2}]


@pytest.mark.parametrize("wanted", list(ResultFormat))
def test_a_result_without_rows_is_a_file_with_its_columns(engine, wanted):
    content = exported(engine, "select 1 where false", "n", wanted=wanted)

    assert content.startswith({"csv": b"n\r\n", "arrow": b"\xff\xff\xff\xff", "parquet": b"PAR1"}[wanted])
