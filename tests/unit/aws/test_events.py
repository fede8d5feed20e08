"""What senders on AWS write, and what is read from it."""

import json
from pathlib import Path

import pytest

from medical_data_pipeline.adapters.aws.events import Task, Unknown, parse_messages, parse_work, task_body
from medical_data_pipeline.model.objects import ObjectCreated, ObjectRef

EVENTS = Path(__file__).parents[2] / "data" / "events"
STRANGE = "input/labs/a+b c%2Fd é.csv"


def body(name: str) -> str:
    return (EVENTS / f"{name}.json").read_text(encoding="utf-8")


def created(key: str, size: int, etag: str, sequencer: str) -> ObjectCreated:
    return ObjectCreated(ObjectRef("medical-data", key), size, etag, sequencer)


def test_eventbridge_sends_keys_as_they_are() -> None:
    (work,) = parse_work(body("eventbridge_object_created"))

    assert work == created(STRANGE, 5, "b1946ac92492d2347c6235b4d2611184", "617f08299329d189")


def test_s3_sends_keys_form_encoded_and_several_objects_in_one_message() -> None:
    one, two = parse_work(body("s3_notification_two_objects"))

    assert one == created(STRANGE, 1024, "d41d8cd98f00b204e9800998ecf8427e", "0055AED6DCD90281E5")
    assert two == created("input/b.csv", 1, "0f343b0931126a20f133d67c2b018a3b-2", "0055AED6DCD90281E6")


def test_a_notification_through_a_topic_is_the_same() -> None:
    wrapped = json.dumps({"Type": "Notification", "Message": body("s3_notification_two_objects")})

    assert parse_work(wrapped) == parse_work(body("s3_notification_two_objects"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("s3_object_removed", "ObjectRemoved:Delete"),
        ("s3_test_event", "s3:TestEvent"),
        ("eventbridge_scheduled", "Scheduled Event"),
    ],
)
def test_other_events_are_named_and_nothing_else(name: str, kind: str) -> None:
    assert parse_work(body(name)) == [Unknown(kind)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no JSON",
        "[]",
        "7",
        "{}",
        '{"Records": [{}]}',
        '{"task": "convert"}',
        '{"task": "reconcile", "load_id": "x"}',
    ],
)
def test_what_is_not_of_its_form_is_unknown(text: str) -> None:
    (work,) = parse_work(text)

    assert isinstance(work, Unknown)


def test_an_event_of_an_object_without_its_parts_is_unknown() -> None:
    broken = json.loads(body("eventbridge_object_created"))
    del broken["detail"]["object"]["size"]

    assert parse_work(json.dumps(broken)) == [Unknown("not of its sender's form")]


@pytest.mark.parametrize(
    "task", [Task("reconcile"), Task("maintain"), Task("convert", "ab"), Task("commit", "cd")]
)
def test_a_task_is_read_as_it_was_sent(task: Task) -> None:
    assert parse_work(task_body(task)) == [task]


def test_a_batch_tells_how_often_each_message_was_given_out() -> None:
    record = {
        "messageId": "m",
        "eventSource": "aws:sqs",
        "body": "{}",
        "attributes": {"ApproximateReceiveCount": "3"},
    }

    (message,) = parse_messages({"Records": [record]})

    assert (message.message_id, message.body, message.receives) == ("m", "{}", 3)


def test_an_event_that_came_past_the_queue_is_one_message() -> None:
    (message,) = parse_messages(json.loads(body("s3_notification_two_objects")))

    assert message.message_id == ""
    assert len(parse_work(message.body)) == 2
