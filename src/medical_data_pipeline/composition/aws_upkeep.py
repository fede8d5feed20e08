"""What keeps tables quick and the bucket small, done once each time it is due, as far as the time goes."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from medical_data_pipeline.adapters.aws.sweep_mark import SweepMark
from medical_data_pipeline.adapters.iceberg.maintenance import IcebergMaintenance
from medical_data_pipeline.composition.aws_batches import TimeLeft
from medical_data_pipeline.composition.happenings import Happening, Report, told
from medical_data_pipeline.ports import Clock, Ledger, TableCatalog

# A large file's job writes for hours before anything is committed.
_GRACE = timedelta(days=1)
_LEAST_S = 60.0
# What a table's metadata takes to be read, at the most.
_SWEEP_LEAST_S = 30.0


@dataclass(frozen=True)
class AwsUpkeep:
    """Looks after every table of the catalog."""

    catalog: TableCatalog
    maintenance: IcebergMaintenance
    mark: SweepMark
    ledger: Ledger
    clock: Clock
    report: Report

    def once(self, time_left: TimeLeft) -> None:
        """Merge, expire and sweep. What fails, or finds no time, is done another night.

        Each night something else is begun with, so that all have their turn however many they are.
        """
        chores: list[tuple[str, Callable[[], None]]] = [
            (table, partial(self._look_after, table)) for table in self.catalog.list()
        ]
        chores.append(("", partial(self._sweep, time_left)))
        first = self.clock().toordinal() % len(chores)
        for number, (table, chore) in enumerate([*chores[first:], *chores[:first]]):
            if time_left() < _LEAST_S:
                self.report(Happening("upkeep-postponed", "", "", f"{len(chores) - number} chores are left"))
                return
            try:
                chore()
            except Exception as error:
                self.report(Happening("upkeep-failed", "", table, told(error)))

    def _look_after(self, table: str) -> None:
        self.maintenance.compact(table)
        self.maintenance.expire_due(table, self.clock())

    def _sweep(self, time_left: TimeLeft) -> None:
        """However large the bucket is: each night goes on where the one before came to."""
        waiting = {load.key_of("") for load in self.ledger.unfinished()}
        swept = self.maintenance.sweep_on(
            self.clock() - _GRACE, waiting, self.mark.after(), lambda: time_left() >= _SWEEP_LEAST_S
        )
        self.mark.put(swept.after)
        event = "sweep-postponed" if swept.after else "upkeep-done"
        self.report(Happening(event, "", "", f"{swept.removed} files removed"))
