"""The pipeline on real parts, in one process: loads, replacements, conflicts, compaction, two readers."""

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from itertools import permutations

import pytest

from medical_data_pipeline.adapters.iceberg.maintenance import CompactionRule
from medical_data_pipeline.catalog.registration import CatalogService
from medical_data_pipeline.errors import ObjectNotFound, SchemaConflict, TableNotFound
from medical_data_pipeline.model.dataset import Dataset, LoadMode
from medical_data_pipeline.model.keys import load_prefix
from tests.integration.iceberg_bench import Bench, now, reader

MERGE_ALL = CompactionRule(min_files=2)


def test_a_changed_file_replaces_its_own_rows_and_no_others(bench: Bench) -> None:
    bench.load("t/a.csv", "id,name\n1,Ann\n2,Bob\n")
    bench.load("t/b.csv", "id,name\n3,Cy\n")

    bench.load("t/a.csv", "id,name\n1,Anna\n")

    assert bench.rows("t") == [(1, "Anna"), (3, "Cy")]
    assert len(bench.catalog.find("t").snapshots) == 3


def test_registering_the_same_load_again_changes_nothing(bench: Bench) -> None:
    manifest = bench.converted("t/a.csv", "id,name\n1,Ann\n")
    service = CatalogService(bench.catalog)

    first, again = service.register([manifest]), service.register([manifest, manifest])

    assert first == again
    assert bench.rows("t") == [(1, "Ann")]
    assert len(bench.catalog.find("t").snapshots) == 1


def test_an_older_version_that_comes_late_loses(bench: Bench) -> None:
    older = bench.converted("t/a.csv", "id,name\n1,old\n")
    newer = bench.converted("t/a.csv", "id,name\n1,new\n")
    service = CatalogService(bench.catalog)

    service.register([newer])
    outcome = service.register([older])

    assert outcome.superseded == (older.load_id,)
    assert bench.rows("t") == [(1, "new")]


def test_both_versions_in_one_batch_leave_the_newer(bench: Bench) -> None:
    older = bench.converted("t/a.csv", "id,name\n1,old\n")
    newer = bench.converted("t/a.csv", "id,name\n1,new\n")

    CatalogService(bench.catalog).register([newer, older])

    assert bench.rows("t") == [(1, "new")]


def test_a_new_column_reads_null_in_older_files(bench: Bench) -> None:
    bench.load("t/a.csv", "id,name\n1,Ann\n")

    bench.load("t/b.csv", "name,id,extra\nBob,2,x\n")

    assert bench.rows("t", "id, name, extra") == [(1, "Ann", None), (2, "Bob", "x")]


def test_two_first_loads_of_different_types_conflict_and_nothing_changes(bench: Bench) -> None:
    numbers, words = bench.converted("t/a.csv", "id,v\n1,5\n"), bench.converted("t/b.csv", "id,v\n2,x\n")

    with pytest.raises(SchemaConflict):
        CatalogService(bench.catalog).register([numbers, words])

    with pytest.raises(TableNotFound):
        bench.catalog.find("t")


def test_a_file_replaced_after_compaction_leaves_exactly_its_new_rows(bench: Bench) -> None:
    for number in range(5):
        bench.load(f"t/{number}.csv", f"id,name\n{number},row {number}\n")
    before = bench.rows("t")

    assert bench.maintenance.compact("t", MERGE_ALL) == 5
    assert bench.rows("t") == before
    bench.load("t/3.csv", "id,name\n33,new\n")

    assert bench.rows("t") == [(0, "row 0"), (1, "row 1"), (2, "row 2"), (4, "row 4"), (33, "new")]
    assert len(bench.catalog.files("t", bench.catalog.load("t"))) == 2


def test_sweeping_removes_only_what_no_snapshot_knows(bench: Bench) -> None:
    for number in range(3):
        bench.load(f"t/{number}.csv", f"id,name\n{number},row {number}\n")
    bench.maintenance.compact("t", MERGE_ALL)

    assert bench.maintenance.sweep_orphans(now(), timedelta(0)) >= 0
    kept = bench.rows("t")
    bench.maintenance.expire_snapshots("t", now())
    swept = bench.maintenance.sweep_orphans(now() + timedelta(seconds=1), timedelta(0))

    assert swept >= 3
    assert bench.rows("t") == kept


