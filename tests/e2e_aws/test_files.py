"""A file goes all the way: put into the bucket, converted and committed by the handlers, and asked for."""

import csv
import io
import json
from collections.abc import Sequence
from datetime import date, timedelta

import pytest

from tests.e2e_aws.deployed import Deployed
from tests.e2e_aws.functions import wait_until
from tests.e2e_aws.installation import BUCKET, CATALOG, CONVERSION

pytestmark = pytest.mark.timeout(900)

HEADER = ("mrn", "zip", "weight", "visits", "born", "note")
NOTES = ("", "a, b", 'say "hi"', "zwei\nZeilen", "Größe µ", "NULL", " blank ", "=1+1")
# What the demonstration of a failure that somebody mends is about.
MENDED = "input/mended/file.csv"


def rows_of(first: int, count: int) -> list[tuple[str, ...]]:
    """Identifiers with leading zeros, decimals of one scale, dates, and text of every kind."""
    return [
        (
            f"{number:08d}",
            f"{number % 1000:05d}",
            f"{number % 97}.{number % 100:02d}",
            str(number * 7),
            (date(1950, 1, 1) + timedelta(days=number)).isoformat(),
            NOTES[number % len(NOTES)],
        )
        for number in range(first, first + count)
    ]


def written(rows: Sequence[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([HEADER, *rows])
    return text.getvalue().encode()


def answered(rows: Sequence[Sequence[str]]) -> list[list[object]]:
    """The rows as the API gives them: numbers that are whole as numbers, cells without anything as null."""
    return [[*row[:3], int(row[3]), row[4], row[5] or None] for row in rows]


def test_the_rows_that_come_out_are_those_that_went_in(deployed: Deployed) -> None:
    rows = rows_of(1, 1500)
    surplus = ("00009999", "00042", "1.00", "1", "2000-01-01", "x", "one cell too many")

    deployed.copy(written([*rows[:700], surplus, *rows[700:]]), "input/patients/first.csv")

    load = deployed.wait_for_load("input/patients/first.csv")
    assert load["rows"] == {"read": 1501, "loaded": 1500, "quarantined": 1}
    found = deployed.analyst.rows("SELECT * FROM patients ORDER BY mrn")
    assert found == answered(rows)
    set_aside = deployed.analyst.rows("SELECT reason, raw_text, _source_file FROM patients__quarantine")
    assert set_aside == [["too_many_fields", ",".join(surplus), "input/patients/first.csv"]]
    receipt = deployed.analyst.get(f"loads/{load['load_id']}/receipt").document
    assert receipt["rows"]["read"] == 1501


def test_a_changed_file_replaces_its_own_rows_and_the_same_file_again_changes_nothing(
    deployed: Deployed,
) -> None:
    key, count = "input/versions/a.csv", "SELECT min(mrn), max(mrn), count(*) FROM versions"
    deployed.copy(written(rows_of(1, 20)), key)
    deployed.put(written(rows_of(500, 5)), "input/versions/b.csv")
    deployed.wait_for_load("input/versions/b.csv")
    deployed.wait_for_load(key)
    assert deployed.analyst.rows(count) == [["00000001", "00000504", 25]]

    deployed.copy(written(rows_of(100, 30)), key)

    deployed.wait_for_load(key, number=2)
    assert deployed.analyst.rows(count) == [["00000100", "00000504", 35]]
    before, given = deployed.metadata_location("versions"), len(deployed.functions.bodies(CONVERSION))

    deployed.copy(written(rows_of(100, 30)), key)

    wait_until(lambda: len(deployed.functions.bodies(CONVERSION)) > given, "the second event did not come")
    wait_until(lambda: deployed.waiting(deployed.queue("conversion")) == 0, "it is still worked on")
    wait_until(lambda: deployed.waiting(deployed.queue("catalog")) == 0, "it is still committed")
    assert len(deployed.loads(key)) == 2
    assert deployed.metadata_location("versions") == before
    assert deployed.analyst.rows(count) == [["00000100", "00000504", 35]]


@pytest.mark.parametrize(
    "key", ["input/odd/2024 may+june.csv", "input/odd/100%25.csv", "input/odd/Größe.csv"]
)
def test_a_key_that_has_to_be_encoded_arrives_as_it_is(deployed: Deployed, key: str) -> None:
    deployed.copy(written(rows_of(1, 2)), key)

    deployed.wait_for_load(key)
    named = deployed.analyst.rows("SELECT DISTINCT _source_file FROM odd")
    assert [key] in named
    remove_for_good(deployed, key)


def remove_for_good(deployed: Deployed, key: str) -> None:
    """Emptying a bucket with keys that have to be encoded has no end here, and it shall be destroyed."""
    s3 = deployed.emulator.client("s3")
    for version in s3.list_object_versions(Bucket=BUCKET, Prefix=key).get("Versions", []):
        s3.delete_object(Bucket=BUCKET, Key=key, VersionId=version["VersionId"])


def test_what_fails_in_a_batch_comes_again_alone_is_laid_aside_and_loads_once_it_was_mended(
    deployed: Deployed,
) -> None:
    iam = deployed.emulator.client("iam")
    dead_letters = deployed.queue("conversion", "dead_letters")
    assert deployed.waiting(dead_letters) == 0
    denied = {
        "Effect": "Deny",
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/record_folders/mended/*",
    }
    iam.put_role_policy(
        RoleName=CONVERSION,
        PolicyName="somebody-took-a-right-away",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [denied]}),
    )

    with deployed.quick_retries():
        with deployed.conversion_held_back():
            for key in ("input/batch/one.csv", MENDED, "input/batch/two.csv"):
                deployed.put(written(rows_of(1, 3)), key)
            wait_until(lambda: deployed.waiting(deployed.queue("conversion")) >= 3, "not all three have come")
        deployed.wait_for_load("input/batch/one.csv")
        deployed.wait_for_load("input/batch/two.csv")
        wait_until(lambda: deployed.waiting(dead_letters) == 1, "it was not laid aside")
    failed = deployed.wait_for_load(MENDED, "failed")
    iam.delete_role_policy(RoleName=CONVERSION, PolicyName="somebody-took-a-right-away")
    deployed.redrive("conversion")

    assert failed["reason"] == "INTERNAL"
    assert batches_with(deployed, MENDED) == [3, 1, 1, 1, 1]
    wait_until(
        lambda: deployed.loads(MENDED)[0]["state"] == "committed", "it did not load after it was mended"
    )
    assert deployed.analyst.rows("SELECT count(*) FROM mended") == [[3]]
    assert deployed.waiting(dead_letters) == 0


def batches_with(deployed: Deployed, key: str) -> list[int]:
    """The sizes of the batches that failed for the message of the key, and for it alone."""
    function, sizes = deployed.functions.each[CONVERSION], []
    for event, (is_answered, answer) in zip(function.events, function.answers, strict=False):
        ids = [record["messageId"] for record in event["Records"] if f'"{key}"' in record["body"]]
        if ids and answer != {"batchItemFailures": []}:
            assert is_answered and answer == {"batchItemFailures": [{"itemIdentifier": each} for each in ids]}
            sizes.append(len(event["Records"]))
    return sizes


def test_a_message_about_nothing_is_tried_five_times_and_laid_aside(deployed: Deployed) -> None:
    sqs, dead_letters = deployed.emulator.client("sqs"), deployed.queue("conversion", "dead_letters")
    body = json.dumps({"task": "convert", "load_id": "0123456789abcdef0123456789abcdef"})

    with deployed.quick_retries():
        deployed.send("conversion", body)
        wait_until(lambda: deployed.waiting(dead_letters) == 1, "it was not laid aside")

    given = [
        int(record["attributes"]["ApproximateReceiveCount"])
        for event in deployed.functions.each[CONVERSION].events
        for record in event["Records"]
        if record["body"] == body
    ]
    assert given == [1, 2, 3, 4, 5]
    (message,) = sqs.receive_message(QueueUrl=dead_letters)["Messages"]
    assert message["Body"] == body
    sqs.delete_message(QueueUrl=dead_letters, ReceiptHandle=message["ReceiptHandle"])


def test_a_file_whose_event_was_lost_is_found_by_the_reconciler(deployed: Deployed) -> None:
    key = "input/lost/a.csv"
    with deployed.events_lost():
        deployed.put(written(rows_of(1, 4)), key)
        deployed.send("conversion", json.dumps({"task": "reconcile"}))
        wait_until(lambda: deployed.waiting(deployed.queue("conversion")) == 0, "it was not reconciled")
    # It may only be late: nothing is done about it before its time.
    assert deployed.loads(key) == []

    conversion = deployed.functions.each[CONVERSION]
    conversion.changes["RECONCILE_AFTER_MINUTES"] = "0"
    deployed.send("conversion", json.dumps({"task": "reconcile"}))

    deployed.wait_for_load(key)
    del conversion.changes["RECONCILE_AFTER_MINUTES"]
    assert deployed.analyst.rows("SELECT count(*) FROM lost") == [[4]]


def test_what_is_due_comes_by_the_same_queue(deployed: Deployed) -> None:
    due = deployed.functions.wait_for(CONVERSION, lambda body: body == {"task": "reconcile"}, 150)

    assert due == {"task": "reconcile"}


def test_many_small_files_become_few_and_the_rows_stay(deployed: Deployed) -> None:
    with deployed.conversion_held_back():
        for number in range(33):
            deployed.put(written(rows_of(number * 10, 2)), f"input/small/{number:02d}.csv")
    wait_until(lambda: committed(deployed, "small") == 33, deployed.functions.said()[-3000:], 120)
    before = deployed.analyst.rows("SELECT * FROM small ORDER BY mrn")
    assert merged_files(deployed) == []

    deployed.send("catalog", json.dumps({"task": "maintain"}))

    wait_until(lambda: len(merged_files(deployed)) == 1, deployed.functions.said()[-3000:])
    wait_until(lambda: '"upkeep-done"' in deployed.functions.each[CATALOG].log.read_text(), "it was not done")
    assert len(before) == 66
    assert deployed.analyst.rows("SELECT * FROM small ORDER BY mrn") == before


def committed(deployed: Deployed, table: str) -> int:
    return sum(load["state"] == "committed" for load in deployed.loads_of(table))


def merged_files(deployed: Deployed) -> list[str]:
    listed = deployed.emulator.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="tables/small/data/")
    return [each["Key"] for each in listed.get("Contents", ()) if each["Key"].endswith(".parquet")]


def test_nobody_writes_a_cell_or_a_name_of_a_file_into_a_log(deployed: Deployed) -> None:
    canary = "Zyxwvut"
    rows = [("00000001", "00001", "1.00", "1", "2000-01-01", canary), (canary, "x", canary, "y", "z", canary)]

    deployed.put(written([*rows, (canary,) * 9]), f"input/private/{canary}.csv")
    deployed.wait_for_load(f"input/private/{canary}.csv")
    deployed.analyst.get("query", query=f"SELECT CAST(note AS bigint) FROM private WHERE mrn = '{canary}'")

    said = deployed.functions.said()
    assert '"committed"' in said
    assert canary not in said
