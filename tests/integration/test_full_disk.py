"""A disk that fills up at any step: nothing half-done stays, and all goes on when there is room again."""

import random
import string
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from medical_data_pipeline.adapters.local.iceberg_durable_io import DurableFileIO
from medical_data_pipeline.errors import StorageFull
from medical_data_pipeline.model.dataset import Dataset, LoadMode
from medical_data_pipeline.model.load import LoadState
from medical_data_pipeline.model.quarantine import quarantine_table
from medical_data_pipeline.model.row_layout import RowLayout
from tests.integration.duckdb_engines import SMALL, outcome, raw_engine, rows, submit
from tests.integration.iceberg_bench import Bench
from tests.integration.pipelines import Gate, Running, Start
from tests.volumes import Volume

TEXT = "id,name\n1,Ann\n2,Bob\n3,Cy,surplus\n"
# Longer than any pause between two tries, shorter than all of them together.
PAUSE_S = 4.0
PAGE_BYTES = 4096


def require_nothing_between_tries(folder: Path) -> None:
    """It is tried again and again, so now and then a try is looked at in the middle."""
    deadline = time.monotonic() + 20
    while list(folder.rglob("*.parquet")):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def unfinished_files(folder: Path) -> list[Path]:
    hidden = [path for path in folder.rglob(".*") if path.name.startswith((".part-", ".scratch", ".merged-"))]
    return hidden + list((folder / ".partial").iterdir())


def require_loaded(run: Running, names: list[str]) -> None:
    assert run.names() == names
    assert [row["raw_text"] for row in run.rows(quarantine_table("t"))] == ["3,Cy,surplus"]
    assert unfinished_files(run.folder) == []
    assert {happening.event for happening in run.happened} & {"failed", "refused"} == set()


def require_nothing_given_up(run: Running) -> None:
    """After some tries, with no room for any of them."""
    time.sleep(PAUSE_S)
    assert {happening.event for happening in run.happened} & {"failed", "refused"} == set()
    assert run.pipeline.health().checks["worker"] == "ok"


@pytest.mark.parametrize(
    "milestone",
    [
        "converted-files-written",
        "converted-files-published",
        "manifest-written",
        "ledger-converted",
        "catalog-committed",
    ],
)
def test_a_load_whose_disk_fills_up_on_its_way_goes_on_when_there_is_room(
    milestone: str, start: Start, volume: Volume
) -> None:
    gate = Gate(milestone)
    run = start(gate, volume.path / "data")
    load = run.put("t/a.csv", TEXT)
    assert gate.arrived.wait(20)
    volume.fill()
    gate.open.set()

    require_nothing_given_up(run)
    volume.empty()

    assert run.wait_final(load) == [LoadState.COMMITTED]
    require_loaded(run, ["Ann", "Bob"])


@pytest.mark.parametrize(
    "dataset",
    [
        Dataset(table="t"),
        Dataset(table="t", mode=LoadMode.UPSERT, upsert_key=("id",)),
        Dataset(table="t", layout=RowLayout(sort_by=("name",))),
    ],
    ids=["as it comes", "by key", "sorted"],
)
def test_a_file_there_is_no_room_to_convert_is_converted_when_there_is(
    dataset: Dataset, start: Start, volume: Volume
) -> None:
    rng = random.Random(1)
    cells = ["".join(rng.choices(string.ascii_letters + string.digits, k=100)) for _ in range(20_000)]
    text = "id,name\n" + "".join(f"{number},{cell}\n" for number, cell in enumerate(cells))
    run = start(folder=volume.path / "data", t=dataset)
    volume.fill(left_bytes=len(text) + (600 << 10))
    load = run.put("t/a.csv", text)

    require_nothing_given_up(run)
    assert run.state(load) is LoadState.RECEIVED
    require_nothing_between_tries(run.folder / "record_folders")
    volume.empty()

    assert run.wait_final(load) == [LoadState.COMMITTED]
    assert run.names() == sorted(cells)
    assert unfinished_files(run.folder) == []


def test_an_upload_there_is_no_room_for_is_refused_and_changes_nothing(start: Start, volume: Volume) -> None:
    run = start(folder=volume.path / "data")
    first = run.put("t/a.csv", TEXT)
    run.wait_final(first)
    volume.fill(left_bytes=100 << 10)

    for key in ("t/a.csv", "t/b.csv"):
        with pytest.raises(StorageFull):
            run.put(key, "id,name\n" + "1,Ann\n" * 100_000)

    require_loaded(run, ["Ann", "Bob"])
    assert [path.name for path in (run.folder / "input").rglob("*.csv")] == ["a.csv"]
    volume.empty()
    run.wait_final(run.put("t/b.csv", "id,name\n4,Di\n"))
    require_loaded(run, ["Ann", "Bob", "Di"])


