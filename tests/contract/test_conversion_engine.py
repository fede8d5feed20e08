"""What every conversion engine promises: facts of every row, files by plan, whole or not at all."""

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from medical_data_pipeline.adapters.arrow.conversion_engine import ArrowConversionEngine
from medical_data_pipeline.errors import EncodingMismatch, FileRefused
from medical_data_pipeline.model.conversion import (
    ColumnPlan,
    Lineage,
    Profile,
    ReadPlan,
    WritePlan,
    WriteReport,
)
from medical_data_pipeline.model.dataset import RejectLimit
from medical_data_pipeline.model.dialect import Compression, Dialect
from medical_data_pipeline.model.table import BIGINT, TEXT
from medical_data_pipeline.ports import ConversionEngine, ConversionSession
from tests.fakes import NOON

READ = ReadPlan(Dialect(), ("id", "name"))
ROWS = b"id,name\n1,Ann\n2,Bob\n"
# The short row lacks its name, the long one has a field too many.
RAGGED = b"id,name\n1,Ann\n2\n3,Cy,surplus\n4,Di\n"
# More than one block, and its first column is no number in the last row only.
LARGE = b"id,name\n" + b"".join(b"%d,%060d\n" % (n, n) for n in range(100_000)) + b"x,Ann\n"


@pytest.fixture
def engine_factories() -> dict[str, Callable[[], ConversionEngine]]:
    return {"arrow": ArrowConversionEngine}


@pytest.fixture(params=["arrow"])
def engine(
    request: pytest.FixtureRequest, engine_factories: dict[str, Callable[[], ConversionEngine]]
) -> ConversionEngine:
    return engine_factories[request.param]()


@pytest.fixture
def plan(tmp_path: Path) -> WritePlan:
    """All text, with lineage, into a folder that is there."""
    (tmp_path / "out").mkdir()
    return WritePlan(
        columns=(ColumnPlan("id", "id", TEXT), ColumnPlan("name", "name", TEXT)),
        directory=tmp_path / "out",
        lineage=Lineage("input/t/a.csv", "0" * 32, NOON),
        has_lineage_columns=True,
        reject_limit=RejectLimit(share=0.5, rows=1),
    )


def typed(plan: WritePlan, is_forced: bool = False) -> WritePlan:
    return replace(
        plan, columns=(ColumnPlan("id", "id", BIGINT, is_forced=is_forced), ColumnPlan("name", "name", TEXT))
    )


def profiled(session: ConversionSession, guess: WritePlan, read: ReadPlan = READ) -> Profile:
    return session.profile(read, lambda part: guess)


def converted(
    engine: ConversionEngine, content: bytes, plan: WritePlan, read: ReadPlan = READ
) -> WriteReport:
    with engine.open(io.BytesIO(content)) as session:
        profiled(session, plan, read)
        return session.write(read, plan)


def rows(plan: WritePlan, files: Any, *names: str) -> list[tuple[Any, ...]]:
    tables = [pq.read_table(plan.directory / file.name).to_pylist() for file in files]
    return sorted((tuple(row[name] for name in names) for table in tables for row in table), key=str)


def left(plan: WritePlan) -> list[str]:
    return sorted(str(path.relative_to(plan.directory)) for path in plan.directory.rglob("*"))


@pytest.mark.parametrize(
    ("pack", "compression"),
    [
        (bytes, Compression.NONE),
        (gzip.compress, Compression.GZIP),
        (bz2.compress, Compression.BZIP2),
        (lzma.compress, Compression.XZ),
    ],
)
def test_a_sample_is_the_start_of_the_file_unpacked(
    engine: ConversionEngine, pack: Callable[[bytes], bytes], compression: Compression
) -> None:
    with engine.open(io.BytesIO(pack(ROWS))) as session:
        sample = session.sample()

    assert (sample.content, sample.compression, sample.is_whole) == (ROWS, compression, True)


