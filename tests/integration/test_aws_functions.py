"""The conversion and the catalog function on an emulated AWS, with what events of AWS bring."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config

from medical_data_pipeline.adapters.aws.aws_clients import aws_client
from medical_data_pipeline.composition.aws_batches import MAX_RECEIVES
from medical_data_pipeline.composition.aws_conversion import ConversionFunction
from medical_data_pipeline.composition.milestones import nothing
from medical_data_pipeline.entrypoints.spark_conversion import main as spark_job
from medical_data_pipeline.errors import BackendUnavailable
from medical_data_pipeline.model.load import MAX_ATTEMPTS, LoadState
from tests.aws_bench import BUCKET, AwsBench, aws_bench, failures, raw, sqs_batch, time_left
from tests.aws_emulator import (
    DATABASE,
    LEDGER_TABLE,
    date_object,
    lose_catalog_and_ledger,
    shared_client,
)
from tests.aws_faults import ExchangedObject, ThrottledCalls

CSV = "id,name\n1,Ann\n2,Bob\n"
ANN, BOB = (1, "Ann"), (2, "Bob")


def fail(milestone: str) -> None:
    raise BackendUnavailable("the disk is gone")


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[AwsBench]:
    with aws_bench(tmp_path) as bench:
        yield bench


def run_job(load_id: str) -> None:
    names = {"BUCKET": BUCKET, "LEDGER_TABLE": LEDGER_TABLE, "GLUE_DATABASE": DATABASE, "DEFAULT_TABLE": "t"}
    given = names | {"LOAD_ID": load_id, "JOB_NAME": "large"}
    spark_job([f"--{name}={value}" for name, value in given.items()])


def set_clock(aws: AwsBench, now: datetime) -> None:
    aws.clock = lambda: now


def test_a_raw_file_becomes_rows(aws: AwsBench) -> None:
    aws.load("input/labs/a.csv", CSV)

    assert aws.rows("labs", "id", "name") == [ANN, BOB]
    assert aws.states() == {"input/labs/a.csv": LoadState.COMMITTED}
    assert [each.event for each in aws.told] == ["converted", "committed"]


def test_a_changed_file_replaces_its_own_rows_and_no_others(aws: AwsBench) -> None:
    aws.load("input/labs/a.csv", CSV)
    aws.load("input/labs/b.csv", "id,name\n3,Cy\n")

    aws.load("input/labs/a.csv", "id,name\n9,Zoe\n")

    assert aws.rows("labs", "id", "name") == [(3, "Cy"), (9, "Zoe")]


def test_the_same_event_ten_times_is_one_load(aws: AwsBench) -> None:
    event = aws.put("input/labs/a.csv", CSV)

    assert aws.convert(*[event] * 10) == []
    assert aws.commit(*aws.manifest_events() * 10) == []
    assert aws.convert(event) == []
    assert aws.commit(*aws.manifest_events()) == []

    assert aws.rows("labs", "id", "name") == [ANN, BOB]
    assert len(aws.catalog.find("labs").snapshots) == 1
    assert len(aws.loads()) == 1


def test_a_second_run_that_began_before_the_table_changed_leaves_committed_files_as_they_are(
    aws: AwsBench,
) -> None:
    event, other = aws.put("input/t/a.csv", "id,v\n1,1.5\n"), aws.put("input/t/b.csv", "id,v\n3,12345.25\n")

    def meanwhile(milestone: str) -> None:
        aws.reached = nothing
        for each in (other, event):
            assert aws.convert(each) == []
            assert aws.commit(*aws.manifest_events()) == []

    aws.reached = lambda milestone: meanwhile(milestone) if milestone == "converted-files-written" else None
    assert aws.convert(event) == []
    assert aws.commit(*aws.manifest_events()) == []

    catalog = aws.catalog
    promised = {
        where: file.file_size_in_bytes for where, file in catalog.files("t", catalog.load("t")).items()
    }
    assert promised == {where: catalog.warehouse.size_bytes(where) for where in promised}
    assert [number for (number,) in aws.rows("t", "id")] == [1, 3]


@pytest.mark.parametrize(
    ("first", "second"), [("0055AED6DCD90281E5", "0055AED6DCD90281E6"), ("9", "9001"), ("0A", "0A1")]
)
def test_an_older_event_that_comes_late_changes_nothing(aws: AwsBench, first: str, second: str) -> None:
    older = aws.put("input/labs/a.csv", "id,name\n1,old\n")
    newer = aws.put("input/labs/a.csv", "id,name\n1,new\n")
    older["detail"]["object"]["sequencer"] = first
    newer["detail"]["object"]["sequencer"] = second

    assert aws.convert(newer) == []
    assert aws.convert(older) == []
    assert aws.commit(*aws.manifest_events()) == []

    assert aws.rows("labs", "id", "name") == [(1, "new")]
    assert sorted(load.state for load in aws.loads()) == [LoadState.COMMITTED, LoadState.SUPERSEDED]


def test_a_lost_event_is_found_by_the_reconciler_and_a_late_one_then_changes_nothing(aws: AwsBench) -> None:
    event = aws.put("input/labs/a.csv", CSV)
    aws.clock = lambda: datetime.now(UTC) + timedelta(hours=1)

    assert aws.convert({"task": "reconcile"}) == []
    tasks = aws.queued("conversion")

    assert [task["task"] for task in tasks] == ["convert"]
    assert aws.convert(*tasks) == []
    assert aws.convert(event) == []
    assert aws.commit(*aws.manifest_events()) == []
    assert aws.rows("labs", "id", "name") == [ANN, BOB]
    assert len(aws.loads()) == 1


DECLARED = "version: 1\ndatasets:\n  whole: {mode: replace}\n  keyed: {mode: upsert, key: [id]}\n"


@pytest.fixture
def declared(aws: AwsBench) -> AwsBench:
    """An installation with a table that each file replaces, and one whose rows are replaced by key."""
    shared_client("s3").put_object(Bucket=BUCKET, Key="config/datasets.yaml", Body=DECLARED.encode())
    aws.datasets_key = "config/datasets.yaml"
    # As far apart as S3 would give them.
    aws.sequence = 0x0067_0000_0000
    return aws


def load_what_was_lost(bench: AwsBench) -> None:
    assert bench.convert({"task": "reconcile"}) == []
    assert bench.convert(*bench.queued("conversion")) == []
    assert bench.commit(*bench.manifest_events()) == []


@pytest.mark.parametrize("table", ["whole", "keyed"])
def test_a_file_whose_event_was_lost_is_newer_than_those_that_came_before_it(
    declared: AwsBench, table: str
) -> None:
    declared.load(f"input/{table}/january.csv", "id,name\n1,January\n")
    declared.put(f"input/{table}/february.csv", "id,name\n1,February\n")
    set_clock(declared, datetime.now(UTC) + timedelta(hours=1))

    load_what_was_lost(declared)

    assert declared.rows(table, "id", "name") == [(1, "February")]


@pytest.mark.parametrize("table", ["whole", "keyed"])
def test_a_file_whose_event_was_lost_is_older_than_those_that_came_after_it(
    declared: AwsBench, table: str
) -> None:
    declared.put(f"input/{table}/january.csv", "id,name\n1,January\n")
    set_clock(declared, datetime.now(UTC) + timedelta(minutes=1))
    declared.load(f"input/{table}/february.csv", "id,name\n1,February\n")
    set_clock(declared, datetime.now(UTC) + timedelta(hours=1))

    load_what_was_lost(declared)

    assert declared.rows(table, "id", "name") == [(1, "February")]


@pytest.mark.parametrize("table", ["whole", "keyed"])
def test_files_that_are_committed_in_another_order_than_they_came_leave_the_newest_word(
    declared: AwsBench, table: str
) -> None:
    older = declared.put(f"input/{table}/january.csv", "id,name\n1,January\n")
    newer = declared.put(f"input/{table}/february.csv", "id,name\n1,February\n")

    for event in (newer, older):
        assert declared.convert(event) == []
        assert declared.commit(*declared.manifest_events()) == []

    assert declared.rows(table, "id", "name") == [(1, "February")]


def test_a_replay_is_the_newest_word_and_a_dead_letter_put_back_is_not(declared: AwsBench) -> None:
    january = declared.put("input/whole/january.csv", "id,name\n1,January\n")
    declared.reached = fail
    assert declared.convert(january, receives=5) == ["0"]
    declared.reached = nothing
    declared.load("input/whole/february.csv", "id,name\n1,February\n")

    assert declared.convert(january) == []
    assert declared.commit(*declared.manifest_events()) == []
    assert declared.rows("whole", "name") == [("February",)]

    newest = declared.ledger.latest(raw("input/whole/january.csv"))
    assert newest is not None
    assert declared.convert({"task": "replay", "load_id": newest.load_id}) == []
    assert declared.commit(*declared.manifest_events()) == []
    assert declared.rows("whole", "name") == [("January",)]


def fail_for_good(aws: AwsBench, event: dict[str, Any]) -> None:
    aws.reached = fail
    assert aws.convert(event, receives=MAX_RECEIVES) == ["0"]
    aws.reached = nothing


@pytest.mark.parametrize("table", ["whole", "keyed"])
def test_a_dead_letter_put_back_is_older_than_what_came_after_it_though_that_was_received_before_it(
    declared: AwsBench, table: str
) -> None:
    january = declared.put(f"input/{table}/january.csv", "id,name\n1,January\n")
    declared.load(f"input/{table}/february.csv", "id,name\n1,February\n")
    fail_for_good(declared, january)

    assert declared.convert(january) == []
    assert declared.commit(*declared.manifest_events()) == []

    assert declared.rows(table, "id", "name") == [(1, "February")]


@pytest.mark.parametrize("is_all_lost", [False, True])
@pytest.mark.parametrize("table", ["whole", "keyed"])
def test_files_of_which_no_event_told_stand_in_the_order_in_which_they_came(
    declared: AwsBench, table: str, is_all_lost: bool
) -> None:
    declared.load(f"input/{table}/a.csv", "id,name\n1,January\n")
    came_at = datetime.now(UTC)
    for number, (name, month) in enumerate((("c", "February"), ("d", "April"), ("b", "March"))):
        declared.put(f"input/{table}/{name}.csv", f"id,name\n1,{month}\n")
        date_object(BUCKET, f"input/{table}/{name}.csv", came_at + timedelta(minutes=[1, 3, 2][number]))
    if is_all_lost:
        lose_catalog_and_ledger()
    set_clock(declared, came_at + timedelta(hours=1))

    assert declared.convert({"task": "reconcile"}) == []
    for task in sorted(declared.queued("conversion"), key=str):
        assert declared.convert(task) == []
        assert declared.commit(*declared.manifest_events()) == []

    assert declared.rows(table, "id", "name") == [(1, "April")]


def lose_manifest(aws: AwsBench) -> None:
    (load,) = aws.loads()
    assert load.state is LoadState.CONVERTED
    aws_client("s3").delete_object(Bucket=BUCKET, Key=load.key_of("manifest.json"))


def test_a_load_whose_manifest_was_lost_is_found_standing_still_and_converted_again(aws: AwsBench) -> None:
    assert aws.convert(aws.put("input/labs/a.csv", CSV)) == []
    lose_manifest(aws)
    set_clock(aws, datetime.now(UTC) + timedelta(hours=2))

    assert aws.convert({"task": "reconcile"}) == []
    assert aws.commit(*aws.queued("catalog")) == []
    again = aws.queued("conversion")
    assert [task["task"] for task in again] == ["convert"]
    assert aws.convert(*again) == []
    assert aws.commit(*aws.manifest_events()) == []

    assert aws.rows("labs", "id", "name") == [ANN, BOB]
    assert aws.states() == {"input/labs/a.csv": LoadState.COMMITTED}


def test_a_load_whose_manifest_is_lost_each_time_has_failed_in_the_end(aws: AwsBench) -> None:
    assert aws.convert(aws.put("input/labs/a.csv", CSV)) == []
    (load,) = aws.loads()

    for _ in range(MAX_ATTEMPTS):
        lose_manifest(aws)
        assert aws.commit({"task": "commit", "load_id": load.load_id}) == []
        assert aws.convert(*aws.queued("conversion")) == []

    (load,) = aws.loads()
    assert (load.state, load.reason) == (LoadState.FAILED, "INTERNAL")


def test_a_load_whose_manifest_was_lost_is_converted_again_when_its_event_comes_again(aws: AwsBench) -> None:
    event = aws.put("input/labs/a.csv", CSV)
    assert aws.convert(event) == []
    lose_manifest(aws)

    assert aws.convert(event) == []
    assert aws.commit(*aws.manifest_events()) == []

    assert aws.rows("labs", "id", "name") == [ANN, BOB]


def test_what_is_committed_is_not_put_back_by_a_task_that_comes_late(aws: AwsBench) -> None:
    aws.load("input/labs/a.csv", CSV)
    (load,) = aws.loads()
    aws_client("s3").delete_object(Bucket=BUCKET, Key=load.key_of("manifest.json"))

    assert aws.commit({"task": "commit", "load_id": load.load_id}) == []

    assert aws.queued("conversion") == []
    assert aws.loads() == [load]


def test_an_object_that_is_gone_is_refused_with_a_reason_and_not_tried_again(aws: AwsBench) -> None:
    event = aws.put("input/labs/a.csv", CSV)
    aws_client("s3").delete_object(Bucket=BUCKET, Key="input/labs/a.csv")

    assert aws.convert(event) == []

    (load,) = aws.loads()
    assert (load.state, load.reason) == (LoadState.REFUSED, "OBJECT_REMOVED")


@pytest.mark.parametrize("sent", [{}, {"ChecksumAlgorithm": "SHA256"}], ids=["etag", "sha256"])
@pytest.mark.parametrize("rows", [2, 40_000])
def test_content_that_lay_there_only_while_a_file_was_read_is_not_taken_for_the_files(
    aws: AwsBench, sent: dict[str, str], rows: int
) -> None:
    key = "input/labs/a.csv"
    content, other = (f"id,name\n1,{name}\n" + "2,Bob\n" * (rows - 1) for name in ("Ann", "Zoe"))
    event = aws.put(key, content, **sent)
    events = [event]
    exchanged = ExchangedObject(
        key,
        lambda: aws.put(key, other, **sent),
        lambda: events.append(aws.put(key, content, **sent)),
    )
    aws.clients = exchanged.client

    assert aws.convert(event) == []
    (load,) = aws.loads()
    assert (load.state, load.rows.read, exchanged.reads) == (LoadState.SUPERSEDED, 0, 2)

    assert aws.convert(events[-1]) == []
    assert aws.commit(*aws.manifest_events()) == []
    assert aws.rows("labs", "id", "name")[0] == ANN
    assert aws.states() == {key: LoadState.COMMITTED}


def test_one_poison_message_of_ten_does_not_stop_the_nine(aws: AwsBench) -> None:
    events = [aws.put(f"input/labs/{number}.csv", CSV) for number in range(9)]
    poison = {"task": "convert", "load_id": "0" * 32}

    assert aws.convert(*events, poison) == ["9"]
    assert aws.commit(*aws.manifest_events()) == []

    assert len(aws.rows("labs", "id")) == 18


def test_what_is_nobodys_business_is_done_with_and_told(aws: AwsBench) -> None:
    foreign = [
        {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET},
        {"a": 1},
        {"task": "dance"},
    ]

    assert aws.convert(*foreign) == []
    assert aws.commit(*foreign, aws.put("record_folders/labs/x/manifest.json", "{}")) == []

    assert [each.event for each in aws.told] == ["event-ignored"] * 7


@pytest.mark.parametrize("key", ["input/labs/.a.csv.part", "input/.DS_Store", "input/.labs/a.csv"])
def test_a_file_with_a_hidden_name_is_left_alone_by_events_and_by_the_reconciler(
    aws: AwsBench, key: str
) -> None:
    assert aws.convert(aws.put(key, CSV)) == []
    set_clock(aws, datetime.now(UTC) + timedelta(hours=1))
    assert aws.convert({"task": "reconcile"}) == []

    assert (aws.loads(), aws.queued("conversion")) == ([], [])


def test_what_the_pipeline_writes_itself_is_no_raw_file(aws: AwsBench) -> None:
    aws.load("input/labs/a.csv", CSV)

    assert aws.convert(*aws.manifest_events()) == []

    assert len(aws.loads()) == 1


def test_a_foreign_file_beside_a_loads_own_is_no_part_of_the_table(aws: AwsBench) -> None:
    assert aws.convert(aws.put("input/labs/a.csv", CSV)) == []
    (load,) = aws.loads()
    aws.put(load.key_of("part-00099.parquet"), "no Parquet at all")

    assert aws.commit(*aws.manifest_events()) == []

    assert aws.rows("labs", "id", "name") == [ANN, BOB]


@pytest.mark.parametrize("has_its_size", [False, True])
def test_a_load_whose_files_were_spoilt_is_converted_again_and_stops_no_other_table(
    aws: AwsBench, has_its_size: bool
) -> None:
    assert aws.convert(aws.put("input/labs/a.csv", CSV), aws.put("input/meds/b.csv", CSV)) == []
    (spoilt,) = aws.loads("input/labs/a.csv")
    part = next(key for key in aws.keys(spoilt.prefix) if key.endswith(".parquet"))
    size_bytes = shared_client("s3").head_object(Bucket=BUCKET, Key=part)["ContentLength"]
    aws.put(part, bytes(size_bytes) if has_its_size else b"no Parquet at all")

    assert aws.commit(*aws.manifest_events()) == []
    assert (aws.rows("meds", "id", "name"), aws.rows("labs", "id", "name")) == ([ANN, BOB], [])
    assert aws.convert(*aws.queued("conversion")) == []
    assert aws.commit(*aws.manifest_events()) == []

    assert aws.rows("labs", "id", "name") == [ANN, BOB]


@pytest.mark.parametrize(
    "key",
    ["input/labs/a b+c%2Fd.csv", "input/labs/é.csv", "input/labs/a..csv", "input/labs/" + "n" * 900 + ".csv"],
)
def test_a_strange_key_is_read_as_it_is(aws: AwsBench, key: str) -> None:
    aws.load(key, CSV)

    assert aws.rows("labs", "id", "_source_file") == [(1, key), (2, key)]


def test_a_load_that_conflicts_with_its_table_is_converted_again_by_the_tables_types(aws: AwsBench) -> None:
    one, two = aws.put("input/t/a.csv", "id,v\n1,5\n"), aws.put("input/t/b.csv", "id,v\n2,x\n")

    assert aws.convert(one, two) == []
    assert aws.commit(*aws.manifest_events()) == []
    again = aws.queued("conversion")
    assert [task["task"] for task in again] == ["convert"]
    assert aws.convert(*again) == []
    assert aws.commit(*aws.manifest_events()) == []

    loaded, set_aside = aws.rows("t", "id"), aws.rows("t__quarantine", "_source_row")
    assert len(loaded) + len(set_aside) == 2 and len(loaded) >= 1


def test_after_too_many_tries_a_load_has_failed_and_its_message_put_back_loads_it(aws: AwsBench) -> None:
    event = aws.put("input/labs/a.csv", CSV)
    aws.reached = fail
    for receives in range(1, 6):
        assert aws.convert(event, receives=receives) == ["0"]
    aws.reached = nothing
    assert aws.states() == {"input/labs/a.csv": LoadState.FAILED}

    assert aws.convert(event) == []
    assert aws.commit(*aws.manifest_events()) == []

    assert aws.rows("labs", "id", "name") == [ANN, BOB]
    assert aws.states() == {"input/labs/a.csv": LoadState.COMMITTED}


def test_a_load_for_which_the_time_does_not_do_is_announced_anew_and_has_used_up_no_try(
    aws: AwsBench,
) -> None:
    events = [aws.put(f"input/labs/{number}.csv", CSV) for number in range(2)]
    clock = iter([300.0, 300.0, 300.0, 5.0, 5.0, 5.0, 5.0])

    answer = aws.conversion().handle(sqs_batch(*events, receives=5), lambda: next(clock))

    (late,) = aws.loads("input/labs/1.csv")
    assert (failures(answer), late.state, late.attempts) == ([], LoadState.RECEIVED, 0)
    assert aws.queued("conversion") == [{"task": "convert", "load_id": late.load_id}]


def test_a_function_about_to_be_ended_notes_that_in_the_ledger(aws: AwsBench) -> None:
    event = aws.put("input/labs/a.csv", CSV)
    aws.reached = lambda milestone: time.sleep(1.5)

    aws.conversion().handle(sqs_batch(event, receives=5), lambda: 3.2)

    assert aws.states() == {"input/labs/a.csv": LoadState.FAILED}
    assert "out-of-time" in [each.event for each in aws.told]


@pytest.fixture
def large(aws: AwsBench) -> ConversionFunction:
    """The conversion function of an installation with a job."""
    aws_client("glue").create_job(
        Name="large", Role="arn:aws:iam::123456789012:role/r", Command={"Name": "glueetl"}
    )
    return aws.conversion(large_file_bytes=10, spark_job_name="large")


def runs() -> int:
    return len(aws_client("glue").get_job_runs(JobName="large")["JobRuns"])


def test_a_large_file_is_handed_over_to_the_job(aws: AwsBench, large: ConversionFunction) -> None:
    event = aws.put("input/labs/a.csv", CSV)

    answer = large.handle(sqs_batch(event), time_left)

    (load,) = aws.loads()
    (run,) = aws_client("glue").get_job_runs(JobName="large")["JobRuns"]
    assert failures(answer) == []
    assert run["Arguments"] == {"--LOAD_ID": load.load_id}
    assert load.state is LoadState.RECEIVED


def test_a_file_that_no_run_of_the_job_converts_has_failed_in_the_end_and_can_be_replayed(
    aws: AwsBench, large: ConversionFunction
) -> None:
    large.handle(sqs_batch(aws.put("input/labs/a.csv", CSV)), time_left)

    for nine_hours in range(1, 8):
        set_clock(aws, datetime.now(UTC) + timedelta(hours=9, minutes=5) * nine_hours)
        again = aws.conversion(large_file_bytes=10, spark_job_name="large")
        again.handle(sqs_batch({"task": "reconcile"}), time_left)
        again.handle(sqs_batch(*aws.queued("conversion")), time_left)

    (load,) = aws.loads()
    assert (load.state, load.reason) == (LoadState.FAILED, "JOB_FAILED")
    assert load.detail == "no run of the job came to an end"
    assert runs() == 5
    assert [each.event for each in aws.told].count("failed") == 1
    again.handle(sqs_batch({"task": "replay", "load_id": load.load_id}), time_left)
    assert runs() == 6


def test_an_event_that_comes_twice_begins_one_run_of_the_job(
    aws: AwsBench, large: ConversionFunction
) -> None:
    event = aws.put("input/labs/a.csv", CSV)

    for _ in range(7):
        large.handle(sqs_batch(event), time_left)

    (load,) = aws.loads()
    assert (runs(), load.state, load.attempts) == (1, LoadState.RECEIVED, 1)


def test_a_file_for_which_the_job_has_no_room_waits_and_has_used_up_no_attempt(
    aws: AwsBench, large: ConversionFunction
) -> None:
    event = aws.put("input/labs/a.csv", CSV)
    calls = ThrottledCalls("glue.StartJobRun", 3, Config(retries={"total_max_attempts": 1}))
    aws.clients = calls.client
    large = aws.conversion(large_file_bytes=10, spark_job_name="large")

    answers = [failures(large.handle(sqs_batch(event, receives=n), time_left)) for n in (1, 2, 3, 4)]

    (load,) = aws.loads()
    assert answers == [["0"], ["0"], ["0"], []]
    assert ([each.event for each in aws.told].count("handed-over"), load.attempts) == (1, 1)


def test_the_job_for_large_files_converts_what_the_function_would_have(
    aws: AwsBench, large: ConversionFunction
) -> None:
    large.handle(sqs_batch(aws.put("input/labs/a.csv", CSV)), time_left)
    (load,) = aws.loads()

    run_job(load.load_id)
    assert aws.commit(*aws.manifest_events()) == []

    assert aws.rows("labs", "id", "name") == [ANN, BOB]


def test_the_job_for_large_files_converts_no_other_content_than_was_handed_over(
    aws: AwsBench, large: ConversionFunction
) -> None:
    large.handle(sqs_batch(aws.put("input/labs/a.csv", CSV)), time_left)
    (load,) = aws.loads()
    aws.put("input/labs/a.csv", "id,name\n9,Zoe\n")

    run_job(load.load_id)

    assert aws.ledger.find(load.load_id).state is LoadState.SUPERSEDED
    assert aws.keys(load.prefix or "record_folders/") == []


def test_a_replay_takes_the_place_of_the_former_rows(aws: AwsBench) -> None:
    aws.load("input/labs/a.csv", CSV)
    (load,) = aws.loads()

    assert aws.convert({"task": "replay", "load_id": load.load_id}) == []
    assert aws.commit(*aws.manifest_events()) == []

    assert aws.rows("labs", "id", "name") == [ANN, BOB]
    latest = aws.ledger.latest(raw("input/labs/a.csv"))
    assert latest is not None and latest.load_id != load.load_id


def test_a_replay_of_a_file_that_is_gone_is_said_and_not_tried_again(aws: AwsBench) -> None:
    aws.load("input/labs/a.csv", CSV)
    (load,) = aws.loads()
    shared_client("s3").delete_object(Bucket=BUCKET, Key="input/labs/a.csv")

    assert aws.convert({"task": "replay", "load_id": load.load_id}) == []

    told = aws.told[-1]
    assert (told.event, told.load_id, told.detail) == (
        "replay-impossible",
        load.load_id,
        "the raw file is gone",
    )
    assert aws.rows("labs", "id", "name") == [ANN, BOB]


def test_a_replay_of_content_that_was_replaced_is_said_and_not_tried_again(aws: AwsBench) -> None:
    aws.load("input/labs/a.csv", CSV)
    (load,) = aws.loads()
    aws.load("input/labs/a.csv", "id,name\n9,Zoe\n")

    assert aws.convert({"task": "replay", "load_id": load.load_id}) == []

    assert aws.told[-1].event == "replay-impossible"
    assert aws.rows("labs", "id", "name") == [(9, "Zoe")]


def test_whose_attempt_failed_is_said(aws: AwsBench) -> None:
    event = aws.put("input/labs/a.csv", CSV)
    aws.reached = fail

    failures_of_first = aws.convert(event)

    (load,) = aws.loads()
    assert failures_of_first != []
    assert ("conversion-failed", load.load_id, "the disk is gone") in [
        (each.event, each.load_id, each.detail) for each in aws.told
    ]


def test_upkeep_merges_small_files_and_a_file_replaced_afterwards_leaves_only_its_new_rows(
    aws: AwsBench,
) -> None:
    events = [aws.put(f"input/labs/{number}.csv", f"id,name\n{number},n\n") for number in range(33)]
    assert aws.convert(*events) == []
    assert aws.commit(*aws.manifest_events()) == []

    assert aws.commit({"task": "maintain"}) == []
    catalog = aws.catalog
    assert len(catalog.files("labs", catalog.load("labs"))) == 1
    aws.load("input/labs/7.csv", "id,name\n700,new\n")

    ids = [row[0] for row in aws.rows("labs", "id")]
    assert sorted(ids) == sorted({*range(33), 700} - {7})


def test_loads_that_come_with_a_task_of_upkeep_are_committed_before_it(aws: AwsBench) -> None:
    assert aws.convert(aws.put("input/labs/a.csv", CSV)) == []

    assert aws.commit({"task": "maintain"}, *aws.manifest_events()) == []

    events = [each.event for each in aws.told]
    assert events.index("committed") < events.index("upkeep-done")


def test_what_waits_for_its_commit_keeps_its_files_however_long_it_waits(aws: AwsBench) -> None:
    aws.load("input/labs/a.csv", "id,name\n1,Ann\n")
    assert aws.convert(aws.put("input/labs/b.csv", "id,name\n2,Bob\n")) == []
    aws.clock = lambda: datetime.now(UTC) + timedelta(days=3)

    assert aws.commit({"task": "maintain"}) == []
    assert [each.detail for each in aws.told if each.event == "upkeep-done"] == ["0 files removed"]
    assert aws.commit(*aws.manifest_events()) == []

    assert sorted(aws.rows("labs", "id")) == [(1,), (2,)]
