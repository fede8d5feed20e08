"""Lost events are found in a bucket that has been there for years, without asking for each of its files."""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from medical_data_pipeline.adapters.aws.aws_clients import Client, aws_client
from medical_data_pipeline.model.load import LoadState
from tests.aws_bench import BUCKET, AwsBench, aws_bench, sqs_batch
from tests.aws_emulator import DATABASE, lose_catalog_and_ledger
from tests.aws_faults import BEFORE, FailingCalls

RECONCILE = {"task": "reconcile"}
NEVER = 1_000_000
CSV = "id,name\n1,Ann\n2,Bob\n"


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[AwsBench]:
    with aws_bench(tmp_path) as bench:
        bench.clock = lambda: datetime.now(UTC) + timedelta(hours=1)
        yield bench


def lose(aws: AwsBench, *keys: str) -> None:
    """Files of which no event tells."""
    for key in keys:
        aws.put(key, CSV)


def lose_with_sha256(key: str) -> dict[str, Any]:
    """As an upload signed by `POST /uploads` is stored."""
    answer: dict[str, Any] = aws_client("s3").put_object(
        Bucket=BUCKET, Key=key, Body=CSV.encode(), ChecksumAlgorithm="SHA256"
    )
    return answer


def found(aws: AwsBench, after: timedelta = timedelta(hours=1)) -> list[str]:
    """The keys of the loads that a look through the bucket at that time announces."""
    aws.clock = lambda: datetime.now(UTC) + after
    assert aws.convert(RECONCILE) == []
    return sorted(aws.ledger.find(task["load_id"]).source.key for task in aws.queued("conversion"))


def calls_of_a_look(aws: AwsBench) -> Counter[str]:
    calls = FailingCalls(NEVER, BEFORE)
    aws.clients = calls.client
    assert found(aws) == []
    return Counter(calls.made)


def test_files_that_are_known_cost_a_call_for_a_hundred_of_them(aws: AwsBench) -> None:
    lose(aws, *(f"input/labs/{number:03}.csv" for number in range(101)))
    assert len(found(aws)) == 101

    made = calls_of_a_look(aws)

    assert made["dynamodb.BatchGetItem"] == 2
    assert made["s3.ListObjectsV2"] == 1
    assert made["s3.HeadObject"] == 0
    # The two indexes of what is unfinished and that of what was refused, and how far the last look came.
    assert sum(made.values()) == 2 + 1 + 3 + 2


def test_a_file_known_by_its_sha256_is_asked_for_once(aws: AwsBench) -> None:
    lose_with_sha256("input/labs/lost.csv")
    etag = lose_with_sha256("input/labs/known.csv")["ETag"].strip('"')
    event = aws.put("input/labs/other.csv", CSV)
    event["detail"]["object"] |= {"key": "input/labs/known.csv", "etag": etag}
    assert aws.convert(event) == []

    assert found(aws) == ["input/labs/lost.csv", "input/labs/other.csv"]

    made = calls_of_a_look(aws)
    assert (made["s3.HeadObject"], made["dynamodb.UpdateItem"]) == (0, 0)


def test_from_a_bucket_that_alone_was_left_everything_is_loaded_anew(aws: AwsBench) -> None:
    aws.load("input/labs/a.csv", CSV)
    rows = aws.rows("labs", "id", "name")

    lose_catalog_and_ledger()

    assert aws.rows("labs", "id") == []
    assert aws.convert(RECONCILE) == []
    assert aws.convert(*aws.queued("conversion")) == []
    assert aws.commit(*aws.manifest_events()) == []
    assert aws.rows("labs", "id", "name") == rows != []


def test_a_table_that_was_removed_is_made_anew_by_replays(aws: AwsBench) -> None:
    for name in ("a", "b"):
        aws.load(f"input/labs/{name}.csv", CSV.replace("Ann", name))
    rows = aws.rows("labs", "id", "name")
    aws_client("glue").delete_table(DatabaseName=DATABASE, Name="labs")
    assert aws.rows("labs", "id") == []

    for load in aws.loads():
        assert aws.convert({"task": "replay", "load_id": load.load_id}) == []
    assert aws.commit(*aws.manifest_events()) == []

    assert aws.rows("labs", "id", "name") == rows != []


def test_a_file_that_was_loaded_again_is_asked_for_once(aws: AwsBench) -> None:
    aws.load("input/labs/a.csv", CSV)
    (load,) = aws.loads()
    assert aws.convert({"task": "replay", "load_id": load.load_id}) == []
    assert found(aws) == []

    made = calls_of_a_look(aws)

    # How far the last look came, and nothing of the load.
    assert made["dynamodb.GetItem"] == 1