def test_a_sample_of_a_large_file_is_a_part_of_it_and_says_so(engine: ConversionEngine) -> None:
    with engine.open(io.BytesIO(LARGE)) as session:
        sample = session.sample()

    assert (LARGE.startswith(sample.content), sample.is_whole) == (True, False)
    assert len(sample.content) > 10_000


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (gzip.compress(LARGE)[:-1000], "BAD_GZIP"),
        (gzip.compress(ROWS)[:-8] + b"\0" * 8, "BAD_GZIP"),
        (gzip.compress(b"id,name\n" + (b"0," + b"0" * 1000 + b"\n") * 150_000), "DECOMPRESSION_LIMIT"),
    ],
    ids=["cut off", "wrong checksum", "bomb"],
)
def test_a_file_whose_packing_is_broken_is_refused_and_leaves_nothing(
    engine: ConversionEngine, plan: WritePlan, content: bytes, reason: str
) -> None:
    with engine.open(io.BytesIO(content)) as session, pytest.raises(FileRefused) as refused:
        session.sample()
        profiled(session, plan)

    assert refused.value.reason == reason
    assert left(plan) == []


def test_a_profile_counts_every_row_and_tells_full_rows_from_short_ones(
    engine: ConversionEngine, plan: WritePlan
) -> None:
    with engine.open(io.BytesIO(RAGGED)) as session:
        profile = profiled(session, plan)

    assert (profile.rows, profile.short_rows, profile.rejected) == (4, 1, 1)
    assert (profile.facts["id"].cells, profile.short_facts["id"].cells) == (2, 1)
    assert set(profile.samples["name"]) >= {"Ann", "Di"}


def test_a_profile_knows_the_last_row_of_a_large_file(engine: ConversionEngine, plan: WritePlan) -> None:
    with engine.open(io.BytesIO(LARGE)) as session:
        profile = profiled(session, typed(plan))

    assert profile.rows == 100_001
    assert profile.facts["id"].has_text
    assert min(row for form, row in profile.facts["id"].first_rows.items() if form.kind == "text") == 100_001


def test_nothing_is_to_be_seen_before_it_is_asked_for_nor_afterwards_if_it_is_not(
    engine: ConversionEngine, plan: WritePlan
) -> None:
    with engine.open(io.BytesIO(LARGE)) as session:
        profiled(session, plan)
        seen = [name for name in left(plan) if not Path(name).name.startswith(".")]

    assert (seen, left(plan)) == ([], [])


def test_every_row_is_written_once_or_set_aside(engine: ConversionEngine, plan: WritePlan) -> None:
    report = converted(engine, RAGGED, plan)

    assert rows(plan, report.data_files, "id", "name") == [("1", "Ann"), ("2", None), ("4", "Di")]
    assert rows(plan, report.quarantine_files, "_source_row", "line", "reason", "raw_text") == [
        (3, 4, "too_many_fields", "3,Cy,surplus")
    ]
    assert (report.rows_loaded, report.rows_filled, dict(report.rejected)) == (3, 1, {"too_many_fields": 1})
    assert report.nulls == {"id": 0, "name": 1}


def test_every_row_says_where_it_came_from(engine: ConversionEngine, plan: WritePlan) -> None:
    report = converted(engine, RAGGED, plan)

    lineage = ("_source_file", "_source_row", "_load_id", "_loaded_at")
    assert rows(plan, report.data_files, *lineage) == [
        ("input/t/a.csv", n, "0" * 32, NOON) for n in (1, 2, 4)
    ]


def test_the_files_are_the_ones_reported_and_durable_names_begin_with_the_attempt(
    engine: ConversionEngine, plan: WritePlan
) -> None:
    (plan.directory / "part-before-0.parquet").write_bytes(b"of another attempt")

    report = converted(engine, RAGGED, replace(plan, attempt="now"))

    files = [*report.data_files, *report.quarantine_files]
    assert all(Path(file.name).name.startswith("part-now") for file in files)
    assert {name for name in left(plan) if name.endswith(".parquet")} == {
        *(file.name for file in files),
        "part-before-0.parquet",
    }
    for file in files:
        assert (plan.directory / file.name).stat().st_size == file.size_bytes
        assert pq.read_metadata(plan.directory / file.name).num_rows == file.rows


