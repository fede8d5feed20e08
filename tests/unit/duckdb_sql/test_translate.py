"""Tables, types and names of a translation, and what it refuses."""

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql import build
from medical_data_pipeline.adapters.local.duckdb_sql.session import prepare
from medical_data_pipeline.adapters.local.duckdb_sql.translate import Translation, translate
from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.query import EngineStatement, EngineTable, Scalar
from medical_data_pipeline.model.table import BIGINT, DATE, DOUBLE, TEXT, TIMESTAMP_TZ, Column, decimal

COLUMNS = (
    Column("id", BIGINT),
    Column("name", TEXT),
    Column("born", DATE),
    Column("fee", decimal(10, 2)),
    Column("score", DOUBLE),
    Column("seen", TIMESTAMP_TZ),
)


def statement(sql: str, *parameters: Scalar, location: str = "s3://b/m.json", snapshot: int | None = None):
    return EngineStatement(sql, (EngineTable("patients", COLUMNS, location, snapshot),), (), parameters)


def test_a_table_is_read_from_its_metadata_at_its_snapshot():
    sql = translate(statement("SELECT id FROM patients", snapshot=42)).sql

    assert "iceberg_scan('s3://b/m.json', snapshot_from_id => 42)" in sql


def test_a_quote_in_a_location_stays_inside_its_literal():
    sql = translate(statement("SELECT id FROM patients", location="it's")).sql

    assert "iceberg_scan('it''s')" in sql


def test_the_result_has_athenas_names_and_types():
    sql = "SELECT id, name AS n, fee * 2, avg(fee) OVER (), born - born, ARRAY[name], seen FROM patients"

    columns = translate(statement(sql)).columns

    assert [(column.name, column.type) for column in columns] == [
        ("id", "bigint"),
        ("n", "varchar"),
        ("_col2", "decimal(20,2)"),
        ("_col3", "decimal(10,2)"),
        ("_col4", "interval day to second"),
        ("_col5", "array(varchar)"),
        ("seen", "timestamp(6) with time zone"),
    ]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        ("SELECT id FROM patients WHERE born > '1950-01-01'", "SQL_TYPE"),
        ("SELECT id FROM patients WHERE id = '5'", "SQL_TYPE"),
        ("SELECT 'a' || 1", "SQL_TYPE"),
        ("SELECT coalesce(1, 'a')", "SQL_TYPE"),
        ("SELECT abs(name) FROM patients", "SQL_TYPE"),
        ("SELECT substr(name) FROM patients", "SQL_TYPE"),
        ("SELECT sum(name) FROM patients", "SQL_TYPE"),
        ("SELECT nothing FROM patients", "SQL_UNKNOWN_OBJECT"),
        ("SELECT * FROM nothing", "SQL_UNKNOWN_OBJECT"),
        ("SELECT id AS x FROM patients WHERE x = 1", "SQL_UNKNOWN_OBJECT"),
        ("SELECT patients FROM patients", "SQL_UNKNOWN_OBJECT"),
        ("SELECT p.id FROM patients", "SQL_UNKNOWN_OBJECT"),
        ("SELECT word_stem(name) FROM patients", "SQL_UNSUPPORTED"),
        ("SELECT checksum(name) FROM patients", "SQL_UNSUPPORTED"),
        ("SELECT TIMESTAMP '2024-01-01 00:00:00.1234567'", "SQL_UNSUPPORTED"),
        ("SELECT regexp_like(name, '\\p{InGreek}') FROM patients", "SQL_UNSUPPORTED"),
        ("SELECT id FROM patients FETCH FIRST 1 ROW WITH TIES", "SQL_TYPE"),
    ],
)
def test_what_trino_refuses_or_we_cannot_do_is_refused(sql: str, reason: str):
    with pytest.raises(QueryRejected) as refused:
        translate(statement(sql))

    assert refused.value.reason == reason


def test_a_refusal_names_no_value():
    with pytest.raises(QueryRejected) as refused:
        translate(statement("SELECT id FROM patients WHERE id = 'Smith'"))

    assert "Smith" not in str(refused.value)


def test_the_same_statement_is_translated_once():
    asked = statement("SELECT id FROM patients")

    assert translate(asked) is translate(statement("SELECT id FROM patients"))


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    connected = duckdb.connect(config={"threads": 1})
    prepare(connected)
    return connected


def run(connection: duckdb.DuckDBPyConnection, translation: Translation) -> list[tuple[object, ...]]:
    table: pa.Table = connection.execute(translation.sql, list(translation.parameters)).to_arrow_table()
    return [tuple(row.values()) for row in table.to_pylist()]


def test_a_real_table_answers(connection: duckdb.DuckDBPyConnection, tmp_path: Path):
    path = tmp_path / "patients.parquet"
    pq.write_table(
        pa.table(
            {
                "id": [1, 2],
                "name": ["Ann", None],
                "born": pa.array(["2000-06-15", "1990-01-01"]).cast(pa.date32()),
            }
        ),
        path,
    )
    table = EngineTable("patients", COLUMNS[:3], str(path))
    age = "date_diff('year', born, DATE '2024-06-14')"
    sql = f"SELECT name, {age} FROM patients WHERE id = ? OR name IS NULL ORDER BY id"

    def scan(table: EngineTable) -> exp.Expr:
        return build.call("read_parquet", build.text(table.location))

    translation = translate(EngineStatement(sql, (table,), (), (1,)), scan)

    assert run(connection, translation) == [("Ann", 23), (None, 34)]


def test_parameters_are_bound_and_never_become_text(connection: duckdb.DuckDBPyConnection):
    hostile = "x' OR '1'='1"

    translation = translate(EngineStatement("SELECT ? = 'x', length(?)", (), (), (hostile, hostile)))

    assert hostile not in translation.sql
    assert run(connection, translation) == [(False, len(hostile))]


def test_preparing_twice_changes_nothing(connection: duckdb.DuckDBPyConnection):
    fresh = duckdb.connect(config={"threads": 1})

    prepare(fresh)

    translation = translate(EngineStatement("SELECT substr('hello', 2)", (), ()))
    assert run(fresh, translation) == run(connection, translation) == [("ello",)]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT CAST(1 AS varchar(max))",
        "SELECT CAST(1 AS decimal(1,2,3))",
        "SELECT transform()",
        "SELECT reduce(ARRAY[1], 0)",
        "SELECT x -> 1",
        "SELECT max_by()",
        "SELECT lag() OVER ()",
        "SELECT date_trunc()",
        "SELECT INTERVAL 'x' DAY",
        "SELECT * FROM UNNEST()",
        "VALUES (1), (1, 2)",
        "SELECT 1 UNION SELECT 1, 2",
        "SELECT regexp_like('a')",
        "SELECT format()",
        "SELECT json_value('{}', '$.a')",
        "SELECT json_value('{}', 'lax $.a' RETURNING)",
        "SELECT json_value('{}' , PASSING 1)",
        "SELECT json_object('a' 1)",
        "SELECT listagg() WITHIN GROUP (ORDER BY 1)",
        "SELECT a FROM (VALUES 1) t(a, b)",
        "SELECT concat_ws()",
        "SELECT at_timezone(now(), 5)",
        "SELECT array_sort(ARRAY[1], 5)",
        "SELECT zip(ARRAY[1])",
    ],
)
def test_a_form_that_makes_no_sense_is_a_refusal_and_never_a_crash(sql: str):
    with pytest.raises(QueryRejected):
        translate(statement(sql))
