"""The nightly upkeep on an emulated AWS, over buckets for which a night does not do."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.aws_bench import AwsBench, aws_bench, failures, sqs_batch


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[AwsBench]:
    with aws_bench(tmp_path) as bench:
        yield bench


def spend_night(aws: AwsBench, looks: int) -> None:
    """A night in which the time is looked at so often before it is over."""
    left = iter([300.0] * looks)
    answer = aws.catalog_function().handle(sqs_batch({"task": "maintain"}), lambda: next(left, 20.0))
    assert failures(answer) == []


def test_what_one_night_does_not_sweep_the_next_ones_do_and_no_row_is_lost(aws: AwsBench) -> None:
    aws.load("input/labs/a.csv", "id,name\n1,Ann\n2,too,many\n")
    aws.load("input/meds/b.csv", "id,name\n2,Bob\n")
    orphans = [f"record_folders/{table}/{'ab' * 16}/part-0-{n}.parquet" for table in "ln" for n in range(4)]
    orphans += [f"tables/labs/data/{number}.parquet" for number in range(4)]
    for key in orphans:
        aws.put(key, "of a run that died")
    kept = {*aws.keys("record_folders/"), *aws.keys("tables/")} - set(orphans)
    aws.clock = lambda: datetime.now(UTC) + timedelta(days=2)

    while "upkeep-done" not in [each.event for each in aws.told] and len(aws.told) < 50:
        spend_night(aws, 12)

    events = [each.event for each in aws.told]
    assert (events.count("sweep-postponed") > 1, events.count("upkeep-done")) == (True, 1)
    assert {*aws.keys("record_folders/"), *aws.keys("tables/")} == kept
    assert aws.rows("labs", "id", "name") == [(1, "Ann")]
    assert aws.rows("meds", "id", "name") == [(2, "Bob")]
    assert len(aws.rows("labs__quarantine", "reason")) == 1
