"""Upkeep on AWS: whatever a night has no time for has its turn in another."""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import cast

from medical_data_pipeline.adapters.iceberg.maintenance import IcebergMaintenance
from medical_data_pipeline.composition.aws_upkeep import AwsUpkeep
from medical_data_pipeline.composition.happenings import Happening
from medical_data_pipeline.ports import TableCatalog
from tests.fakes import NOON, FixedClock, MemoryLedger

TABLES = ["admissions", "labs", "patients", "visits"]
SWEEP = "(sweep)"


class NamedTables:
    """As much of a catalog as upkeep asks for."""

    def list(self) -> list[str]:
        return TABLES


@dataclass
class SlowChores:
    """Stands in for the maintenance: remembers what was done, each of which takes ninety seconds."""

    done: list[str] = field(default_factory=list)

    def compact(self, table: str) -> int:
        self.done.append(table)
        return 0

    def expire_due(self, table: str, now: datetime) -> None:
        pass

    def sweep_orphans(self, now: datetime, grace: timedelta, waiting: Collection[str]) -> int:
        self.done.append(SWEEP)
        return 0


def test_every_table_and_the_sweep_have_their_turn_though_no_night_does_for_all() -> None:
    done: set[str] = set()
    told: list[Happening] = []

    for night in range(len(TABLES) + 1):
        chores = SlowChores()
        upkeep = AwsUpkeep(
            cast(TableCatalog, NamedTables()),
            cast(IcebergMaintenance, chores),
            MemoryLedger(),
            FixedClock(NOON + timedelta(days=night)),
            told.append,
        )
        upkeep.once(lambda chores=chores: 300.0 - 90 * len(chores.done))  # type: ignore[misc]
        assert len(chores.done) == 3
        done |= set(chores.done)

    assert done == {*TABLES, SWEEP}
    assert [each.detail for each in told if each.event == "upkeep-postponed"] == ["2 chores are left"] * 5
