"""Every AWS call of a load fails once, before it is carried out and after: the table comes out the same."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from medical_data_pipeline.model.load import LoadState
from tests.aws_bench import BUCKET, AwsBench, aws_bench
from tests.aws_emulator import shared_client
from tests.aws_faults import AFTER, BEFORE, FailingCalls

OLD, NEW = "id,name\n1,Ann\n2,Bob\n3,too,many\n", "id,name\n1,Anna\n4,Dan\n"
# A quick pass takes some of the calls; `make faults` takes all of them.
MOST_CALLS = 75
CALLS = range(1, MOST_CALLS) if os.environ.get("MDP_FAULTS") == "full" else range(2, 60, 11)


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[AwsBench]:
    with aws_bench(tmp_path) as bench:
        yield bench


def load_whatever_happens(aws: AwsBench, key: str, content: str) -> None:
    settle_whatever_happens(aws, aws.put(key, content))


def settle_whatever_happens(aws: AwsBench, event: Mapping[str, Any]) -> None:
    """As the queues do: what failed comes again, and what was announced is done."""
    events = [event]
    for receives in range(1, 5):
        failed = aws.convert(*events, receives=receives)
        events = [events[int(number)] for number in failed] + aws.queued("conversion")
        if not events:
            break
    for _ in range(4):
        if not aws.commit(*aws.manifest_events()) and not aws.queued("conversion"):
            break


def outcome(aws: AwsBench) -> tuple[object, ...]:
    return (
        aws.rows("labs", "id", "name", "_source_row"),
        aws.rows("labs__quarantine", "_source_row", "reason"),
        aws.states(),
    )


EXPECTED = (
    [(1, "Anna", 1), (4, "Dan", 2)],
    [],
    {"input/labs/a.csv": LoadState.COMMITTED},
)


def replaced_with_a_failure(aws: AwsBench, wanted: int, when: str) -> FailingCalls:
    """A file is loaded, and its replacement with one failing call."""
    load_whatever_happens(aws, "input/labs/a.csv", OLD)
    calls = FailingCalls(wanted, when)
    aws.clients = calls.client
    load_whatever_happens(aws, "input/labs/a.csv", NEW)
    return calls


def test_without_a_failure_a_changed_file_replaces_its_rows(aws: AwsBench) -> None:
    calls = replaced_with_a_failure(aws, 10_000, BEFORE)

    assert outcome(aws) == EXPECTED
    assert 20 < len(calls.made) < MOST_CALLS


@pytest.mark.faults
@pytest.mark.parametrize("when", [BEFORE, AFTER])
@pytest.mark.parametrize("wanted", CALLS)
def test_whichever_call_fails_the_table_comes_out_the_same(aws: AwsBench, wanted: int, when: str) -> None:
    calls = replaced_with_a_failure(aws, wanted, when)

    assert outcome(aws) == EXPECTED, f"call {wanted} ({calls.made[wanted - 1 : wanted]}) failed {when}"


KEYED = b"version: 1\ndatasets:\n  keyed: {mode: upsert, key: [id]}\n"


@pytest.mark.faults
@pytest.mark.parametrize("when", [BEFORE, AFTER])
# The first reads the declarations: without them the function does not start, and its whole batch comes again.
@pytest.mark.parametrize("wanted", [call for call in CALLS if call > 1])
def test_whichever_call_fails_a_file_that_is_loaded_late_replaces_no_newer_row(
    aws: AwsBench, wanted: int, when: str
) -> None:
    shared_client("s3").put_object(Bucket=BUCKET, Key="config/datasets.yaml", Body=KEYED)
    aws.datasets_key = "config/datasets.yaml"
    older = aws.put("input/keyed/older.csv", "id,name\n1,old\n2,old\n")
    load_whatever_happens(aws, "input/keyed/newer.csv", "id,name\n2,new\n3,new\n")
    aws.clients = FailingCalls(wanted, when).client

    settle_whatever_happens(aws, older)

    assert aws.rows("keyed", "id", "name") == [(1, "old"), (2, "new"), (3, "new")]
    assert set(aws.states().values()) == {LoadState.COMMITTED}
