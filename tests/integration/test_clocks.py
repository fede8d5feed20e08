"""No order, and no file's life, depends on what the clock says: it may be set back, or be hours ahead."""

import json
import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from medical_data_pipeline.adapters.iceberg.maintenance import CompactionRule
from medical_data_pipeline.composition.reconciler import Reconciler
from medical_data_pipeline.model.load import LoadState
from tests.fakes import FixedClock
from tests.integration.iceberg_bench import Bench, now
from tests.integration.pipelines import Start

DAY = timedelta(days=1)


def committed_a_day_ahead(bench: Bench, table: str) -> None:
    """Leave the table as a clock would have written it that was a day ahead until now."""
    path = Path(bench.catalog.read_location(table))
    metadata = json.loads(path.read_text())
    ahead_ms = int(DAY.total_seconds() * 1000)
    metadata["last-updated-ms"] += ahead_ms
    for entry in (*metadata["snapshots"], *metadata["snapshot-log"], *metadata["metadata-log"]):
        entry["timestamp-ms"] += ahead_ms
    path.write_text(json.dumps(metadata))


@pytest.fixture
def set_back(bench: Bench) -> Bench:
    """A table of two commits, the later of which has the earlier time."""
    bench.load("t/a.csv", "id,name\n1,Ann\n")
    committed_a_day_ahead(bench, "t")
    bench.load("t/b.csv", "id,name\n2,Bob\n")
    return bench


def test_commits_go_on_after_the_clock_was_set_back(set_back: Bench) -> None:
    set_back.load("t/a.csv", "id,name\n1,Anna\n")

    times = [each.committed_at for each in set_back.catalog.find("t").snapshots]
    assert set_back.rows("t") == [(1, "Anna"), (2, "Bob")]
    assert (len(times), times[0] > times[1]) == (3, True)


@pytest.mark.parametrize("ahead", [timedelta(0), 2 * DAY, 10 * DAY], ids=["today", "2 days on", "10 days on"])
def test_the_newest_state_outlives_one_that_claims_to_be_newer(set_back: Bench, ahead: timedelta) -> None:
    set_back.maintenance.expire_snapshots("t", now() + ahead)
    set_back.maintenance.expire_due("t", now() + ahead)
    set_back.maintenance.sweep_orphans(now() + ahead)

    assert set_back.rows("t") == [(1, "Ann"), (2, "Bob")]


def test_files_are_merged_after_the_clock_was_set_back(set_back: Bench) -> None:
    assert set_back.maintenance.compact("t", CompactionRule(min_files=2)) == 2

    assert set_back.rows("t") == [(1, "Ann"), (2, "Bob")]


def test_a_commit_under_way_loses_no_file_to_a_sweep_whose_clock_is_ahead(bench: Bench) -> None:
    bench.load("t/a.csv", "id,name\n1,Ann\n")
    written = Path(bench.catalog.load("t").location()) / "metadata" / "of-a-commit-under-way.avro"
    with bench.catalog.lock("t"):
        written.write_bytes(b"not yet part of the table")
        sweep = threading.Thread(target=bench.maintenance.sweep_orphans, args=(now() + DAY,))
        sweep.start()
        sweep.join(0.7)
        is_there_meanwhile = written.exists()
    sweep.join()

    assert (is_there_meanwhile, written.exists()) == (True, False)
    assert bench.rows("t") == [(1, "Ann")]


def test_a_lost_catalog_takes_no_file_with_it(bench: Bench) -> None:
    bench.load("t/a.csv", "id,name\n1,Ann\n")
    bench.catalog.drop("t")
    before = sorted(bench.root.rglob("*.*"))

    assert bench.maintenance.sweep_orphans(now() + DAY) == 0
    assert sorted(bench.root.rglob("*.*")) == before


def test_the_version_that_came_last_wins_whatever_time_it_came_at(start: Start) -> None:
    clock = FixedClock(datetime.now(UTC))
    run = start(clock=clock)
    loads = []
    for step, name in ((DAY, "first"), (-2 * DAY, "second"), (timedelta(0), "third")):
        clock.move(step)
        loads.append(run.put("t/a.csv", f"id,name\n1,{name}\n"))
        run.wait_final(loads[-1])

    assert run.names() == ["third"]
    assert run.state(loads[-1]) is LoadState.COMMITTED
    newest_first = [load.load_id for load in run.loads()]
    assert newest_first == [load.load_id for load in reversed(loads)]


@pytest.mark.parametrize("age", [DAY, -DAY], ids=["a day old", "of tomorrow"])
def test_a_file_put_there_by_hand_is_found_whatever_its_time(start: Start, age: timedelta) -> None:
    run = start()
    file = run.folder / "input" / "t" / "a.csv"
    file.parent.mkdir(parents=True)
    file.write_text("id,name\n1,Ann\n")
    os.utime(file, (time.time() - age.total_seconds(),) * 2)

    reconciler = Reconciler(run.pipeline.store, run.pipeline.intake, lambda: datetime.now(UTC), print)
    assert (reconciler.scan(), reconciler.scan()) == (1, 0)
    run.wait_final(*run.loads())

    assert run.names() == ["Ann"]
