"""Which earlier results may be given again: only those that would be the same now."""

import pytest

from medical_data_pipeline.adapters.aws.athena_statement import AthenaStatement, athena_statement
from medical_data_pipeline.model.query import EngineStatement, EngineTable

LOCATION = "s3://bucket/tables/t/1.json"


def written(sql: str, table: EngineTable) -> AthenaStatement:
    return athena_statement(EngineStatement(sql, (table,), ("a",)), "medical_data_db", None)


def is_lasting(sql: str, newest: int | None = 7) -> bool:
    return written(sql, EngineTable("t_1", (), LOCATION, None, "t", newest)).is_lasting


def test_what_reads_a_pinned_table_lasts() -> None:
    assert is_lasting("SELECT a FROM t_1")


@pytest.mark.parametrize(("wanted", "read"), [(None, 7), (5, 5)])
def test_a_table_is_read_as_it_was_planned(wanted: int | None, read: int) -> None:
    statement = written("SELECT a FROM t_1", EngineTable("t_1", (), LOCATION, wanted, "t", 7))

    assert f"FOR VERSION AS OF {read}" in statement.sql


@pytest.mark.parametrize(
    "changing",
    ["localtimestamp", "localtime", "current_timestamp", "current_date", "now()", "random()", "uuid()"],
)
def test_what_has_another_value_each_time_does_not_last(changing: str) -> None:
    assert not is_lasting(f"SELECT a, {changing} FROM t_1")


def test_a_sample_does_not_last() -> None:
    assert not is_lasting("SELECT a FROM t_1 TABLESAMPLE BERNOULLI (50)")


def test_a_table_that_has_no_state_yet_is_not_pinned_and_what_reads_it_does_not_last() -> None:
    assert not is_lasting("SELECT a FROM t_1", newest=None)