def test_a_second_write_replaces_the_first(engine: ConversionEngine, plan: WritePlan) -> None:
    first = converted(engine, LARGE, plan)

    second = converted(engine, ROWS, plan)

    assert first.rows_loaded == 100_001
    assert rows(plan, second.data_files, "id") == [("1",), ("2",)]
    assert {name for name in left(plan)} == {file.name for file in second.data_files}


def test_the_same_file_makes_the_same_files(engine: ConversionEngine, plan: WritePlan) -> None:
    first = converted(engine, LARGE, plan)
    before = {file.name: (plan.directory / file.name).read_bytes() for file in first.data_files}

    second = converted(engine, LARGE, plan)

    assert second == first
    assert {file.name: (plan.directory / file.name).read_bytes() for file in second.data_files} == before


def test_the_plan_of_the_whole_file_counts_not_the_guess(engine: ConversionEngine, plan: WritePlan) -> None:
    with engine.open(io.BytesIO(LARGE)) as session:
        profiled(session, typed(plan))
        report = session.write(READ, plan)

    found = rows(plan, report.data_files, "id")
    assert (len(found), found[-1]) == (100_001, ("x",))
    assert report.rejected == {}


def test_a_cell_that_does_not_fit_a_forced_type_sets_its_row_aside(
    engine: ConversionEngine, plan: WritePlan
) -> None:
    report = converted(engine, b"id,name\n1,Ann\nx,Bob\n3,Cy\n", typed(plan, is_forced=True))

    assert rows(plan, report.data_files, "id", "name") == [(1, "Ann"), (3, "Cy")]
    assert rows(plan, report.quarantine_files, "reason", "column_name", "wanted") == [
        ("wrong_type", "id", str(BIGINT))
    ]


def test_more_rows_set_aside_than_the_limit_allows_refuse_the_file_and_leave_nothing(
    engine: ConversionEngine, plan: WritePlan
) -> None:
    content = b"id,name\n1,Ann\nx,Bob\ny,Cy\nz,Di\n"

    with pytest.raises(FileRefused) as refused:
        converted(engine, content, typed(plan, is_forced=True))

    assert (refused.value.reason, left(plan)) == ("TOO_MANY_BAD_ROWS", [])


def test_bytes_the_encoding_does_not_have_are_told_or_set_aside_as_asked(
    engine: ConversionEngine, plan: WritePlan
) -> None:
    content = b"id,name\n1,Ann\n2,Ren\xe9e\n3,Cy\n"

    with engine.open(io.BytesIO(content)) as session, pytest.raises(EncodingMismatch):
        profiled(session, plan)
    assert left(plan) == []
    report = converted(engine, content, plan, replace(READ, is_encoding_lenient=True))

    assert rows(plan, report.data_files, "id") == [("1",), ("3",)]
    assert dict(report.rejected) == {"invalid_encoding": 1}


def test_of_rows_with_one_key_the_last_is_loaded(engine: ConversionEngine, plan: WritePlan) -> None:
    content = b"id,name\n1,old\n2,Bob\n,nobody\n1,new\n"

    report = converted(engine, content, replace(plan, key=("id",)))

    assert rows(plan, report.data_files, "id", "name") == [("1", "new"), ("2", "Bob")]
    assert dict(report.rejected) == {"duplicate_key": 1, "null_key": 1}


def test_a_file_of_no_rows_makes_a_file_that_has_its_columns(
    engine: ConversionEngine, plan: WritePlan
) -> None:
    report = converted(engine, b"id,name\n", plan)

    (file,) = report.data_files
    assert (report.rows_loaded, file.rows) == (0, 0)
    assert pq.read_schema(plan.directory / file.name).names[:2] == ["id", "name"]


