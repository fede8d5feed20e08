"""Which earlier results may be given again: only those that would be the same now."""

import pytest

from medical_data_pipeline.adapters.aws.athena_statement import athena_statement
from medical_data_pipeline.model.query import EngineStatement, EngineTable

TABLE = EngineTable("t_1", (), "s3://bucket/tables/t/1.json", name="t")


def is_lasting(sql: str, snapshot: int | None = 7) -> bool:
    statement = EngineStatement(sql, (TABLE,), ("a",))
    return athena_statement(statement, "medical_data_db", lambda table: snapshot, None).is_lasting


def test_what_reads_a_pinned_table_lasts() -> None:
    assert is_lasting("SELECT a FROM t_1")


@pytest.mark.parametrize(
    "changing",
    ["localtimestamp", "localtime", "current_timestamp", "current_date", "now()", "random()", "uuid()"],
)
def test_what_has_another_value_each_time_does_not_last(changing: str) -> None:
    assert not is_lasting(f"SELECT a, {changing} FROM t_1")


def test_a_sample_does_not_last() -> None:
    assert not is_lasting("SELECT a FROM t_1 TABLESAMPLE BERNOULLI (50)")


def test_a_table_that_changed_since_the_planning_is_not_pinned_and_what_reads_it_does_not_last() -> None:
    assert not is_lasting("SELECT a FROM t_1", snapshot=None)
