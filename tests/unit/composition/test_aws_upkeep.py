"""Upkeep on AWS: whatever a night has no time for has its turn in another."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from medical_data_pipeline.adapters.aws.sweep_mark import SweepMark
from medical_data_pipeline.adapters.iceberg.maintenance import IcebergMaintenance, Swept
from medical_data_pipeline.composition.aws_upkeep import AwsUpkeep
from medical_data_pipeline.composition.happenings import Happening
from medical_data_pipeline.errors import BackendDenied
from medical_data_pipeline.ports import TableCatalog
from tests.fakes import NOON, FixedClock, MemoryLedger

TABLES = ["admissions", "labs", "patients", "visits"]
SWEEP = "(sweep)"


@dataclass
class NamedTables:
    """As much of a catalog as upkeep asks for."""

    names: list[str]

    def list(self) -> list[str]:
        return self.names


@dataclass
class SlowChores:
    """Stands in for the maintenance: a table takes ninety seconds, and so does a file of the bucket."""

    files: Sequence[str] = ("a",)
    can_remove: bool = True
    done: list[str] = field(default_factory=list)
    left_s: float = 300.0

    def compact(self, table: str) -> int:
        self._do(table)
        return 0

    def expire_due(self, table: str, now: datetime) -> None:
        pass

    def sweep_on(
        self, before: datetime, waiting: Collection[str], after: str, has_time: Callable[[], bool]
    ) -> Swept:
        if not self.can_remove:
            raise BackendDenied("S3 answered AccessDenied")
        for file in [file for file in self.files if file > after]:
            if not has_time():
                return Swept(1, after)
            after = file
            self._do(SWEEP + file)
        return Swept(1)

    def _do(self, chore: str) -> None:
        self.done.append(chore)
        self.left_s -= 90


@dataclass
class RememberedMark:
    """A mark in memory."""

    key: str = ""

    def after(self) -> str:
        return self.key

    def put(self, after: str) -> None:
        self.key = after


def nights(
    tables: list[str], files: Sequence[str], number: int, can_remove: bool = True
) -> tuple[list[list[str]], list[Happening]]:
    """What was done each night, and what was told of it."""
    done: list[list[str]] = []
    told: list[Happening] = []
    mark = RememberedMark()
    for night in range(number):
        chores = SlowChores(files, can_remove)
        upkeep = AwsUpkeep(
            cast(TableCatalog, NamedTables(tables)),
            cast(IcebergMaintenance, chores),
            cast(SweepMark, mark),
            MemoryLedger(),
            FixedClock(NOON + timedelta(days=night)),
            told.append,
        )
        upkeep.once(lambda chores=chores: chores.left_s)  # type: ignore[misc]
        done.append(chores.done)
    return done, told


def test_every_table_and_the_sweep_have_their_turn_though_no_night_does_for_all() -> None:
    done, told = nights(TABLES, ["a"], len(TABLES) + 1)

    assert [len(each) for each in done] == [3] * 5
    assert {chore for each in done for chore in each} == {*TABLES, SWEEP + "a"}
    assert [each.detail for each in told if each.event == "upkeep-postponed"] == ["2 chores are left"] * 5


def test_a_sweep_that_fails_keeps_no_table_waiting() -> None:
    done, told = nights(TABLES[:2], ["a"], 3, can_remove=False)

    assert [sorted(each) for each in done] == [TABLES[:2]] * 3
    assert [each.event for each in told] == ["upkeep-failed"] * 3


def test_a_bucket_that_is_too_large_for_a_night_is_swept_in_several_to_its_end() -> None:
    done, told = nights([], ["a", "b", "c", "d", "e"], 3)

    swept = [chore.removeprefix(SWEEP) for each in done for chore in each]
    assert swept == ["a", "b", "c", "d", "e", "a", "b", "c", "d"]
    assert [each.event for each in told] == ["sweep-postponed", "upkeep-done", "sweep-postponed"]
