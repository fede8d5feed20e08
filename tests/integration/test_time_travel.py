"""A table that has changed its columns, as it was: through the whole of the embedded pipeline."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from medical_data_pipeline.adapters.aws.table_metadata import parse_table
from medical_data_pipeline.composition.local import LocalPipeline, LocalSettings, open_local
from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.query import Actor, QueryRequest, QueryState

ASKING = Actor("tester", "owner")


@pytest.fixture
def pipeline(tmp_path: Path) -> Iterator[LocalPipeline]:
    settings = LocalSettings(query_workers=1, upkeep_period_s=3600, reconcile_period_s=3600)
    opened = open_local(tmp_path / "data", settings, lambda: datetime.now(UTC), lambda happening: None)
    opened.start()
    yield opened
    opened.stop(20.0)


def put(pipeline: LocalPipeline, file: str, text: str) -> int:
    """The snapshot in which the file became visible."""
    pipeline.intake.put(f"t/{file}", iter([text.encode()]))
    assert pipeline.wait_settled(30)
    return pipeline.catalog.find("t").snapshots[-1].snapshot_id


def asked(pipeline: LocalPipeline, sql: str) -> tuple[list[str], list[tuple[object, ...]]]:
    begun = pipeline.queries.submit(QueryRequest(sql, (), ASKING))
    status = pipeline.queries.status(begun.query_id, ASKING, 60)
    assert status.state is QueryState.SUCCEEDED, (status.reason, status.detail)
    page = pipeline.queries.page(begun.query_id, ASKING)
    return [column.name for column in page.columns], [tuple(map(str, row)) for row in page.rows]


def test_each_state_has_the_columns_types_and_rows_of_its_time(pipeline: LocalPipeline) -> None:
    first = put(pipeline, "1.csv", "name\nAnn\n")
    second = put(pipeline, "2.csv", "name,dose\nBob,1.50\n")
    put(pipeline, "3.csv", "name,dose\nCy,12345.75\n")
    some = "SELECT {} FROM t FOR VERSION AS OF {} ORDER BY name"

    assert asked(pipeline, some.format("name", first)) == (["name"], [("Ann",)])
    assert asked(pipeline, some.format("name, dose", second))[1] == [("Ann", "None"), ("Bob", "1.50")]
    assert len(asked(pipeline, "SELECT * FROM t WHERE dose > 12000")[1]) == 1
    names, rows = asked(pipeline, some.format("*", first))
    assert (names[0], "dose" in names, len(rows)) == ("name", False, 1)
    joined = f"SELECT now.name FROM t now LEFT JOIN t FOR VERSION AS OF {second} b ON b.name = now.name"
    assert len(asked(pipeline, joined + " WHERE b.name IS NULL")[1]) == 1


def test_the_metadata_says_the_same_to_those_who_have_no_iceberg_library(pipeline: LocalPipeline) -> None:
    put(pipeline, "1.csv", "name\nAnn\n")
    put(pipeline, "2.csv", "name,dose\nBob,1.50\n")
    found = pipeline.catalog.find("t")

    parsed = parse_table("t", found.metadata_location, Path(found.metadata_location).read_bytes())

    assert (parsed.columns, parsed.snapshots) == (found.columns, found.snapshots)
    assert [each.columns is None for each in parsed.snapshots] == [False, True]


def test_a_column_that_was_not_there_yet_is_unknown_then(pipeline: LocalPipeline) -> None:
    first = put(pipeline, "1.csv", "name\nAnn\n")
    put(pipeline, "2.csv", "name,dose\nBob,1.50\n")

    with pytest.raises(QueryRejected) as refused:
        asked(pipeline, f"SELECT dose FROM t FOR VERSION AS OF {first}")

    assert "dose" in str(refused.value)