def test_an_upload_the_ledger_has_no_room_for_is_refused_and_may_be_sent_again(
    start: Start, volume: Volume
) -> None:
    gate = Gate("upload-stored")
    run = start(gate, volume.path / "data")
    refused: list[BaseException] = []

    def put() -> None:
        try:
            run.put("t/a.csv", TEXT)
        except StorageFull as error:
            refused.append(error)

    sending = threading.Thread(target=put)
    sending.start()
    assert gate.arrived.wait(20)
    volume.fill()
    gate.open.set()
    sending.join()

    assert len(refused) == 1
    volume.empty()
    assert run.wait_final(run.put("t/a.csv", TEXT)) == [LoadState.COMMITTED]
    require_loaded(run, ["Ann", "Bob"])


@pytest.mark.parametrize("is_first", [True, False], ids=["a new table", "a table that is there"])
def test_a_commit_there_is_no_room_for_says_so_and_may_be_repeated(
    is_first: bool, make_bench: Callable[..., Bench], volume: Volume
) -> None:
    bench = make_bench(volume.path)
    if not is_first:
        bench.load("t/a.csv", "id,name\n0,Zoe\n")
    manifest = bench.converted("t/b.csv", "id,name\n1,Ann\n")
    volume.fill()

    for _ in range(2):
        with pytest.raises(StorageFull):
            bench.catalog.commit("t", [manifest])
    volume.empty()
    bench.catalog.commit("t", [manifest])

    assert bench.rows("t") == ([] if is_first else [(0, "Zoe")]) + [(1, "Ann")]
    assert len(bench.catalog.find("t").snapshots) == (1 if is_first else 2)


def test_a_metadata_file_is_never_cut_off_in_silence(volume: Volume) -> None:
    output = DurableFileIO().new_output(str(volume.path / "t" / "v1.json"))
    volume.fill(left_bytes=PAGE_BYTES)

    with output.create() as stream, pytest.raises(OSError, match="No space left"):
        stream.write(b"x" * 3 * PAGE_BYTES)

    assert stream.closed


def test_a_commit_is_whole_or_refused_however_little_room_is_left(
    make_bench: Callable[..., Bench], volume: Volume
) -> None:
    bench = make_bench(volume.path)
    bench.load("t/a.csv", "id,name\n0,row 0\n")
    expected, refused = [(0, "row 0")], 0
    for pages in range(24):
        manifest = bench.converted(f"t/{pages}.csv", f"id,name\n{pages + 1},row {pages + 1}\n")
        volume.fill(left_bytes=pages * PAGE_BYTES)
        try:
            bench.catalog.commit("t", [manifest])
        except StorageFull:
            refused += 1
        else:
            expected.append((pages + 1, f"row {pages + 1}"))
        volume.empty()
        assert bench.rows("t") == expected

    assert 0 < refused < 24


def test_a_start_on_a_full_disk_takes_up_what_is_left_when_there_is_room(
    start: Start, volume: Volume
) -> None:
    folder = volume.path / "data"
    gate = Gate("converted-files-written")
    before = start(gate, folder)
    load = before.put("t/a.csv", TEXT)
    assert gate.arrived.wait(20)
    volume.fill()
    gate.open.set()
    assert before.pipeline.stop(20)

    run = start(folder=folder)
    require_nothing_given_up(run)
    volume.empty()

    assert run.wait_final(load) == [LoadState.COMMITTED]
    require_loaded(run, ["Ann", "Bob"])


def test_a_query_that_finds_no_room_to_spill_or_for_its_result_says_so_and_others_go_on(
    tmp_path: Path, volume: Volume
) -> None:
    limits = replace(SMALL, spill_bytes=1 << 30, result_bytes=1 << 30)
    engine = raw_engine(volume.path, workers=1, worker_limits=limits, query_timeout_s=120.0)
    volume.fill(left_bytes=2 << 20)
    sort = "select a.range from range(500000) a order by hash(a.range), repeat('x', 1000)"
    large = "select repeat('x', 1000) from range(100000)"

    for sql in (sort, large):
        status = outcome(engine, sql)
        assert status.reason == "INSUFFICIENT_STORAGE", status
        assert rows(engine, "select 42") == [(42,)]
    volume.empty()
    assert engine.status(submit(engine, large), wait_s=60).rows == 100_000
    engine.close()