def shared(engine: ConversionEngine, plan: WritePlan, *contents: bytes) -> list[WriteReport]:
    """The reports of files whose rows were offered to shared files, with the files they went to."""
    files, reports = engine.share(plan.directory, "shared"), []
    for number, content in enumerate(contents):
        own = replace(
            plan, lineage=Lineage(f"input/t/{number}.csv", f"{number:032d}", NOON), attempt=f"{number}"
        )
        with engine.open(io.BytesIO(content), files) as session:
            profiled(session, own)
            reports.append((own.lineage.load_id, session.write(READ, own)))
    made = files.publish()
    return [
        replace(report, data_files=made[load].data_files, quarantine_files=made[load].quarantine_files)
        if load in made
        else report
        for load, report in reports
    ]


def test_rows_in_shared_files_say_whose_they_are_and_are_counted_for_each(
    engine: ConversionEngine, plan: WritePlan
) -> None:
    one, ragged, none = shared(engine, plan, ROWS, RAGGED, b"id,name\n")

    loaded = rows(plan, set(one.data_files) | set(ragged.data_files), "id", "_load_id", "_source_row")
    first, second = f"{0:032d}", f"{1:032d}"
    assert {row for row in loaded if row[1] == first} == {("1", first, 1), ("2", first, 2)}
    assert {row for row in loaded if row[1] == second} == {
        ("1", second, 1),
        ("2", second, 2),
        ("4", second, 4),
    }
    assert [sum(file.rows for file in each.data_files) for each in (one, ragged, none)] == [2, 3, 0]
    assert (one.quarantine_files, none.data_files, none.quarantine_files) == ((), (), ())
    assert rows(plan, ragged.quarantine_files, "line", "_load_id", "raw_text") == [
        (4, second, "3,Cy,surplus")
    ]
    assert (ragged.rows_loaded, ragged.rows_filled, dict(ragged.rejected)) == (3, 1, {"too_many_fields": 1})


def test_a_file_with_shared_files_gives_the_same_rows_and_report_as_by_itself(
    engine: ConversionEngine, plan: WritePlan
) -> None:
    for content in (ROWS, RAGGED, b"id,name\n7,\n,\n"):
        alone = converted(engine, content, replace(plan, attempt="alone"))
        (together,) = shared(engine, plan, content)

        assert replace(together, data_files=(), quarantine_files=()) == replace(
            alone, data_files=(), quarantine_files=()
        )
        names = ("id", "name", "_source_row", "_loaded_at")
        assert rows(plan, together.data_files, *names) == rows(plan, alone.data_files, *names)


def test_many_rows_offered_to_shared_files_are_all_there_and_counted(
    engine: ConversionEngine, plan: WritePlan
) -> None:
    reports = shared(engine, plan, ROWS, *[LARGE] * 6)

    assert [report.rows_loaded for report in reports] == [2, *[100_001] * 6]
    assert [sum(file.rows for file in each.data_files) for each in reports] == [2, *[100_001] * 6]
    names = {file.name for report in reports for file in report.data_files}
    tables = [pq.read_table(plan.directory / name, columns=["_load_id"]) for name in sorted(names)]
    counts = pa.concat_tables(tables).group_by("_load_id").aggregate([([], "count_all")]).to_pylist()
    assert sorted((row["_load_id"], row["count_all"]) for row in counts) == [
        (f"{number:032d}", report.rows_loaded) for number, report in enumerate(reports)
    ]


def test_a_file_that_is_refused_leaves_nothing_in_shared_files(
    engine: ConversionEngine, plan: WritePlan
) -> None:
    files = engine.share(plan.directory, "shared")
    with engine.open(io.BytesIO(b"id,name\n1,a,b\n2,a,b\n3,c\n"), files) as session:
        profiled(session, plan)
        with pytest.raises(FileRefused):
            session.write(READ, plan)

    assert dict(files.publish()) == {}
    assert left(plan) == []
