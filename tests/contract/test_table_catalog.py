"""What every table catalog promises: a commit is whole, may be repeated, and the newest word wins."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medical_data_pipeline.adapters.aws.aws_clients import aws_client
from medical_data_pipeline.adapters.aws.glue_iceberg_catalog import GlueIcebergCatalog
from medical_data_pipeline.adapters.aws.s3_object_store import S3ObjectStore
from medical_data_pipeline.adapters.local.file_object_store import FileObjectStore
from medical_data_pipeline.adapters.local.iceberg_table_catalog import IcebergTableCatalog
from medical_data_pipeline.errors import ObjectNotFound, SchemaConflict, TableNotFound
from medical_data_pipeline.model.dataset import LoadMode
from medical_data_pipeline.model.keys import (
    MANIFEST,
    RECEIPT,
    load_prefix,
    manifest_key,
    receipt_key,
    together_prefix,
)
from medical_data_pipeline.model.load import DataFile, Manifest, RowCounts
from medical_data_pipeline.model.manifest_json import manifest_to_json, manifests_to_json
from medical_data_pipeline.model.objects import ObjectRef, load_id
from medical_data_pipeline.model.row_layout import PartitionField, RowLayout
from medical_data_pipeline.model.table import BIGINT, TEXT, Column, ColumnType, decimal
from medical_data_pipeline.ports import CommitOutcome, ObjectStore, TableCatalog
from tests.aws_emulator import DATABASE, emulated_aws
from tests.fakes import NOON, MemoryObjectStore, MemoryTableCatalog

BUCKET = "local"
COLUMNS = (Column("name", TEXT), Column("_load_id", TEXT))
ARROW_TYPES = {TEXT: pa.string(), BIGINT: pa.int64(), decimal(5, 2): pa.decimal128(5, 2)}
ARROW_TYPES |= {decimal(9, 2): pa.decimal128(9, 2), decimal(9, 3): pa.decimal128(9, 3)}


@dataclass(frozen=True)
class Shelf:
    """A catalog, the store its files are in, and the rows readers see: each name, and whose load it is of."""

    catalog: TableCatalog
    store: ObjectStore
    rows: Callable[[str], list[tuple[str, str]]]

    def names(self, table: str) -> list[str]:
        return sorted(name for name, _ in self.rows(table))

    def load(
        self,
        content: str,
        sequencer: str,
        *names: str,
        file: str = "a.csv",
        extra: Column | None = None,
        mode: LoadMode = LoadMode.APPEND,
    ) -> Manifest:
        """A load as conversion leaves it: its files are objects, its manifest is written."""
        source = ObjectRef(BUCKET, f"input/t/{file}")
        load = load_id(source, content)
        columns = (Column("name", TEXT), *([extra] if extra else []), Column("_load_id", TEXT))
        key = load_prefix("t", load) + "part-0.parquet"
        files = (DataFile(key, self._put_rows(key, columns, names, load), len(names)),) if names else ()
        rows = RowCounts(len(names), len(names), 0)
        receipt = receipt_key("t", load)
        made = Manifest(load, "t", source, content, sequencer, columns, files, (), rows, NOON, receipt, mode)
        made = replace(made, upsert_key=("name",) if mode is LoadMode.UPSERT else ())
        self.store.put(ObjectRef(BUCKET, manifest_key("t", load)), iter([manifest_to_json(made)]))
        return made

    def loads_together(
        self, sequencer: str, names: dict[str, list[str]], content: str = "one"
    ) -> list[Manifest]:
        """Loads as a conversion of several leaves them: the rows of all are in one file."""
        made = [self.load(content, sequencer, file=file) for file in names]
        prefix = together_prefix("t", [f"{load.load_id} {content}" for load in made])
        cells = [
            (name, load.load_id) for load in made for name in names[load.source.key.removeprefix("input/t/")]
        ]
        key = prefix + "part-0.parquet"
        size_bytes = self._put_cells(key, COLUMNS, [name for name, _ in cells], [load for _, load in cells])
        manifests = []
        for load in made:
            count = sum(owner == load.load_id for _, owner in cells)
            rows, files = RowCounts(count, count, 0), (DataFile(key, size_bytes, count),)
            manifests.append(replace(load, rows=rows, data_files=files, receipt_key=prefix + RECEIPT))
        for load in made:
            self.store.delete(ObjectRef(BUCKET, manifest_key("t", load.load_id)))
        self.store.put(ObjectRef(BUCKET, prefix + MANIFEST), iter([manifests_to_json(manifests)]))
        return manifests

    def _put_rows(self, key: str, columns: tuple[Column, ...], names: tuple[str, ...], load: str) -> int:
        return self._put_cells(key, columns, list(names), [load] * len(names))

    def _put_cells(self, key: str, columns: tuple[Column, ...], names: list[str], loads: list[str]) -> int:
        cells = {"name": names, "_load_id": loads}
        arrays = {
            column.name: pa.array(cells.get(column.name, [None] * len(names)), ARROW_TYPES[column.type])
            for column in columns
        }
        written = BytesIO()
        pq.write_table(pa.table(arrays), written)
        return self.store.put(ObjectRef(BUCKET, key), iter([written.getvalue()])).size_bytes


@pytest.fixture
def shelf_factories(tmp_path: Path) -> Iterator[dict[str, Callable[[], Shelf]]]:
    with ExitStack() as opened:

        def memory() -> Shelf:
            store = MemoryObjectStore()
            catalog = MemoryTableCatalog(store)
            return Shelf(catalog, store, lambda table: memory_rows(catalog, store, table))

        def iceberg() -> Shelf:
            catalog = IcebergTableCatalog(tmp_path, "medical_data_db")
            opened.enter_context(closing(catalog))
            return Shelf(
                catalog, FileObjectStore(tmp_path, BUCKET), lambda table: iceberg_rows(catalog, table)
            )

        def glue() -> Shelf:
            opened.enter_context(emulated_aws(BUCKET))
            s3 = aws_client("s3")
            catalog = GlueIcebergCatalog(aws_client("glue"), s3, DATABASE, BUCKET, tmp_path)
            store = S3ObjectStore(s3, tmp_path)
            return Shelf(catalog, store, lambda table: glue_rows(catalog, store, table))

        yield {"memory": memory, "iceberg": iceberg, "glue": glue}


def memory_rows(catalog: MemoryTableCatalog, store: ObjectStore, table: str) -> list[tuple[str, str]]:
    files = [(file.key, load.load_id) for load in catalog.loads(table) for file in load.data_files]
    rows = [row for key, load in files for row in _rows_in(store, key) if row[1] == load]
    return [(name, load) for name, load in rows if (load, (name,)) not in catalog.taken(table)]


def _rows_in(store: ObjectStore, key: str) -> list[tuple[str, str]]:
    with store.open(ObjectRef(BUCKET, key)) as content:
        found = pq.read_table(BytesIO(content.read())).to_pylist()
    return [(row["name"], row["_load_id"]) for row in found]


def iceberg_rows(catalog: IcebergTableCatalog, table: str) -> list[tuple[str, str]]:
    found = catalog.load(table).scan(selected_fields=("name", "_load_id")).to_arrow().to_pylist()
    return [(row["name"], row["_load_id"]) for row in found]


def glue_rows(catalog: GlueIcebergCatalog, store: ObjectStore, table: str) -> list[tuple[str, str]]:
    files = catalog.files(table, catalog.load(table))
    keys = [catalog.warehouse.key(location) for location in files]
    return [row for key in keys for row in _rows_in(store, key)]


@pytest.fixture(params=["memory", "iceberg", "glue"])
def shelf(request: pytest.FixtureRequest, shelf_factories: dict[str, Callable[[], Shelf]]) -> Shelf:
    return shelf_factories[request.param]()


def snapshots(shelf: Shelf, table: str = "t") -> list[int]:
    return [each.snapshot_id for each in shelf.catalog.find(table).snapshots]


def test_a_table_that_is_not_there_is_not_found(shelf: Shelf) -> None:
    for ask in (shelf.catalog.find, shelf.catalog.read_location):
        with pytest.raises(TableNotFound):
            ask("t")

    assert list(shelf.catalog.list()) == []
    shelf.catalog.drop("t")


def test_the_first_commit_makes_the_table(shelf: Shelf) -> None:
    load = shelf.load("one", "1", "Ann", "Bob", extra=Column("price", decimal(5, 2), "Price"))

    outcome = shelf.catalog.commit("t", [load])

    table = shelf.catalog.find("t")
    assert outcome == CommitOutcome((load.load_id,), ())
    assert shelf.names("t") == ["Ann", "Bob"]
    assert [(c.name, c.type) for c in table.columns] == [(c.name, c.type) for c in load.columns]
    assert (table.name, len(table.snapshots)) == ("t", 1)
    assert table.snapshots[0].committed_at.utcoffset() == timedelta(0)
    assert shelf.catalog.read_location("t") == table.metadata_location


def test_a_batch_is_one_snapshot(shelf: Shelf) -> None:
    loads = [shelf.load(f"{n}", "1", f"row {n}", file=f"{n}.csv") for n in range(4)]

    outcome = shelf.catalog.commit("t", loads)

    assert set(outcome.committed) == {load.load_id for load in loads}
    assert shelf.names("t") == ["row 0", "row 1", "row 2", "row 3"]
    assert len(snapshots(shelf)) == 1


def test_the_same_commit_again_changes_nothing(shelf: Shelf) -> None:
    load = shelf.load("one", "1", "Ann")
    first = shelf.catalog.commit("t", [load])

    again, twice = shelf.catalog.commit("t", [load]), shelf.catalog.commit("t", [load, load])

    assert first == again == twice
    assert shelf.names("t") == ["Ann"]
    assert len(snapshots(shelf)) == 1


def test_what_is_in_already_does_not_keep_out_what_is_new(shelf: Shelf) -> None:
    known, new = shelf.load("one", "1", "Ann"), shelf.load("two", "1", "Bob", file="b.csv")
    shelf.catalog.commit("t", [known])

    outcome = shelf.catalog.commit("t", [known, new])

    assert set(outcome.committed) == {known.load_id, new.load_id}
    assert shelf.names("t") == ["Ann", "Bob"]


def test_a_newer_load_of_a_file_replaces_its_rows_in_one_snapshot(shelf: Shelf) -> None:
    shelf.catalog.commit(
        "t", [shelf.load("old", "1", "Ann", "Bob"), shelf.load("x", "1", "Cy", file="b.csv")]
    )

    shelf.catalog.commit("t", [shelf.load("new", "2", "Anna")])

    assert shelf.names("t") == ["Anna", "Cy"]
    assert len(snapshots(shelf)) == 2


@pytest.mark.parametrize(
    ("older", "newer"), [("1", "2"), ("10", "2"), ("0055AED6DCD9", "0055AED6DCD90281E5")]
)
def test_an_older_load_that_comes_late_is_superseded(shelf: Shelf, older: str, newer: str) -> None:
    late, first = shelf.load("old", older, "Old"), shelf.load("new", newer, "New")
    shelf.catalog.commit("t", [first])

    outcome = shelf.catalog.commit("t", [late])

    assert outcome == CommitOutcome((), (late.load_id,))
    assert shelf.names("t") == ["New"]
    assert len(snapshots(shelf)) == 1


def test_of_two_loads_of_a_file_in_one_batch_the_newer_stays(shelf: Shelf) -> None:
    old, new = shelf.load("old", "1", "Old"), shelf.load("new", "2", "New")

    outcome = shelf.catalog.commit("t", [new, old])

    assert outcome == CommitOutcome((new.load_id,), (old.load_id,))
    assert shelf.names("t") == ["New"]


def test_loads_that_share_a_file_are_in_once_however_often_they_are_committed(shelf: Shelf) -> None:
    made = shelf.loads_together("1", {"a.csv": ["A1", "A2"], "b.csv": ["B1"], "c.csv": ["C1"]})

    for _ in range(2):
        outcome = shelf.catalog.commit("t", made)
        assert set(outcome.committed) == {load.load_id for load in made}

    assert shelf.names("t") == ["A1", "A2", "B1", "C1"]
    assert len(snapshots(shelf)) == 1


def test_of_a_shared_file_only_the_rows_of_the_loads_that_are_committed_are_seen(shelf: Shelf) -> None:
    first, second, third = shelf.loads_together("1", {"a.csv": ["A1"], "b.csv": ["B1"], "c.csv": ["C1"]})

    shelf.catalog.commit("t", [first, third])
    assert shelf.names("t") == ["A1", "C1"]
    shelf.catalog.commit("t", [first, third])
    shelf.catalog.commit("t", [second])

    assert shelf.names("t") == ["A1", "B1", "C1"]
    assert len(snapshots(shelf)) == 2


def test_a_newer_load_replaces_its_own_rows_in_a_shared_file_and_no_others(shelf: Shelf) -> None:
    shelf.catalog.commit("t", shelf.loads_together("1", {"a.csv": ["A1"], "b.csv": ["B1"], "c.csv": ["C1"]}))

    shelf.catalog.commit("t", shelf.loads_together("2", {"a.csv": ["A2"], "c.csv": []}, content="two"))

    assert shelf.names("t") == ["A2", "B1"]
    assert len(snapshots(shelf)) == 2


def test_an_older_load_that_comes_late_is_left_out_of_the_file_it_shares(shelf: Shelf) -> None:
    shelf.catalog.commit("t", [shelf.load("newer", "2", "NEW")])

    outcome = shelf.catalog.commit("t", shelf.loads_together("1", {"a.csv": ["OLD"], "b.csv": ["B1"]}))

    assert len(outcome.superseded) == 1
    assert shelf.names("t") == ["B1", "NEW"]


def test_a_load_without_rows_takes_those_of_its_forerunner_away(shelf: Shelf) -> None:
    shelf.catalog.commit("t", [shelf.load("old", "1", "Ann"), shelf.load("x", "1", "Cy", file="b.csv")])
    empty = shelf.load("empty", "2")

    outcome = shelf.catalog.commit("t", [empty])

    assert outcome == CommitOutcome((empty.load_id,), ())
    assert shelf.names("t") == ["Cy"]


def test_a_first_load_without_rows_makes_no_table_and_is_committed(shelf: Shelf) -> None:
    empty = shelf.load("empty", "1")

    assert shelf.catalog.commit("t", [empty]) == CommitOutcome((empty.load_id,), ())
    assert list(shelf.catalog.list()) == []


def test_a_load_that_was_converted_anew_takes_the_place_of_its_former_files(shelf: Shelf) -> None:
    former = shelf.load("one", "1", "Ann", "Bob")
    shelf.catalog.commit("t", [former])
    other = load_prefix("t", former.load_id) + "part-again.parquet"
    size = shelf._put_rows(other, former.columns, ("Anna",), former.load_id)
    anew = replace(former, data_files=(DataFile(other, size, 1),), rows=RowCounts(1, 1, 0))

    outcome = shelf.catalog.commit("t", [anew])

    assert outcome == CommitOutcome((anew.load_id,), ())
    assert shelf.names("t") == ["Anna"]
    assert len(snapshots(shelf)) == 2


def test_a_load_that_is_the_whole_table_replaces_all_others_but_newer_ones(shelf: Shelf) -> None:
    shelf.catalog.commit("t", [shelf.load("one", "1", "Ann"), shelf.load("two", "2", "Bob", file="b.csv")])
    whole = shelf.load("three", "3", "Cy", file="c.csv", mode=LoadMode.REPLACE)
    late = shelf.load("four", "15", "Di", file="d.csv", mode=LoadMode.REPLACE)

    outcomes = [shelf.catalog.commit("t", [each]) for each in (whole, late)]

    assert outcomes == [CommitOutcome((whole.load_id,), ()), CommitOutcome((), (late.load_id,))]
    assert shelf.names("t") == ["Cy"]


def keyed(shelf: Shelf, sequencer: str, *names: str, file: str, content: str = "one") -> Manifest:
    return shelf.load(content, sequencer, *names, file=file, mode=LoadMode.UPSERT)


def owned(*loads_and_names: tuple[Manifest, str]) -> list[tuple[str, str]]:
    return sorted((name, load.load_id) for load, names in loads_and_names for name in names.split())


def test_rows_of_a_key_are_those_of_the_newest_file_that_has_it(shelf: Shelf) -> None:
    first, second = (
        keyed(shelf, "1", "Ann", "Bob", file="a.csv"),
        keyed(shelf, "2", "Bob", "Cy", file="b.csv"),
    )

    outcomes = [shelf.catalog.commit("t", [each]) for each in (first, second)]

    assert outcomes == [CommitOutcome((each.load_id,), ()) for each in (first, second)]
    assert sorted(shelf.rows("t")) == owned((first, "Ann"), (second, "Bob Cy"))


def test_an_older_file_by_key_that_is_loaded_late_replaces_no_newer_row(shelf: Shelf) -> None:
    older, newer = keyed(shelf, "1", "Ann", "Bob", file="a.csv"), keyed(shelf, "2", "Bob", "Cy", file="b.csv")

    for load in (newer, older, older):
        assert shelf.catalog.commit("t", [load]) == CommitOutcome((load.load_id,), ())

    assert sorted(shelf.rows("t")) == owned((older, "Ann"), (newer, "Bob Cy"))
    assert len(snapshots(shelf)) == 2


def test_of_files_by_key_in_one_batch_the_newest_word_on_each_key_stays(shelf: Shelf) -> None:
    loads = [keyed(shelf, f"{n}", "Ann", f"only {n}", file=f"{n}.csv") for n in (2, 3, 1)]

    shelf.catalog.commit("t", loads)

    assert sorted(shelf.names("t")) == ["Ann", "only 1", "only 2", "only 3"]
    assert ("Ann", loads[1].load_id) in shelf.rows("t")


def test_a_key_that_a_newer_content_of_a_file_lacks_leaves_and_no_older_row_comes_back(shelf: Shelf) -> None:
    other = keyed(shelf, "1", "Ann", "Bob", file="a.csv")
    former = keyed(shelf, "2", "Bob", "Cy", file="b.csv")
    again = keyed(shelf, "3", "Cy", file="b.csv", content="two")

    for load in (other, former, again):
        shelf.catalog.commit("t", [load])

    assert sorted(shelf.rows("t")) == owned((other, "Ann"), (again, "Cy"))


def test_new_columns_are_added_by_name_and_decimals_widen(shelf: Shelf) -> None:
    shelf.catalog.commit("t", [shelf.load("one", "1", "Ann", extra=Column("price", decimal(5, 2)))])

    shelf.catalog.commit(
        "t",
        [
            shelf.load("two", "1", "Bob", file="b.csv", extra=Column("age", BIGINT)),
            shelf.load("three", "1", "Cy", file="c.csv", extra=Column("price", decimal(9, 2))),
        ],
    )

    found = {column.name: column.type for column in shelf.catalog.find("t").columns}
    assert found == {"name": TEXT, "price": decimal(9, 2), "_load_id": TEXT, "age": BIGINT}
    assert shelf.names("t") == ["Ann", "Bob", "Cy"]


@pytest.mark.parametrize("conflicting", [TEXT, BIGINT, decimal(9, 3)], ids=str)
def test_a_column_that_cannot_become_the_tables_type_changes_nothing(
    shelf: Shelf, conflicting: ColumnType
) -> None:
    shelf.catalog.commit("t", [shelf.load("one", "1", "Ann", extra=Column("price", decimal(5, 2)))])
    wrong = shelf.load("two", "1", "Bob", file="b.csv", extra=Column("price", conflicting))
    right = shelf.load("three", "1", "Cy", file="c.csv")
    before = shelf.catalog.find("t")

    for call in (shelf.catalog.require_fits, shelf.catalog.commit):
        with pytest.raises(SchemaConflict):
            call("t", [right, wrong])

    assert shelf.catalog.find("t") == before
    assert shelf.names("t") == ["Ann"]


def test_two_first_loads_that_contradict_each_other_make_no_table(shelf: Shelf) -> None:
    one = shelf.load("one", "1", "Ann", extra=Column("v", BIGINT))
    other = shelf.load("two", "1", "Bob", file="b.csv", extra=Column("v", TEXT))

    for call in (shelf.catalog.require_fits, shelf.catalog.commit):
        with pytest.raises(SchemaConflict):
            call("t", [one, other])

    assert list(shelf.catalog.list()) == []


def test_a_load_partitioned_in_another_way_than_the_table_changes_nothing(shelf: Shelf) -> None:
    shelf.catalog.commit("t", [shelf.load("one", "1", "Ann")])
    other = replace(shelf.load("two", "1", "Bob", file="b.csv"), layout=RowLayout((PartitionField("name"),)))

    for call in (shelf.catalog.require_fits, shelf.catalog.commit):
        with pytest.raises(SchemaConflict):
            call("t", [other])

    assert shelf.names("t") == ["Ann"]


def test_a_load_whose_file_is_gone_or_another_changes_nothing(shelf: Shelf) -> None:
    shelf.catalog.commit("t", [shelf.load("one", "1", "Ann")])
    gone, other = shelf.load("two", "1", "Bob", file="b.csv"), shelf.load("three", "1", "Cy", file="c.csv")
    shelf.store.delete(ObjectRef(BUCKET, gone.data_files[0].key))
    shelf.store.put(ObjectRef(BUCKET, other.data_files[0].key), iter([b"something else"]))

    for hurt in (gone, other):
        for call in (shelf.catalog.require_fits, shelf.catalog.commit):
            with pytest.raises(ObjectNotFound):
                call("t", [shelf.load("four", "1", "Di", file="d.csv"), hurt])

    assert shelf.names("t") == ["Ann"]
    assert len(snapshots(shelf)) == 1


def test_to_ask_whether_loads_fit_changes_nothing(shelf: Shelf) -> None:
    shelf.catalog.require_fits("t", [shelf.load("one", "1", "Ann")])

    assert list(shelf.catalog.list()) == []


def test_tables_are_listed_in_order_and_are_apart(shelf: Shelf) -> None:
    for name in ("t__quarantine", "b", "t"):
        shelf.catalog.commit(name, [shelf.load(name, "1", f"row of {name}", file=f"{name}.csv")])

    assert list(shelf.catalog.list()) == ["b", "t", "t__quarantine"]
    assert [shelf.names(name) for name in ("b", "t")] == [["row of b"], ["row of t"]]


def test_snapshots_are_told_oldest_first_and_each_has_its_place(shelf: Shelf) -> None:
    for number in range(3):
        shelf.catalog.commit("t", [shelf.load(f"{number}", "1", "x", file=f"{number}.csv")])
    table = shelf.catalog.find("t")
    ids = [each.snapshot_id for each in table.snapshots]
    times = [each.committed_at for each in table.snapshots]

    assert (len(set(ids)), times) == (3, sorted(times))
    assert [bool(shelf.catalog.read_location("t", snapshot)) for snapshot in ids] == [True] * 3
    with pytest.raises(TableNotFound):
        shelf.catalog.read_location("t", max(ids) + 1)


def test_a_snapshot_keeps_the_columns_it_had(shelf: Shelf) -> None:
    shelf.catalog.commit("t", [shelf.load("0", "1", "Ann")])
    for number, precision in enumerate((5, 9), start=1):
        extra = Column("v", decimal(precision, 2))
        shelf.catalog.commit("t", [shelf.load(f"{number}", "1", "x", file=f"{number}.csv", extra=extra)])

    table = shelf.catalog.find("t")

    had = [each.columns or table.columns for each in table.snapshots]
    assert [[(c.name, str(c.type)) for c in columns if c.name != "_load_id"] for columns in had] == [
        [("name", "varchar")],
        [("name", "varchar"), ("v", "decimal(5,2)")],
        [("name", "varchar"), ("v", "decimal(9,2)")],
    ]


def test_a_dropped_table_is_gone_and_can_be_made_anew(shelf: Shelf) -> None:
    first, other = shelf.load("one", "1", "Ann", extra=Column("v", BIGINT)), shelf.load("two", "1", "Bob")
    shelf.catalog.commit("t", [first])
    shelf.catalog.commit("u", [other])

    shelf.catalog.drop("t")

    assert list(shelf.catalog.list()) == ["u"]
    with pytest.raises(TableNotFound):
        shelf.catalog.find("t")
    shelf.catalog.commit("t", [shelf.load("three", "1", "Cy", extra=Column("v", TEXT))])
    assert shelf.names("t") == ["Cy"]
    assert len(snapshots(shelf)) == 1


def test_loads_that_are_committed_by_many_at_once_are_each_in_once(shelf: Shelf) -> None:
    loads = [shelf.load(f"{n}", "1", f"{n}", file=f"{n}.csv") for n in range(4)]
    started = [threading.Thread(target=shelf.catalog.commit, args=("t", [load])) for load in loads * 2]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()

    assert shelf.names("t") == ["0", "1", "2", "3"]
    assert len(snapshots(shelf)) == 4
