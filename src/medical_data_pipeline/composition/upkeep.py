"""What keeps a running pipeline quick and small: merging, expiring, sweeping, in a thread of its own."""

from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread

from medical_data_pipeline.adapters.iceberg.maintenance import IcebergMaintenance
from medical_data_pipeline.adapters.local.duckdb_query_engine import DuckDbQueryEngine
from medical_data_pipeline.ports import Clock, Ledger, TableCatalog

SWEEP_PERIOD = timedelta(hours=1)
# Soon, since many a server runs for less than an hour at a time.
FIRST_SWEEP = timedelta(minutes=5)


class Upkeep:
    """Looks after every table each period."""

    def __init__(  # noqa: PLR0913 - all it looks after
        self,
        catalog: TableCatalog,
        ledger: Ledger,
        maintenance: IcebergMaintenance,
        engine: DuckDbQueryEngine,
        clock: Clock,
        on_error: Callable[[str], None],
    ) -> None:
        self._catalog = catalog
        self._ledger = ledger
        self._maintenance = maintenance
        self._engine = engine
        self._clock = clock
        self._on_error = on_error
        self._next_sweep = clock() + FIRST_SWEEP
        self._stopping = Event()
        self._thread: Thread | None = None

    def start(self, period_s: float) -> None:
        self._thread = Thread(target=self._run, args=(period_s,), name="upkeep", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Whether it has come to an end in time."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(timeout_s)
        return self._thread is None or not self._thread.is_alive()

    def once(self) -> None:
        """Merge, expire and sweep what is due now."""
        for table in self._catalog.list():
            if self._stopping.is_set():
                return
            self._maintenance.compact(table)
            self._maintenance.expire_due(table, self._clock())
        self._engine.sweep(self._clock())
        if self._clock() >= self._next_sweep:
            waiting = {load.key_of("") for load in self._ledger.unfinished()}
            self._maintenance.sweep_orphans(self._clock(), waiting=waiting)
            self._next_sweep = self._clock() + SWEEP_PERIOD

    def _run(self, period_s: float) -> None:
        while not self._stopping.wait(period_s):
            try:
                self.once()
            except Exception as error:
                # Whatever it was, the thread has to be there for the next round.
                self._on_error(type(error).__name__)
