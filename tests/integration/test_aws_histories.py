"""Random histories of several files on an emulated AWS, against what docs/datasets.md promises of a table."""

import os
import random
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from medical_data_pipeline.adapters.iceberg.maintenance import CompactionRule, IcebergMaintenance
from medical_data_pipeline.composition.aws_batches import MAX_RECEIVES
from medical_data_pipeline.composition.milestones import nothing
from medical_data_pipeline.errors import BackendUnavailable, TableNotFound
from tests.aws_bench import BUCKET, AwsBench, aws_bench
from tests.aws_emulator import date_object, shared_client

DECLARED = "version: 1\ndatasets:\n  whole: {mode: replace}\n  keyed: {mode: upsert, key: [id]}\n"
SEEDS = range(int(os.environ.get("MDP_HISTORIES", "2")))
MERGE_ALL = CompactionRule(min_files=2)
IDS = range(1, 7)

Row = tuple[int, str]


@dataclass(frozen=True)
class Waiting:
    """A message of the conversion queue, and how often it will have been given out."""

    body: dict[str, Any]
    receives: int = 1


@dataclass
class History:
    """What happens to the files of one table; `files` are what each holds, the newest last."""

    aws: AwsBench
    table: str
    chance: random.Random
    now: datetime = datetime(2026, 1, 5, tzinfo=UTC)
    queue: list[Waiting] = field(default_factory=list)
    dead: list[Waiting] = field(default_factory=list)
    files: dict[str, list[Row]] = field(default_factory=dict)

    def put(self) -> None:
        """A file that is new or sent again, with the keys it had, and perhaps more."""
        is_lost = self.chance.random() < 0.2
        if is_lost:
            # What is under way when a file comes without an event cannot be known to be older.
            self.deliver_all()
        self.now += timedelta(minutes=1)
        name = self.chance.choice("abcd")
        ids = {row[0] for row in self.files.pop(name, [])} | set(self.chance.sample(IDS, 2))
        self.files[name] = [(number, f"{name} {self.now:%H:%M}") for number in sorted(ids)]
        key, text = f"input/{self.table}/{name}.csv", "".join(f"{i},{v}\n" for i, v in self.files[name])
        event = self.aws.put(key, f"id,name\n{text}")
        event["detail"]["object"]["sequencer"] = f"{int(self.now.timestamp()):08X}{self.chance.randrange(9)}"
        date_object(BUCKET, key, self.now)
        self.queue += [] if is_lost else [Waiting(event)] * self.chance.choice([1, 1, 2])

    def deliver(self, failing: float = 0.0) -> None:
        """Some of the messages that wait, in any order; what fails comes again until it is laid aside."""

        def fail_perhaps(milestone: str) -> None:
            if self.chance.random() < failing:
                raise BackendUnavailable("the service does not answer")

        self.chance.shuffle(self.queue)
        batch, self.queue = self.queue[:2], self.queue[2:]
        self.aws.reached = fail_perhaps if failing else nothing
        for each in batch:
            if self.aws.convert(each.body, receives=each.receives):
                is_last = each.receives >= MAX_RECEIVES
                (self.dead if is_last else self.queue).append(Waiting(each.body, each.receives + 1))
        self.aws.reached = nothing
        self.announced()

    def deliver_hurt(self) -> None:
        self.deliver(failing=0.3)

    def put_back(self) -> None:
        self.queue += [Waiting(each.body) for each in self.dead]
        self.dead = []

    def commit(self) -> None:
        events = self.aws.manifest_events()
        self.chance.shuffle(events)
        self.aws.commit(*events[:3])
        self.announced()

    def merge(self) -> None:
        with suppress(TableNotFound):
            IcebergMaintenance(self.aws.catalog).compact(self.table, MERGE_ALL)

    def reconcile(self) -> None:
        self.now += timedelta(minutes=20)
        assert self.aws.convert({"task": "reconcile"}) == []
        self.announced()

    def announced(self) -> None:
        self.queue += [Waiting(task) for task in self.aws.queued("conversion")]

    def deliver_all(self) -> None:
        while self.queue or self.dead:
            self.put_back()
            self.deliver()

    def settle(self) -> None:
        for _ in range(3):
            self.reconcile()
            self.deliver_all()
            assert self.aws.commit(*self.aws.manifest_events()) == []
            self.announced()

    def expected(self) -> list[Row]:
        contents = list(self.files.values())
        if self.table == "whole":
            return contents[-1]
        if self.table == "keyed":
            return sorted({row[0]: row for content in contents for row in content}.values())
        return sorted(row for content in contents for row in content)


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[AwsBench]:
    with aws_bench(tmp_path) as bench:
        shared_client("s3").put_object(Bucket=BUCKET, Key="config/datasets.yaml", Body=DECLARED.encode())
        bench.datasets_key = "config/datasets.yaml"
        yield bench


@pytest.mark.parametrize("table", ["plain", "whole", "keyed"])
@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_happens_to_files_and_events_the_table_is_what_is_promised(
    aws: AwsBench, table: str, seed: int
) -> None:
    history = History(aws, table, random.Random(f"{table} {seed}"))
    aws.clock = lambda: history.now
    steps = [*[history.put] * 5, *[history.deliver] * 3, *[history.commit] * 3]
    steps += [history.deliver_hurt, history.put_back, *[history.merge] * 2, history.reconcile]

    history.put()
    for step in history.chance.choices(steps, k=12):
        step()
    history.settle()

    assert aws.rows(table, "id", "name") == history.expected()
