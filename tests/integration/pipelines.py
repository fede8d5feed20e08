"""The embedded pipeline in the test's own process, with milestones at which a test can hold it."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from medical_data_pipeline.composition.happenings import Happening
from medical_data_pipeline.composition.local import LocalPipeline, LocalSettings, open_local
from medical_data_pipeline.errors import TableNotFound
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.model.load import FINAL_STATES, Load, LoadState
from medical_data_pipeline.ports import Clock, LoadFilter


class Gate:
    """Holds whoever comes to a milestone as the `turn`th, until it is opened."""

    def __init__(self, milestone: str, turn: int = 1) -> None:
        self._milestone = milestone
        self._turn = turn
        self._guard = threading.Lock()
        self.arrived = threading.Event()
        self.open = threading.Event()

    def __call__(self, milestone: str) -> None:
        with self._guard:
            self._turn -= milestone == self._milestone
            is_held = milestone == self._milestone and self._turn == 0
        if is_held:
            self.arrived.set()
            self.open.wait(60)


class Running:
    """A started pipeline over one folder, with what it reported."""

    def __init__(
        self,
        folder: Path,
        reached: Callable[[str], None],
        datasets: dict[str, Dataset],
        clock: Clock,
        is_started: bool,
    ) -> None:
        self.folder = folder
        self.happened: list[Happening] = []
        settings = LocalSettings(
            # Nobody asks SQL here, so no process has to start for it.
            datasets=datasets,
            query_workers=0,
            upkeep_period_s=3600,
            reconcile_period_s=3600,
        )
        self.pipeline: LocalPipeline = open_local(folder, settings, clock, self.happened.append, reached)
        if is_started:
            self.pipeline.start()

    def loads(self) -> Sequence[Load]:
        return self.pipeline.ledger.list(LoadFilter(limit=1000))

    def put(self, key: str, text: str) -> Load:
        return self.pipeline.intake.put(key, iter([text.encode()])).load

    def state(self, load: Load) -> LoadState:
        return self.pipeline.ledger.find(load.load_id).state

    def wait_final(self, *loads: Load) -> list[LoadState]:
        deadline = time.monotonic() + 20
        while any(self.state(load) not in FINAL_STATES for load in loads):
            assert time.monotonic() < deadline, [self.state(load) for load in loads]
            time.sleep(0.02)
        return [self.state(load) for load in loads]

    def rows(self, table: str) -> list[dict[str, Any]]:
        try:
            found: list[dict[str, Any]] = self.pipeline.catalog.load(table).scan().to_arrow().to_pylist()
        except TableNotFound:
            return []
        return found

    def names(self, table: str = "t") -> list[str]:
        return sorted(row["name"] for row in self.rows(table))


Start = Callable[..., Running]
