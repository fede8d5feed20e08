"""What reaches a function: whoever sent it, decoded here and nowhere else."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from medical_data_pipeline.errors import InvalidObjectRef
from medical_data_pipeline.model.objects import ObjectCreated, ObjectRef

RECONCILE, CONVERT, REPLAY, COMMIT, MAINTAIN = "reconcile", "convert", "replay", "commit", "maintain"
_NEEDS_LOAD = frozenset({CONVERT, REPLAY, COMMIT})
_TASKS = _NEEDS_LOAD | {RECONCILE, MAINTAIN}


@dataclass(frozen=True)
class Task:
    """Something to do that no object's arrival says; `load_id` is of the load it is about, or ""."""

    name: str
    load_id: str = ""


@dataclass(frozen=True)
class Unknown:
    """Something that is nobody's business here. `kind` says what, without a key or a value."""

    kind: str


Work = ObjectCreated | Task | Unknown


@dataclass(frozen=True)
class Message:
    """One message of a queue, and how often it has been given out, this time included."""

    message_id: str
    body: str
    receives: int


def parse_messages(event: Mapping[str, Any]) -> Sequence[Message]:
    """The messages of an SQS batch; any other event is one message without an id."""
    records = event.get("Records", ())
    if not records or any(record.get("eventSource") != "aws:sqs" for record in records):
        return [Message("", json.dumps(event), 1)]
    return [
        Message(
            record["messageId"],
            record["body"],
            int(record.get("attributes", {}).get("ApproximateReceiveCount", 1)),
        )
        for record in records
    ]


def parse_work(body: str) -> Sequence[Work]:
    """What a message asks for; several objects may have come in one."""
    try:
        document = json.loads(body)
    except ValueError:
        return [Unknown("no JSON")]
    if not isinstance(document, dict):
        return [Unknown("no JSON object")]
    try:
        return list(_work(document))
    except (InvalidObjectRef, KeyError, TypeError, ValueError, AttributeError):
        return [Unknown("not of its sender's form")]


def task_body(task: Task) -> str:
    """A message that `parse_work` reads as `task`."""
    return json.dumps({"task": task.name} | ({"load_id": task.load_id} if task.load_id else {}))


def _work(document: Mapping[str, Any]) -> Iterator[Work]:
    match document:
        case {"task": name}:
            yield _task(str(name), str(document.get("load_id", "")))
        case {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}:
            # EventBridge has keys as they are.
            yield _created(detail["bucket"]["name"], detail["object"]["key"], detail["object"])
        case {"detail-type": kind}:
            yield Unknown(str(kind))
        case {"Records": [*records]}:
            for record in records:
                yield _notified(record)
        case {"Type": "Notification", "Message": message}:
            yield from parse_work(message)
        case {"Event": "s3:TestEvent"}:
            yield Unknown("s3:TestEvent")
        case _:
            yield Unknown("an unknown sender's")


def _task(name: str, load_id: str) -> Work:
    is_whole = name in _TASKS and bool(load_id) == (name in _NEEDS_LOAD)
    return Task(name, load_id) if is_whole else Unknown("an unknown task")


def _notified(record: Mapping[str, Any]) -> Work:
    name = str(record.get("eventName", ""))
    if record.get("eventSource") != "aws:s3" or not name.startswith("ObjectCreated:"):
        return Unknown(name or "an unknown record")
    # S3's own notifications form-encode keys: a blank arrives as "+".
    entry = record["s3"]["object"]
    return _created(record["s3"]["bucket"]["name"], unquote_plus(entry["key"]), entry)


def _created(bucket: str, key: str, entry: Mapping[str, Any]) -> ObjectCreated:
    # The one sender says `etag`, the other `eTag`.
    etag = str(entry.get("etag") or entry["eTag"]).strip('"')
    return ObjectCreated(ObjectRef(bucket, key), int(entry["size"]), etag, str(entry.get("sequencer", "")))