def test_what_was_noted_of_a_file_says_nothing_once_another_was_loaded_in_its_place(aws: AwsBench) -> None:
    first = lose_with_sha256("input/labs/a.csv")
    assert found(aws) == ["input/labs/a.csv"]
    aws.load("input/labs/a.csv", "id,name\n9,Zoe\n")
    s3 = aws_client("s3")
    (newest,) = (
        each["VersionId"]
        for each in s3.list_object_versions(Bucket=BUCKET)["Versions"]
        if each["IsLatest"] and each["Key"] == "input/labs/a.csv"
    )

    # The former version is brought back, of which S3 tells nobody.
    s3.delete_object(Bucket=BUCKET, Key="input/labs/a.csv", VersionId=newest)

    assert s3.head_object(Bucket=BUCKET, Key="input/labs/a.csv")["ETag"] == first["ETag"]
    assert found(aws) == ["input/labs/a.csv"]


def test_a_look_that_the_time_does_not_do_for_is_gone_on_with(aws: AwsBench) -> None:
    lose(aws, *(f"input/labs/{number:03}.csv" for number in range(104)))
    clock = iter([300.0, 300.0, 300.0, 300.0, 100.0])

    aws.conversion().handle(sqs_batch(RECONCILE), lambda: next(clock))
    first = [aws.ledger.find(task["load_id"]).source.key for task in aws.queued("conversion")]
    calls = FailingCalls(NEVER, BEFORE)
    aws.clients = calls.client
    second = found(aws)

    assert first == [f"input/labs/{number:03}.csv" for number in range(100)]
    assert second == [f"input/labs/{number:03}.csv" for number in range(100, 104)]
    assert Counter(calls.made)["dynamodb.BatchGetItem"] == 1
    assert [each.event for each in aws.told] == ["reconcile-postponed", "reconciled", "reconciled"]


def test_a_file_that_cannot_be_taken_in_stops_no_other_and_is_looked_at_again(aws: AwsBench) -> None:
    lose(aws, *(f"input/labs/{number}.csv" for number in range(4)))

    def refuse(request: Any, **_: Any) -> None:
        if b"input/labs/2.csv" in request.body:
            raise ConnectTimeoutError(endpoint_url="https://emulated")

    def clients(service: str) -> Client:
        client = FailingCalls(NEVER, BEFORE).client(service)
        client.meta.events.register("before-send.dynamodb.TransactWriteItems", refuse)
        return client

    usual = aws.clients
    aws.clients = clients
    assert aws.convert(RECONCILE) == ["0"]
    keys = [aws.ledger.find(task["load_id"]).source.key for task in aws.queued("conversion")]
    assert keys == [f"input/labs/{number}.csv" for number in (0, 1, 3)]

    aws.clients = usual
    assert found(aws) == ["input/labs/2.csv"]


def test_a_file_that_was_dated_days_before_it_came_is_found_by_the_next_look(aws: AwsBench) -> None:
    assert found(aws, timedelta(days=2)) == []

    # Such is one whose upload took that long.
    lose(aws, "input/labs/a.csv")

    assert found(aws, timedelta(days=2, minutes=15)) == ["input/labs/a.csv"]


def test_a_file_that_is_older_than_that_is_found_within_a_day(aws: AwsBench) -> None:
    assert found(aws, timedelta(days=10)) == []

    lose(aws, "input/labs/a.csv")

    assert found(aws, timedelta(days=10, minutes=15)) == []
    assert found(aws, timedelta(days=11)) == ["input/labs/a.csv"]


def test_a_file_whose_event_may_only_be_late_is_left_alone(aws: AwsBench) -> None:
    lose(aws, "input/labs/a.csv")

    assert found(aws, timedelta(minutes=5)) == []
    assert found(aws, timedelta(minutes=20)) == ["input/labs/a.csv"]


def test_a_file_that_was_removed_before_it_was_read_is_loaded_once_it_is_brought_back(aws: AwsBench) -> None:
    event = aws.put("input/t/a.csv", CSV)
    where = {"Bucket": BUCKET, "Key": "input/t/a.csv"}
    marker = aws_client("s3").delete_object(**where)["VersionId"]
    assert aws.convert(event) == []
    assert found(aws) == []

    aws_client("s3").delete_object(**where, VersionId=marker)

    assert found(aws) == ["input/t/a.csv"]
    assert aws.states() == {"input/t/a.csv": LoadState.RECEIVED}
    assert found(aws) == []


def test_a_removed_file_that_cannot_be_looked_at_does_not_keep_others_from_being_found(
    aws: AwsBench,
) -> None:
    event = aws.put("input/t/a.csv", CSV)
    aws_client("s3").delete_object(Bucket=BUCKET, Key="input/t/a.csv")
    assert aws.convert(event) == []
    lose(aws, "input/t/b.csv")

    def refuse(request: Any, **_: Any) -> None:
        if request.url.endswith("input/t/a.csv"):
            raise ConnectTimeoutError(endpoint_url="https://emulated")

    def clients(service: str) -> Client:
        client = FailingCalls(NEVER, BEFORE).client(service)
        client.meta.events.register("before-send.s3.HeadObject", refuse)
        return client

    aws.clients = clients

    assert found(aws) == ["input/t/b.csv"]
