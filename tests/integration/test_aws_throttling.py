"""A service that is asked too often says so; nothing is lost, doubled or given up for that."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from botocore.config import Config

from medical_data_pipeline.model.load import LoadState
from tests.aws_bench import AwsBench, aws_bench
from tests.aws_faults import ThrottledCalls

CSV = "id,name\n1,Ann\n2,Bob\n3,too,many\n"
ALWAYS = 1_000_000
# As `aws_client` has it, and without any.
PATIENCE = Config(retries={"mode": "standard", "total_max_attempts": 4})
IMPATIENCE = Config(retries={"mode": "standard", "total_max_attempts": 1})


def later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def much_later() -> datetime:
    return datetime.now(UTC) + timedelta(hours=3)


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[AwsBench]:
    with aws_bench(tmp_path) as bench:
        yield bench


def test_one_refusal_of_every_kind_of_call_is_noticed_by_nobody(aws: AwsBench) -> None:
    calls = ThrottledCalls("", 1, PATIENCE)
    aws.clients = calls.client

    assert aws.convert(aws.put("input/labs/a.csv", CSV)) == []
    assert aws.commit(*aws.manifest_events()) == []

    assert {"s3.PutObject", "s3.GetObject", "dynamodb.TransactWriteItems", "glue.CreateTable"} <= set(
        calls.said
    )
    assert aws.rows("labs", "id", "name") == [(1, "Ann"), (2, "Bob")]


@pytest.mark.parametrize("prefix", ["s3.", "dynamodb.", "glue."])
def test_a_service_that_refuses_for_long_makes_messages_come_again(aws: AwsBench, prefix: str) -> None:
    event = aws.put("input/labs/a.csv", CSV)
    calls = ThrottledCalls(prefix, ALWAYS, IMPATIENCE)
    aws.clients = calls.client

    assert aws.convert(event) == ["0"]
    calls.times = 0
    assert aws.convert(event, receives=2) == []
    calls.times = ALWAYS
    calls.said.clear()
    assert aws.commit(*aws.manifest_events()) == ["0"]
    calls.times = 0
    assert aws.commit(*aws.manifest_events()) == []

    assert aws.rows("labs", "id", "name") == [(1, "Ann"), (2, "Bob")]
    assert aws.states() == {"input/labs/a.csv": LoadState.COMMITTED}
    assert len(aws.loads()) == 1


def test_a_queue_that_refuses_lets_the_reconciler_come_again(aws: AwsBench) -> None:
    aws.put("input/labs/a.csv", CSV)
    aws.clock = later
    calls = ThrottledCalls("sqs.", ALWAYS, IMPATIENCE)
    aws.clients = calls.client

    assert aws.convert({"task": "reconcile"}) == ["0"]
    calls.times = 0
    aws.clock = much_later
    assert aws.convert({"task": "reconcile"}, receives=2) == []

    (load,) = aws.loads()
    tasks = {(task["task"], task["load_id"]) for task in aws.queued("conversion")}
    assert tasks == {("convert", load.load_id)}
