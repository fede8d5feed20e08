"""A real Iceberg table, read by a confined worker."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from pyiceberg.catalog.sql import SqlCatalog

from medical_data_pipeline.adapters.local.duckdb_query_engine import DuckDbEngineSettings, DuckDbQueryEngine
from medical_data_pipeline.model.query import EngineStatement, EngineTable
from medical_data_pipeline.model.table import BIGINT, TEXT, Column
from tests.integration.duckdb_engines import outcome, raw_engine, rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("iceberg")


@pytest.fixture(scope="module")
def engine(folder):
    engine = raw_engine(folder, workers=1)
    yield engine
    engine.close()


@pytest.fixture(scope="module")
def table(folder, engine):
    data = folder / "data"
    catalog = SqlCatalog("local", uri=f"sqlite:///{data}/catalog.db", warehouse=f"file://{data}")
    catalog.create_namespace("med")
    visits = pa.table({"mrn": ["00123", "00456", None], "age": [40, None, 7]})
    table = catalog.create_table("med.visits", visits.schema)
    table.append(visits)
    first = table.current_snapshot().snapshot_id
    table.append(visits)
    table.delete("mrn = '00456'")
    yield table, first
    catalog.close()


def test_an_iceberg_table_is_read_as_it_is_now(engine, table):
    location = table[0].metadata_location.removeprefix("file://")

    found = rows(engine, f"select mrn, age from iceberg_scan('{location}') order by age, mrn", "mrn", "age")

    assert found == [(None, 7), (None, 7), ("00123", 40), ("00123", 40)]


def test_an_iceberg_table_is_read_as_it_was(engine, table):
    location = table[0].metadata_location.removeprefix("file://")

    found = rows(engine, f"select count(*) from iceberg_scan('{location}', snapshot_from_id={table[1]})")

    assert found == [(3,)]


def test_an_iceberg_table_outside_the_data_is_not_read(engine, tmp_path):
    status = outcome(engine, f"select * from iceberg_scan('{tmp_path}/metadata/v1.metadata.json')")

    assert status.reason == "SQL_FORBIDDEN_OBJECT"


def test_athenas_sql_reads_an_iceberg_table_through_its_translation(folder, table):
    columns = (Column("mrn", TEXT), Column("age", BIGINT))
    settings = DuckDbEngineSettings(folder / "translated", (folder / "data",), workers=1)
    engine = DuckDbQueryEngine(settings, lambda: datetime.now(UTC))
    statement = EngineStatement(
        "SELECT mrn, CAST(count(*) AS integer) AS n FROM visits WHERE age > ? GROUP BY mrn",
        (EngineTable("visits", columns, table[0].metadata_location),),
        ("mrn", "n"),
        (7,),
    )

    engine.start("q", statement)

    assert engine.status("q", wait_s=30).rows == 1
    assert engine.page("q", 0, 10).rows == (("00123", 2),)
    engine.close()
