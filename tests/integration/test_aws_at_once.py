"""Functions that run at the same moment, as Lambda lets them: the newest word stays, and nothing is lost."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from medical_data_pipeline.model.load import LoadState
from tests.aws_bench import AwsBench, aws_bench


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[AwsBench]:
    with aws_bench(tmp_path) as bench:
        yield bench


def at_once(works: Sequence[Callable[[], list[str]]]) -> list[list[str]]:
    """What each answers: the messages that have to come again."""
    answers: list[list[str]] = [["did not end"]] * len(works)
    together = threading.Barrier(len(works))

    def run(number: int) -> None:
        together.wait()
        answers[number] = works[number]()

    threads = [threading.Thread(target=run, args=(number,)) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return answers


def settle(aws: AwsBench) -> None:
    """What was announced meanwhile, as the queues would bring it."""
    for _ in range(4):
        tasks = aws.queued("conversion")
        assert aws.convert(*tasks) == []
        assert aws.commit(*aws.manifest_events()) == []


@pytest.mark.parametrize("attempt", range(3))
def test_of_two_contents_of_one_key_exactly_the_newer_is_in_the_table(aws: AwsBench, attempt: int) -> None:
    older = aws.put("input/t/a.csv", f"id,name\n1,older {attempt}\n")
    newer = aws.put("input/t/a.csv", f"id,name\n1,newer {attempt}\n2,newer {attempt}\n")

    converted = at_once([lambda: aws.convert(older), lambda: aws.convert(newer), lambda: aws.convert(newer)])
    manifests = aws.manifest_events()
    committed = at_once([lambda: aws.commit(*manifests), lambda: aws.commit(*reversed(manifests))])
    settle(aws)

    assert (converted, committed) == ([[]] * 3, [[]] * 2)
    assert aws.rows("t", "id", "name") == [(1, f"newer {attempt}"), (2, f"newer {attempt}")]
    assert sorted(load.state for load in aws.loads()) == [LoadState.COMMITTED, LoadState.SUPERSEDED]


@pytest.mark.parametrize("is_there_before", [False, True])
def test_files_that_bring_columns_of_their_own_at_once_lose_none(
    aws: AwsBench, is_there_before: bool
) -> None:
    if is_there_before:
        aws.load("input/t/first.csv", "id\n0\n")
    names = ("weight", "height", "pulse")
    for number, name in enumerate(names, 1):
        assert aws.convert(aws.put(f"input/t/{name}.csv", f"id,{name}\n{number},{number}0\n")) == []
    events = [[each] for each in aws.manifest_events()]

    committed = at_once([lambda event=event: aws.commit(*event) for event in events])  # type: ignore[misc]
    settle(aws)

    assert committed == [[]] * len(events)
    assert {column.name for column in aws.catalog.find("t").columns} >= {"id", *names}
    ids = [number for (number,) in aws.rows("t", "id")]
    assert ids == [*([0] if is_there_before else []), 1, 2, 3]
    assert set(aws.states().values()) == {LoadState.COMMITTED}
