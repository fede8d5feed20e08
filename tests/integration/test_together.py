"""Small loads of one table converted together: files, receipts and commits are shared, promises are not."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from medical_data_pipeline.adapters.iceberg.maintenance import CompactionRule
from medical_data_pipeline.catalog.load_commit import LoadCommit
from medical_data_pipeline.catalog.registration import CatalogService
from medical_data_pipeline.conversion.service import Conversion, ConversionRequest, ConversionService
from medical_data_pipeline.model.keys import RECEIPT
from medical_data_pipeline.model.load import Load, LoadState, Manifest, RowCounts
from medical_data_pipeline.model.receipt_json import receipt_of
from medical_data_pipeline.ports import SharedFiles
from tests.integration.iceberg_bench import Bench, now

MERGE_ALL = CompactionRule(min_files=2)
THREE = {
    "t/a.csv": "id,name\n1,Ann\n2,Bob\n",
    "t/b.csv": "id,name\n3,Cy\n4,Di,surplus\n",
    "t/c.csv": "id,name\n5,Ed\n",
}
ROWS_OF_THREE = [(1, "Ann"), (2, "Bob"), (3, "Cy"), (5, "Ed")]


def committed(bench: Bench, manifests: tuple[Manifest, ...]) -> None:
    ledger, conversion = bench.intake.ledger, bench.conversion
    service = CatalogService(bench.catalog)
    LoadCommit(service, ledger, conversion.manifest, now, lambda milestone: None).commit(manifests)


def loaded(bench: Bench, files: dict[str, str]) -> tuple[Manifest, ...]:
    manifests = bench.together(files).manifests
    committed(bench, manifests)
    return manifests


def state(bench: Bench, load: Load) -> tuple[LoadState, str]:
    found = bench.intake.ledger.find(load.load_id)
    return found.state, found.reason


def rejected(bench: Bench) -> list[dict[str, Any]]:
    rows = bench.catalog.load("t__quarantine").scan().to_arrow().to_pylist()
    return sorted(rows, key=lambda row: (row["_source_file"], row["line"]))


def test_loads_converted_together_share_one_file_and_one_commit(bench: Bench) -> None:
    manifests = loaded(bench, THREE)

    assert len({file.key for each in manifests for file in each.data_files}) == 1
    assert [each.rows for each in manifests] == [RowCounts(2, 2, 0), RowCounts(2, 1, 1), RowCounts(1, 1, 0)]
    assert bench.rows("t") == ROWS_OF_THREE
    assert len(bench.catalog.find("t").snapshots) == 1
    assert {state(bench, bench.intake.ledger.find(each.load_id)) for each in manifests} == {
        (LoadState.COMMITTED, "")
    }


def test_each_row_says_which_file_and_load_it_came_from(bench: Bench) -> None:
    first, second, third = loaded(bench, THREE)

    found = bench.rows("t", "id, _source_file, _source_row, _load_id")

    assert found == [
        (1, "input/t/a.csv", 1, first.load_id),
        (2, "input/t/a.csv", 2, first.load_id),
        (3, "input/t/b.csv", 1, second.load_id),
        (5, "input/t/c.csv", 1, third.load_id),
    ]
    scanned = bench.catalog.load("t").scan().to_arrow().to_pylist()
    times = {row["_load_id"]: row["_loaded_at"] for row in scanned}
    assert times == {each.load_id: each.loaded_at for each in (first, second, third)}


def test_each_load_has_its_receipt_though_they_lie_in_one_object(bench: Bench) -> None:
    for manifest in loaded(bench, THREE):
        load = bench.intake.ledger.find(manifest.load_id)
        content = (bench.root / load.key_of(RECEIPT)).read_bytes()
        receipt = json.loads(receipt_of(content, load.load_id) or b"")

        assert (receipt["load_id"], receipt["source_key"]) == (load.load_id, load.source.key)
        assert receipt["rows"]["loaded"] == load.rows.loaded
        assert receipt_of(content, "0" * 32) is None


def test_rows_set_aside_are_those_of_their_load_and_leave_with_it(bench: Bench) -> None:
    _, second, *_ = loaded(bench, THREE | {"t/d.csv": "id,name\n6,Flo,surplus\n7,Gus\n"})
    assert [(row["raw_text"], row["line"]) for row in rejected(bench)] == [
        ("4,Di,surplus", 3),
        ("6,Flo,surplus", 2),
    ]
    assert rejected(bench)[0]["_load_id"] == second.load_id

    bench.load("t/b.csv", "id,name\n3,Cy\n4,Di\n")

    assert [row["raw_text"] for row in rejected(bench)] == ["6,Flo,surplus"]
    assert bench.rows("t") == [(1, "Ann"), (2, "Bob"), (3, "Cy"), (4, "Di"), (5, "Ed"), (7, "Gus")]


@pytest.mark.parametrize("is_merged", [False, True], ids=["as converted", "merged meanwhile"])
def test_a_file_replaced_later_takes_exactly_its_rows_out_of_the_shared_one(
    bench: Bench, is_merged: bool
) -> None:
    loaded(bench, THREE)
    loaded(bench, {"t/x.csv": "id,name\n8,Hal\n", "t/y.csv": "id,name\n9,Ida\n"})
    if is_merged:
        assert bench.maintenance.compact("t", MERGE_ALL) == 2

    loaded(bench, {"t/a.csv": "id,name\n11,Anna\n", "t/y.csv": "id,name\n"})

    assert bench.rows("t") == [(3, "Cy"), (5, "Ed"), (8, "Hal"), (11, "Anna")]


@pytest.mark.parametrize("is_merged", [False, True], ids=["as converted", "merged meanwhile"])
def test_the_same_loads_registered_again_change_no_row(bench: Bench, is_merged: bool) -> None:
    manifests = loaded(bench, THREE) + loaded(bench, {"t/x.csv": "id,name\n8,Hal\n"})
    if is_merged:
        bench.maintenance.compact("t", MERGE_ALL)
    bench.load("t/c.csv", "id,name\n55,Eddy\n")

    CatalogService(bench.catalog).register(manifests)
    CatalogService(bench.catalog).register(manifests[1:])

    assert bench.rows("t") == [(1, "Ann"), (2, "Bob"), (3, "Cy"), (8, "Hal"), (55, "Eddy")]
    assert len(rejected(bench)) == 1


def test_a_bad_file_among_them_is_refused_alone(bench: Bench) -> None:
    bad = {
        "t/empty.csv": "\n",
        "t/binary.csv": bytes(range(256)) * 4,
        "t/broken.csv": b"\x1f\x8b\x08\x00 cut off",
        "t/surplus.csv": "id,name\n" + "1,x,surplus\n" * 40,
    }
    loads = [bench.put(key, content) for key, content in (bad | THREE).items()]

    converted = bench.conversion.convert_together(loads)
    committed(bench, converted.manifests)

    assert [state(bench, load)[0] for load in loads] == [LoadState.REFUSED] * 4 + [LoadState.COMMITTED] * 3
    assert [state(bench, load)[1] for load in loads[:2]] == ["EMPTY_FILE", "BINARY_FILE"]
    assert state(bench, loads[3])[1] == "TOO_MANY_BAD_ROWS"
    assert bench.rows("t") == ROWS_OF_THREE
    assert len(rejected(bench)) == 1


class Stumbling(ConversionService):
    """A conversion that has a bug with some files."""

    def convert(
        self, content: BinaryIO, request: ConversionRequest, shared: SharedFiles | None = None
    ) -> Conversion:
        if request.source_key.endswith("b.csv"):
            raise ZeroDivisionError
        return super().convert(content, request, shared)


def test_a_bug_that_one_file_meets_stops_no_other(bench: Bench) -> None:
    stumbling = Stumbling(bench.conversion.service.engine)
    loads = [bench.put(key, content) for key, content in THREE.items()]

    converted = replace(bench.conversion, service=stumbling).convert_together(loads)
    committed(bench, converted.manifests)

    assert [(load.load_id, type(error)) for load, error in converted.failed] == [
        (loads[1].load_id, ZeroDivisionError)
    ]
    assert bench.rows("t") == [(1, "Ann"), (2, "Bob"), (5, "Ed")]


def test_of_two_versions_of_a_file_the_older_is_superseded_and_the_newer_loaded(bench: Bench) -> None:
    loads = [bench.put("t/a.csv", "id,name\n1,OLD\n"), bench.put("t/a.csv", "id,name\n1,NEW\n")]
    loads.append(bench.put("t/b.csv", "id,name\n2,Bob\n"))

    committed(bench, bench.conversion.convert_together(loads).manifests)

    assert [state(bench, load)[0] for load in loads] == [
        LoadState.SUPERSEDED,
        LoadState.COMMITTED,
        LoadState.COMMITTED,
    ]
    assert bench.rows("t") == [(1, "NEW"), (2, "Bob")]


def test_a_load_overtaken_before_the_commit_shows_none_of_its_rows(bench: Bench) -> None:
    manifests = bench.together(THREE).manifests
    newer = bench.put("t/b.csv", "id,name\n33,Cyrus\n")

    committed(bench, manifests)
    assert bench.rows("t") == [(1, "Ann"), (2, "Bob"), (5, "Ed")]
    manifest = bench.conversion.convert(newer)
    assert manifest is not None
    committed(bench, (manifest,))

    assert bench.rows("t") == [(1, "Ann"), (2, "Bob"), (5, "Ed"), (33, "Cyrus")]
    assert "t__quarantine" not in bench.catalog.list() or rejected(bench) == []


def test_files_of_other_columns_or_types_lie_apart(bench: Bench) -> None:
    bench.load("t/0.csv", "id,name,price\n0,Zoe,1.50\n")

    loaded(bench, THREE | {"t/d.csv": "name,id,ward\nFlo,6,W1\n", "t/e.csv": "id,name,price\n7,Gus,20.25\n"})

    assert bench.rows("t", "id, name, price, ward") == [
        (0, "Zoe", Decimal("1.50"), None),
        (1, "Ann", None, None),
        (2, "Bob", None, None),
        (3, "Cy", None, None),
        (5, "Ed", None, None),
        (6, "Flo", None, "W1"),
        (7, "Gus", Decimal("20.25"), None),
    ]


def test_a_repeat_of_the_same_attempts_makes_the_same_files(bench: Bench) -> None:
    loads = [bench.put(key, content) for key, content in THREE.items()]

    first = bench.conversion.convert_together(loads)
    again = bench.conversion.convert_together(loads)

    assert first.manifests == again.manifests


def test_shared_files_of_loads_that_wait_are_never_swept_and_others_are(bench: Bench) -> None:
    waiting = bench.together(THREE).manifests
    prefix = {bench.intake.ledger.find(each.load_id).prefix for each in waiting}
    later = now() + timedelta(days=2)

    assert bench.maintenance.sweep_orphans(later, waiting=prefix) == 0
    committed(bench, waiting)
    assert bench.rows("t") == ROWS_OF_THREE
    bench.load("t/a.csv", "id,name\n")
    bench.maintenance.expire_snapshots("t", later)
    bench.maintenance.expire_snapshots("t__quarantine", later)

    assert bench.maintenance.sweep_orphans(later) >= 2
    assert bench.rows("t") == [(3, "Cy"), (5, "Ed")]
    assert len(rejected(bench)) == 1


def test_how_new_a_load_is_is_known_also_where_another_program_wrote_its_rows_anew(bench: Bench) -> None:
    manifests = loaded(bench, THREE)

    known = {each.load_id: bench.catalog.sequencer("t", each.load_id) for each in manifests}

    assert known == {each.load_id: each.sequencer for each in manifests}


def test_what_waited_for_its_commit_at_a_restart_is_found_again(
    make_bench: Callable[..., Bench], bench: Bench
) -> None:
    manifests = bench.together(THREE).manifests

    again = make_bench()
    loads = [load for load in again.intake.ledger.unfinished() if load.state is LoadState.CONVERTED]

    assert tuple(again.conversion.manifests(loads)) == manifests


def test_a_load_that_arrived_again_is_renewed_among_those_it_was_converted_with(bench: Bench) -> None:
    manifests = bench.together(THREE).manifests
    load = bench.intake.ledger.find(manifests[1].load_id)

    bench.conversion.renew(replace(load, sequencer="9" * 20))

    loads = [bench.intake.ledger.find(each.load_id) for each in manifests]
    found = bench.conversion.manifests(loads)
    assert [each.sequencer for each in found] == [manifests[0].sequencer, "9" * 20, manifests[2].sequencer]
    assert [replace(each, sequencer="") for each in found] == [replace(m, sequencer="") for m in manifests]


TYPED = "id,moment,day,ok,zip,amount,note\n"


def test_files_become_values_together_as_each_would_alone(
    make_bench: Callable[..., Bench], tmp_path: Path
) -> None:
    bench, alone = make_bench(tmp_path / "together"), make_bench(tmp_path / "alone")
    files = {
        "t/a.csv": TYPED + "1,2024-01-31T08:00:00Z,2024-02-29,true,02134,1.50,Ann\n,,,,,,\n",
        "t/b.csv": TYPED + '2,2024-01-31T08:00:01Z,1899-12-31,false,00501,-0.25,""\n"",,"",,"",,"x,y"\n',
        "t/c.csv": TYPED + "NA,2024-01-31T08:00:02Z,2024-03-01,true,10001,12.00,N/A\n",
        "t/d.csv": TYPED + "x,2024-01-31T08:00:03Z,2024-03-02,true,10002,1.75,odd\n",
    }
    for key, content in files.items():
        alone.load(key, content)
    first, *others = files.items()

    bench.load(*first)
    loaded(bench, dict(others))

    assert rows_of(bench) == rows_of(alone)
    assert len(rows_of(bench)) == 5
    assert [row["raw_text"] for row in rejected(bench)] == [row["raw_text"] for row in rejected(alone)]


def rows_of(bench: Bench) -> list[tuple[Any, ...]]:
    """All but when they were loaded and by which load, which differs."""
    rows = bench.catalog.load("t").scan().to_arrow().drop(["_loaded_at", "_load_id"]).to_pylist()
    return sorted((tuple(row.values()) for row in rows), key=lambda row: row[-2:])