def test_a_sweep_that_is_broken_off_goes_on_where_it_came_to(bench: Bench) -> None:
    for number in range(3):
        bench.load(f"t/{number}.csv", f"id,name\n{number},row {number}\n")
    bench.load("u/0.csv", "id,name\n0,row\n0,too,many\n")
    bench.maintenance.compact("t", MERGE_ALL)
    bench.maintenance.expire_snapshots("t", now())
    waiting = bench.converted("u/1.csv", "id,name\n1,row\n")
    kept = bench.rows("t"), bench.rows("u"), bench.rows("u__quarantine", "reason")
    later, prefix = now() + timedelta(seconds=1), {load_prefix("u", waiting.load_id)}

    removed, after, nights = 0, "", 0
    while nights == 0 or after:
        steps = iter([True] * 2 + [False])
        swept = bench.maintenance.sweep_on(later, prefix, after, lambda steps=steps: next(steps))  # type: ignore[misc]
        removed, after, nights = removed + swept.removed, swept.after, nights + 1

    assert (bench.rows("t"), bench.rows("u"), bench.rows("u__quarantine", "reason")) == kept
    assert removed >= 3 and nights > 3
    assert bench.maintenance.sweep_orphans(later, timedelta(0), prefix) == 0
    CatalogService(bench.catalog).register([waiting])
    assert len(bench.rows("u")) == 2


def test_a_sweep_of_a_lost_catalog_removes_nothing(bench: Bench) -> None:
    bench.load("t/a.csv", "id,name\n1,Ann\n")
    bench.catalog.drop("t")

    assert bench.maintenance.sweep_on(now() + timedelta(days=1), (), "", lambda: True).removed == 0


def test_files_that_another_table_has_stay_though_their_folder_is_no_tables(bench: Bench) -> None:
    bench.load("t/a.csv", "id,name\n1,Ann\n")
    with closing(sqlite3.connect(bench.root / "catalog.sqlite")) as renaming, renaming:
        renaming.execute("UPDATE iceberg_tables SET table_name = 'renamed'")

    bench.maintenance.sweep_on(now() + timedelta(days=1), (), "", lambda: True)

    assert bench.rows("renamed") == [(1, "Ann")]


def test_a_load_that_still_waits_for_its_commit_is_never_swept(bench: Bench) -> None:
    manifest = bench.converted("t/a.csv", "id,name\n1,Ann\n")

    bench.maintenance.sweep_orphans(now() + timedelta(days=2), waiting={load_prefix("t", manifest.load_id)})
    CatalogService(bench.catalog).register([manifest])

    assert bench.rows("t") == [(1, "Ann")]


