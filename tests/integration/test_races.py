"""Loads that overtake or contradict each other, or lose a file or a disk: the pipeline in one process."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from medical_data_pipeline.errors import StorageFull
from medical_data_pipeline.model.dataset import Dataset, LoadMode
from medical_data_pipeline.model.load import LoadState
from medical_data_pipeline.model.row_layout import RowLayout
from tests.integration.pipelines import Gate, Start

# Small loads of a plain table wait for each other; those of a sorted one are converted one by one and several
# at a time, as large ones of any table may be beside small ones.
SIDE_BY_SIDE = Dataset(table="t", layout=RowLayout(sort_by=("id",)))


@pytest.mark.parametrize(
    ("newer", "names"), [("id,name\n7,NEW\n", ["NEW"]), ("id,name\n", [])], ids=["rows", "no rows"]
)
@pytest.mark.parametrize("held_at", ["converted-files-published", "ledger-converted", "catalog-committed"])
def test_an_older_version_that_takes_long_never_comes_after_the_newer(
    held_at: str, newer: str, names: list[str], start: Start
) -> None:
    gate = Gate(held_at)
    run = start(gate, t=SIDE_BY_SIDE)
    old = run.put("t/a.csv", "id,name\n1,OLD\n2,OLD\n3,OLD,surplus\n")
    assert gate.arrived.wait(20)
    new = run.put("t/a.csv", newer)
    if held_at != "catalog-committed":
        run.wait_final(new)
    gate.open.set()

    assert run.wait_final(old, new) == [LoadState.SUPERSEDED, LoadState.COMMITTED]
    assert run.pipeline.wait_settled(10)
    assert run.names() == names
    assert run.rows("t__quarantine") == []


def test_content_that_comes_back_while_its_first_arrival_is_converted_is_the_last_word(start: Start) -> None:
    gate = Gate("converted-files-published")
    run = start(gate, t=SIDE_BY_SIDE)
    first = run.put("t/a.csv", "id,name\n1,A\n")
    assert gate.arrived.wait(20)
    other = run.put("t/a.csv", "id,name\n2,B\n")
    run.wait_final(other)
    again = run.put("t/a.csv", "id,name\n1,A\n")
    gate.open.set()

    assert again.load_id == first.load_id
    assert run.wait_final(again) == [LoadState.COMMITTED]
    assert run.pipeline.wait_settled(10)
    assert run.names() == ["A"]


def test_an_older_snapshot_stays_readable_when_its_content_comes_back(start: Start) -> None:
    run = start()
    for text in ("id,name\n1,A\n", "id,name\n2,B\n", "id,name\n1,A\n"):
        run.wait_final(run.put("t/a.csv", text))

    table = run.pipeline.catalog.load("t")
    seen = [
        table.scan(snapshot_id=each.snapshot_id).to_arrow().column("name").to_pylist()
        for each in sorted(table.metadata.snapshots, key=lambda each: each.sequence_number or 0)
    ]
    files = [path for path in (run.folder / "record_folders").rglob("part-*.parquet")]
    assert seen == [["A"], ["B"], ["A"]]
    assert len(files) == 3


@pytest.mark.parametrize("rows", [5, 60], ids=["within the reject limit", "beyond it"])
def test_of_two_first_files_with_other_types_the_later_leaves_no_rejected_rows_behind(
    rows: int, start: Start
) -> None:
    both = threading.Barrier(2)
    turns = iter(range(10**6))

    def reached(milestone: str) -> None:
        if milestone == "ledger-converted" and next(turns) < 2:
            both.wait(20)

    run = start(reached, t=SIDE_BY_SIDE)
    numbers = "".join(f"{number},{number}\n" for number in range(rows))
    dates = "".join(f"{number},2020-01-{number % 28 + 1:02d}\n" for number in range(rows))
    loads = [
        run.put("t/x.csv", "id,name\n" + numbers + "9,9,surplus\n"),
        run.put("t/y.csv", "id,name\n" + dates + "9,2020-01-01,surplus\n"),
    ]

    run.wait_final(*loads)

    assert run.pipeline.wait_settled(10)
    rejected = run.rows("t__quarantine")
    for load in loads:
        ended = run.pipeline.ledger.find(load.load_id)
        loaded = [row for row in run.rows("t") if row["_load_id"] == load.load_id]
        aside = [row for row in rejected if row["_load_id"] == load.load_id]
        assert (len(loaded), len(aside)) == (ended.rows.loaded, ended.rows.quarantined)
        assert ended.state is LoadState.COMMITTED or (ended.rows.read, len(aside)) == (0, 0)


def test_a_load_whose_converted_file_is_lost_is_converted_again_and_stops_no_other(start: Start) -> None:
    gate = Gate("ledger-converted")
    run = start(gate)
    hurt = run.put("hurt/a.csv", "id,name\n1,A\n")
    assert gate.arrived.wait(20)
    next((run.folder / "record_folders/hurt" / hurt.load_id).glob("part-*")).unlink()
    others = [run.put(f"t{number}/a.csv", "id,name\n1,A\n") for number in range(4)]
    gate.open.set()

    assert set(run.wait_final(hurt, *others)) == {LoadState.COMMITTED}
    assert run.names("hurt") == ["A"]


def test_threads_live_on_while_the_ledger_cannot_be_written(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = start()
    ledger = run.pipeline.ledger
    is_full = threading.Event()
    is_full.set()

    def failing(work: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **values: Any) -> Any:
            if is_full.is_set():
                raise StorageFull("there is no room left for the ledger")
            return work(*args, **values)

        return call

    monkeypatch.setattr(ledger, "advance", failing(ledger.advance))
    monkeypatch.setattr(ledger, "advance_many", failing(ledger.advance_many))
    loads = [run.put(f"t/{number}.csv", f"id,name\n{number},A\n") for number in range(8)]
    time.sleep(1.5)
    is_full.clear()
    loads.append(run.put("t/later.csv", "id,name\n9,A\n"))

    assert set(run.wait_final(*loads)) == {LoadState.COMMITTED}
    assert run.pipeline.health().checks["worker"] == "ok"
    assert len(run.rows("t")) == 9


def test_an_empty_file_that_replaces_the_table_is_not_undone_by_an_older_one(start: Start) -> None:
    gate = Gate("converted-files-published")
    run = start(gate, t=Dataset(table="t", mode=LoadMode.REPLACE))
    slow = run.put("t/a.csv", "id,name\n1,A\n")
    assert gate.arrived.wait(20)
    empty = run.put("t/b.csv", "id,name\n")
    run.wait_final(empty)
    gate.open.set()

    assert run.wait_final(slow) == [LoadState.SUPERSEDED]
    assert run.names() == []


def test_a_look_at_the_folder_that_is_older_than_an_upload_does_not_bring_it_to_the_fore_again(
    start: Start,
) -> None:
    run = start(t=Dataset(table="t", mode=LoadMode.REPLACE))
    run.wait_final(run.put("t/a.csv", "id,name\n1,OLD\n"))
    looked_at = list(run.pipeline.store.list("local", "input/"))
    for key, name in (("t/a.csv", "NEW"), ("t/b.csv", "LAST")):
        run.wait_final(run.put(key, f"id,name\n1,{name}\n"))

    run.pipeline.intake.announce_all(looked_at)
    run.pipeline.intake.announce_all(list(run.pipeline.store.list("local", "input/")))

    run.wait_final(*run.loads())
    assert run.pipeline.wait_settled(10)
    assert run.names() == ["LAST"]


def test_a_look_at_the_folder_that_is_older_than_an_upload_supersedes_no_load_of_it(start: Start) -> None:
    gate = Gate("converted-files-published", turn=2)
    run = start(gate)
    run.wait_final(run.put("t/a.csv", "id,name\n1,OLD\n"))
    looked_at = list(run.pipeline.store.list("local", "input/"))
    new = run.put("t/a.csv", "id,name\n1,NEW\n")
    assert gate.arrived.wait(20)

    run.pipeline.intake.announce_all(looked_at)
    gate.open.set()

    assert run.wait_final(new) == [LoadState.COMMITTED]
    assert run.names() == ["NEW"]
