"""Tables made anew from the raw files are the same tables, whatever else was lost."""

import os
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from medical_data_pipeline.errors import BackendUnavailable
from medical_data_pipeline.model.dataset import Dataset, LoadMode
from tests.integration.pipelines import Running, Start

# The first file to come decides a column's type, and its key is the last in order.
FILES = {
    "t/z.csv": "id,name,v\n1,Ann,1\n2,Bob,2\n",
    "t/m.csv": "id,name,v\n3,Cy,three\n4,Di,4\n5,Ed,5,surplus\n",
    "t/a.csv": "id,name,v,extra\n6,Flo,6,x\n7,Gus,7,\n",
    "u/b.csv": "id,name\n1,old\n2,kept\n",
    "u/a.csv": "id,name\n1,new\n",
    "w/b.csv": "id,name\n1,first\n",
    "w/a.csv": "id,name\n2,whole\n",
}
DATASETS = {
    "u": Dataset(table="u", mode=LoadMode.UPSERT, upsert_key=("id",)),
    "w": Dataset(table="w", mode=LoadMode.REPLACE),
}


def lose_ledger(folder: Path) -> None:
    for file in folder.glob("ledger.sqlite*"):
        file.unlink()


def lose_catalog(folder: Path) -> None:
    for file in folder.glob("catalog.sqlite*"):
        file.unlink()


def lose_catalog_and_metadata(folder: Path) -> None:
    lose_catalog(folder)
    shutil.rmtree(folder / "tables")


def lose_all_but_input(folder: Path) -> None:
    for path in folder.iterdir():
        if path.name != "input":
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def contents(run: Running) -> dict[str, Counter[str]]:
    """Every table's rows, but for the load they came with; and its columns' types."""
    found = {}
    for table in run.pipeline.catalog.list():
        rows = (dict(row) for row in run.rows(table))
        found[table] = Counter(
            repr(sorted((name, v) for name, v in row.items() if name not in ("_load_id", "_loaded_at")))
            for row in rows
        )
        types = [f"{column.name} {column.type}" for column in run.pipeline.catalog.find(table).columns]
        found[table].update(sorted(types))
    return found


def loaded_once(start: Start) -> Running:
    run = start(**DATASETS)
    for number, (key, text) in enumerate(FILES.items()):
        run.wait_final(run.put(key, text))
        # As old as they would be: who copies a folder keeps the times.
        os.utime(run.folder / "input" / key, (1_700_000_000 + number, 1_700_000_000 + number))
    return run


@pytest.mark.parametrize(
    "lose",
    [lambda folder: None, lose_ledger, lose_catalog, lose_catalog_and_metadata, lose_all_but_input],
    ids=["nothing", "ledger", "catalog", "catalog and metadata", "all but input"],
)
def test_a_rebuild_gives_the_same_tables(lose: Callable[[Path], None], start: Start) -> None:
    before = loaded_once(start)
    expected = contents(before)
    (before.folder / "input/t/.copying.csv").write_text("id\n9\n")
    assert before.pipeline.stop(20)
    lose(before.folder)

    after = start(is_started=False, **DATASETS)
    count = after.pipeline.rebuild()

    assert count == len(FILES)
    assert contents(after) == expected
    assert sum(expected["t__quarantine"].values()) > 2
    latest = {load.source.key: load.state.value for load in reversed(after.loads())}
    assert set(latest) == {f"input/{key}" for key in FILES}


def test_one_table_can_be_rebuilt_alone_by_new_declarations(start: Start) -> None:
    before = loaded_once(start)
    expected = contents(before)
    assert before.pipeline.stop(20)

    after = start(is_started=False, w=Dataset(table="w"), u=DATASETS["u"])
    after.pipeline.rebuild("w")

    assert after.names("w") == ["first", "whole"]
    assert {name: rows for name, rows in contents(after).items() if name != "w"} == {
        name: rows for name, rows in expected.items() if name != "w"
    }


def test_a_rebuild_goes_by_what_is_there_and_when_it_came(start: Start) -> None:
    before = start(**DATASETS)
    january = before.put("w/january.csv", "id,name\n1,January\n")
    before.wait_final(january)
    before.wait_final(before.put("w/february.csv", "id,name\n1,February\n"))
    before.wait_final(before.pipeline.replay(january.load_id))
    for key, text in (("u/a.csv", "1,older"), ("u/b.csv", "1,newer"), ("u/b.csv", "2,other key")):
        before.wait_final(before.put(key, f"id,name\n{text}\n"))
    assert (before.names("w"), before.names("u")) == (["January"], ["other key"])
    assert before.pipeline.stop(20)

    after = start(is_started=False, **DATASETS)
    after.pipeline.rebuild()

    assert (after.names("w"), after.names("u")) == (["February"], ["older", "other key"])


def test_a_file_that_is_deleted_from_the_input_is_out_of_its_table_after_a_rebuild(start: Start) -> None:
    before = loaded_once(start)
    (before.folder / "input/t/m.csv").unlink()
    assert before.names("t") == ["Ann", "Bob", "Di", "Flo", "Gus"]
    assert before.pipeline.stop(20)

    after = start(is_started=False, **DATASETS)
    after.pipeline.rebuild("t")

    assert after.names("t") == ["Ann", "Bob", "Flo", "Gus"]
    assert "t__quarantine" not in after.pipeline.catalog.list()


def test_a_rebuild_that_was_cut_short_can_be_run_again(start: Start) -> None:
    before = loaded_once(start)
    expected = contents(before)
    assert before.pipeline.stop(20)
    cut_short = start(is_started=False, **DATASETS)
    cut_short.pipeline.catalog.drop("t")
    assert cut_short.pipeline.stop(20)

    after = start(is_started=False, **DATASETS)
    after.pipeline.rebuild()

    assert contents(after) == expected


def test_a_rebuild_in_which_a_file_fails_says_so(start: Start) -> None:
    before = loaded_once(start)
    expected = contents(before)
    assert before.pipeline.stop(20)

    def failing(milestone: str) -> None:
        if milestone == "manifest-written":
            raise BackendUnavailable("the disk did not answer")

    failed = start(failing, is_started=False, **DATASETS)
    with pytest.raises(BackendUnavailable, match="a file could not be loaded again"):
        failed.pipeline.rebuild()
    assert failed.pipeline.stop(20)

    after = start(is_started=False, **DATASETS)
    after.pipeline.rebuild()
    assert contents(after) == expected
