"""Partitions, sort order and keys of a dataset: rows where they belong, each of them accounted for."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyiceberg.expressions import EqualTo

from medical_data_pipeline.adapters.iceberg.maintenance import CompactionRule
from medical_data_pipeline.catalog.registration import CatalogService
from medical_data_pipeline.errors import FileRefused, SchemaConflict
from medical_data_pipeline.model.dataset import Dataset, DeclaredColumn, LoadMode, RejectLimit
from medical_data_pipeline.model.row_layout import PartitionField, RowLayout, Transform
from medical_data_pipeline.model.table import decimal
from tests.conversions import Converter
from tests.integration.iceberg_bench import Bench

BY_CLINIC = RowLayout((PartitionField("clinic"),), ("seen_on",))
BY_MONTH = RowLayout((PartitionField("seen_on", Transform.MONTH),))
Make = Callable[..., Bench]
VISITS = (
    "id,clinic,seen_on\n1,north,2024-03-02\n2,south,2024-01-31\n3,north,2023-12-31\n4,,2024-01-01\n5,north,\n"
)


def dataset(layout: RowLayout, mode: LoadMode = LoadMode.APPEND, key: tuple[str, ...] = ()) -> Dataset:
    return Dataset(table="t", layout=layout, mode=mode, upsert_key=key)


def test_each_partition_has_files_of_its_own_and_null_is_one(convert: Converter) -> None:
    converted = convert(VISITS, dataset(BY_CLINIC))

    files = converted.conversion.written.data_files
    assert [(file.partition, file.rows) for file in files] == [
        (("north",), 3),
        (("south",), 1),
        ((None,), 1),
    ]
    assert converted.column("id") == [3, 1, 5, 2, 4]


def test_partitions_by_month_and_day_are_numbered_as_iceberg_does(convert: Converter) -> None:
    layout = RowLayout((PartitionField("seen_on", Transform.MONTH), PartitionField("seen_on")))

    converted = convert(
        "id,seen_on\n1,1969-12-31\n2,1970-01-01\n3,2024-03-02\n4,\n5,9999-12-31\n", dataset(layout)
    )

    found = [file.partition for file in converted.conversion.written.data_files]
    days = [(day - date(1970, 1, 1)).days for day in (date(2024, 3, 2), date(9999, 12, 31))]
    assert found == [(-1, -1), (0, 0), (650, days[0]), ((9999 - 1970) * 12 + 11, days[1]), (None, None)]


def test_rows_are_sorted_with_nulls_last_and_equal_ones_stay_as_they_came(
    convert: Converter,
) -> None:
    rows = [f"{number},{(number * 7919) % 1000 or ''}" for number in range(150_000)]

    converted = convert("id,rank\n" + "\n".join(rows) + "\n", dataset(RowLayout((), ("rank",))))

    wanted = sorted(((n * 7919) % 1000 or 1000, n) for n in range(150_000))
    assert converted.column("id") == [number for _, number in wanted]
    assert converted.column("rank") == [None if rank == 1000 else rank for rank, _ in wanted]
    assert converted.table.column_names == ["id", "rank"]


def test_nothing_is_left_of_the_files_that_were_arranged(convert: Converter, tmp_path: Path) -> None:
    convert(VISITS, dataset(BY_CLINIC))

    hidden = [path for path in tmp_path.rglob(".*")]
    assert hidden == []


def test_a_partitioned_table_is_read_by_both_readers_and_prunes_files(
    make_bench: Make,
) -> None:
    bench = make_bench(t=dataset(BY_MONTH))

    bench.load("t/a.csv", VISITS)

    assert [row[0] for row in bench.rows("t", "id")] == [1, 2, 3, 4, 5]
    january = list(bench.catalog.load("t").scan(row_filter=EqualTo("seen_on", "2024-01-31")).plan_files())
    assert [task.file.record_count for task in january] == [2]
    assert bench.catalog.find("t").layout == BY_MONTH


def test_a_changed_file_replaces_its_rows_in_every_partition(make_bench: Make) -> None:
    bench = make_bench(t=dataset(BY_CLINIC))
    bench.load("t/a.csv", VISITS)
    bench.load("t/b.csv", "id,clinic,seen_on\n9,south,2024-05-05\n")

    bench.load("t/a.csv", "id,clinic,seen_on\n1,west,2024-03-02\n")

    assert bench.rows("t", "id, clinic") == [(1, "west"), (9, "south")]


def test_compaction_keeps_partitions_apart_and_rows_in_order(make_bench: Make) -> None:
    bench = make_bench(t=dataset(BY_CLINIC))
    for number in range(3):
        day = 3 - number
        rows = f"{number},north,2024-01-0{day}\n1{number},south,2024-02-0{day}\n"
        bench.load(f"t/{number}.csv", "id,clinic,seen_on\n" + rows)

    for _ in range(2):
        assert bench.maintenance.compact("t", CompactionRule(min_files=2)) == 3

    files = bench.catalog.files("t", bench.catalog.load("t")).values()
    assert sorted(str(file.partition[0]) for file in files) == ["north", "south"]
    merged = [pq.read_table(file.file_path).column("id").to_pylist() for file in files]
    assert sorted(merged) == [[2, 1, 0], [12, 11, 10]]
    assert bench.rows("t", "id, clinic") == [
        (0, "north"),
        (1, "north"),
        (2, "north"),
        (10, "south"),
        (11, "south"),
        (12, "south"),
    ]


def test_a_load_partitioned_otherwise_than_its_table_is_converted_again(
    make_bench: Make,
) -> None:
    early = make_bench(t=dataset(RowLayout())).converted("t/a.csv", VISITS)
    bench = make_bench(t=dataset(BY_MONTH))
    bench.load("t/b.csv", VISITS.replace("1,north", "7,north"))

    with pytest.raises(SchemaConflict):
        CatalogService(bench.catalog).register([early])

    assert len(bench.rows("t", "id")) == 5


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        (RowLayout((PartitionField("ward"),)), "MISSING_COLUMN"),
        (RowLayout((), ("ward",)), "MISSING_COLUMN"),
        (RowLayout((PartitionField("clinic", Transform.YEAR),)), "PARTITION_TYPE"),
    ],
)
def test_a_declaration_that_does_not_go_with_the_file_refuses_it(
    layout: RowLayout, reason: str, convert: Converter, tmp_path: Path
) -> None:
    with pytest.raises(FileRefused) as refused:
        convert(VISITS, dataset(layout))

    assert refused.value.reason == reason
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "declared",
    [
        dataset(RowLayout((PartitionField("seen_on", Transform.MONTH),)), LoadMode.UPSERT, ("id",)),
        dataset(RowLayout((), ("clinic", "seen_on"))),
        dataset(RowLayout(), LoadMode.UPSERT, ("seen_on",)),
    ],
    ids=["partitions", "order", "key"],
)
def test_a_later_file_without_a_declared_column_is_refused_and_changes_no_row(
    declared: Dataset, make_bench: Make
) -> None:
    bench = make_bench(t=declared)
    bench.load("t/a.csv", "id,clinic,seen_on\n1,north,2024-03-02\n")

    late = bench.put("t/b.csv", "id,clinic\n1,south\n")

    assert bench.conversion.convert(late) is None
    ended = bench.conversion.ledger.find(late.load_id)
    assert (ended.reason, "seen_on" in ended.detail) == ("MISSING_COLUMN", True)
    assert bench.rows("t", "clinic, seen_on") == [("north", date(2024, 3, 2))]


UPSERT = dataset(RowLayout(), LoadMode.UPSERT, ("id", "site"))


def test_the_last_row_of_a_key_is_loaded_and_the_earlier_ones_are_set_aside(convert: Converter) -> None:
    converted = convert("id,site,name\n1,a,Ann\n2,a,Bob\n1,a,Anna\n1,b,Cy\n1,a,Annie\n", UPSERT)

    assert sorted(zip(*(converted.column(name) for name in ("id", "site", "name")), strict=True)) == [
        (1, "a", "Annie"),
        (1, "b", "Cy"),
        (2, "a", "Bob"),
    ]
    assert [(row["reason"], row["_source_row"], row["raw_text"]) for row in converted.quarantine] == [
        ("duplicate_key", 1, "1,a,Ann"),
        ("duplicate_key", 3, "1,a,Anna"),
    ]


def test_a_row_without_a_whole_key_is_set_aside_for_the_column_that_is_null(convert: Converter) -> None:
    converted = convert("id,site,name\n1,a,Ann\n2,,Bob\n,b,Cy\n", UPSERT)

    assert converted.column("name") == ["Ann"]
    assert [(row["reason"], row["column_name"]) for row in converted.quarantine] == [
        ("null_key", "site"),
        ("null_key", "id"),
    ]


def test_keys_are_compared_as_values_not_as_they_are_written(convert: Converter) -> None:
    declared = replace(UPSERT, upsert_key=("id",), columns={"id": DeclaredColumn(type=decimal(4, 2))})

    assert convert("id,site\n1.5,a\n1.50,b\n", declared).column("site") == ["b"]
    assert convert("id,site\n1,a\n01,a\n", UPSERT).column("id") == ["1", "01"]


def test_many_repeated_keys_across_blocks_do_not_make_a_file_refused(convert: Converter) -> None:
    site = "s" * 80
    rows = [f"{number % 85_000},{site},{number}" for number in range(100_000)]

    converted = convert("id,site,v\n" + "\n".join(rows) + "\n", UPSERT)

    assert sorted(converted.column("v")) == list(range(15_000, 100_000))
    counts = converted.conversion.receipt.rows
    assert (counts.read, counts.loaded, counts.quarantined) == (100_000, 85_000, 15_000)


def test_rows_without_a_key_count_against_the_reject_limit(convert: Converter) -> None:
    strict = Dataset(
        table="t", mode=LoadMode.UPSERT, upsert_key=("id", "site"), reject_limit=RejectLimit(0.0, 1)
    )

    with pytest.raises(FileRefused):
        convert("id,site\n,a\n,b\n1,c\n", strict)


def test_an_upsert_of_a_partitioned_table_replaces_keys_wherever_they_are(
    make_bench: Make,
) -> None:
    bench = make_bench(t=dataset(BY_CLINIC, LoadMode.UPSERT, ("id",)))
    bench.load("t/a.csv", VISITS)

    bench.load("t/b.csv", "id,clinic,seen_on\n3,south,2025-01-01\n1,north,2025-01-02\n1,west,2025-01-03\n")

    assert bench.rows("t", "id, clinic") == [(1, "west"), (2, "south"), (3, "south"), (4, None), (5, "north")]
    assert len(bench.rows("t__quarantine", "reason")) == 1
