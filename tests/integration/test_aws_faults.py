"""Every AWS call of a load fails once, before it is carried out and after: the table comes out the same."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from medical_data_pipeline.model.load import LoadState
from tests.aws_bench import AwsBench, aws_bench
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
    """As the queues do: what failed comes again, and what was announced is done."""
    events = [aws.put(key, content)]
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