def test_replace_mode_makes_the_file_the_whole_table(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(t=Dataset(table="t", mode=LoadMode.REPLACE))
    bench.load("t/a.csv", "id,name\n1,Ann\n")

    bench.load("t/b.csv", "id,name\n2,Bob\n")

    assert bench.rows("t") == [(2, "Bob")]


def test_upsert_mode_replaces_rows_of_the_same_key(make_bench: Callable[..., Bench]) -> None:
    bench = make_bench(t=Dataset(table="t", mode=LoadMode.UPSERT, upsert_key=("id",)))
    bench.load("t/a.csv", "id,name\n1,Ann\n2,Bob\n")

    bench.load("t/b.csv", "id,name\n2,Robert\n3,Cy\n")

    assert bench.rows("t") == [(1, "Ann"), (2, "Robert"), (3, "Cy")]


def test_a_file_sent_again_replaces_others_rows_also_where_its_own_former_ones_lie_beside_them(
    make_bench: Callable[..., Bench],
) -> None:
    bench = make_bench(t=Dataset(table="t", mode=LoadMode.UPSERT, upsert_key=("id",)))
    bench.load("t/a.csv", "id,name\n1,Ann\n")
    bench.load("t/b.csv", "id,name\n2,Bob\n3,Cy\n")
    bench.maintenance.compact("t", MERGE_ALL)

    bench.load("t/a.csv", "id,name\n1,Anna\n2,Robert\n")

    assert bench.rows("t") == [(1, "Anna"), (2, "Robert"), (3, "Cy")]


def test_rows_from_before_a_table_had_its_key_stay(make_bench: Callable[..., Bench]) -> None:
    make_bench().load("t/a.csv", "name\nAnn\n")
    bench = make_bench(t=Dataset(table="t", mode=LoadMode.UPSERT, upsert_key=("id",)))

    bench.load("t/b.csv", "id,name\n2,Bob\n")

    assert bench.rows("t") == [(2, "Bob"), (None, "Ann")]


UPSERTS = ("1,a\n2,a\n3,a\n", "2,b\n4,b\n", "1,c\n4,c\n5,c\n")


@pytest.mark.parametrize(
    ("is_merged_between", "at_once_bytes"), [(False, 1 << 20), (True, 1 << 20), (False, 1)]
)
@pytest.mark.parametrize("order", list(permutations(range(len(UPSERTS)))), ids=str)
def test_of_rows_of_one_key_the_one_of_the_newest_file_stays_whichever_is_committed_first(
    make_bench: Callable[..., Bench], order: tuple[int, ...], is_merged_between: bool, at_once_bytes: int
) -> None:
    bench = make_bench(t=Dataset(table="t", mode=LoadMode.UPSERT, upsert_key=("id",)))
    bench.catalog.new_files = replace(bench.catalog.new_files, at_once_bytes=at_once_bytes)
    made = [bench.converted(f"t/{number}.csv", f"id,name\n{rows}") for number, rows in enumerate(UPSERTS)]
    service = CatalogService(bench.catalog)

    for number in order:
        service.register([made[number]])
        if is_merged_between:
            bench.maintenance.compact("t", MERGE_ALL)
    service.register([made[order[0]]])

    assert bench.rows("t") == [(1, "c"), (2, "b"), (3, "a"), (4, "c"), (5, "c")]


def test_many_loads_go_into_one_snapshot(bench: Bench) -> None:
    manifests = [bench.converted(f"t/{number}.csv", f"id,name\n{number},x\n") for number in range(60)]

    CatalogService(bench.catalog).register(manifests)

    assert len(bench.rows("t")) == 60
    assert len(bench.catalog.find("t").snapshots) == 1


def test_threads_that_commit_the_same_loads_add_each_once(bench: Bench) -> None:
    manifests = [bench.converted(f"t/{number}.csv", f"id,name\n{number},x\n") for number in range(6)]
    service = CatalogService(bench.catalog)
    threads = [threading.Thread(target=service.register, args=([m],)) for m in manifests * 3]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(bench.rows("t")) == 6


def test_a_converted_file_that_is_not_as_promised_is_never_committed(bench: Bench) -> None:
    manifest = bench.converted("t/a.csv", "id,name\n1,Ann\n")
    (bench.root / manifest.data_files[0].key).write_bytes(b"other")

    with pytest.raises(ObjectNotFound):
        CatalogService(bench.catalog).register([manifest])


def test_column_meanings_are_stored_with_the_table(bench: Bench) -> None:
    bench.load("t/a.csv", "MRN,Birth Date\n00012345,1980-02-29\n")

    columns = {column.name: column for column in bench.catalog.find("t").columns}

    assert (columns["mrn"].meaning.tag, columns["mrn"].header) == ("mrn", "MRN")
    assert columns["birth_date"].meaning.phi.value == "birth_date"


def test_pruning_by_bounds_finds_every_kind_of_value(bench: Bench) -> None:
    bench.load("t/a.csv", "id,day,price,seen\n1,2024-01-31,1.50,2024-01-31T08:00:00Z\n")
    bench.load("t/b.csv", "id,day,price,seen\n2,2024-02-29,20.25,2024-02-29T08:00:00Z\n")
    location = bench.catalog.read_location("t")

    for condition in (
        "day = DATE '2024-02-29'",
        "price = 20.25",
        "seen > TIMESTAMPTZ '2024-02-01 00:00:00+00'",
        "id = 2",
    ):
        found = reader().execute(f"SELECT id FROM iceberg_scan('{location}') WHERE {condition}").fetchall()
        assert found == [(2,)], condition


def test_a_table_is_readable_as_a_query_that_waits_was_told_while_many_loads_are_committed(
    bench: Bench,
) -> None:
    bench.load("t/first.csv", "id,name\n0,Zoe\n")
    told = bench.catalog.read_location("t")

    for number in range(30):
        bench.load(f"t/{number}.csv", "id,name\n1,Ann\n")

    assert reader().execute(f"SELECT id, name FROM iceberg_scan('{told}')").fetchall() == [(0, "Zoe")]
