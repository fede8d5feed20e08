"""The pipeline as its users have it: a bucket to put files into, an API to ask, and queues in between."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e_aws.callers import Caller
from tests.e2e_aws.emulator import Emulator
from tests.e2e_aws.functions import Functions, wait_until
from tests.e2e_aws.installation import BUCKET, CONVERSION, DATABASE, PROJECT, Installation
from tests.e2e_aws.role_sessions import RoleSessions


@dataclass(frozen=True)
class Deployed:
    """One installation with its functions; `analyst` is somebody who may ask anything of the API."""

    installation: Installation
    functions: Functions
    sessions: RoleSessions
    analyst: Caller

    @property
    def emulator(self) -> Emulator:
        return self.installation.emulator

    def copy(self, content: bytes, key: str) -> None:
        """As a user does it."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "file.csv"
            file.write_bytes(content)
            self.installation.run_shell(f"aws s3 cp --quiet '{file}' 's3://{BUCKET}/{key}'")

    def put(self, content: bytes, key: str) -> None:
        """The same event, without the second that the command line takes to start."""
        self.emulator.client("s3").put_object(Bucket=BUCKET, Key=key, Body=content)

    def loads(self, key: str) -> list[dict[str, Any]]:
        """The loads of one file, newest first."""
        folder = key.removeprefix("input/").rpartition("/")[0]
        return [load for load in self.loads_of(folder or "medical_records") if load["key"] == key]

    def loads_of(self, table: str) -> list[dict[str, Any]]:
        answer = self.analyst.get("loads", limit="1000", table=table)
        assert answer.status == 200, answer.content
        found: list[dict[str, Any]] = answer.document["loads"]
        return found

    def wait_for_load(
        self, key: str, state: str = "committed", number: int = 1, seconds: float = 120
    ) -> dict[str, Any]:
        """The newest load of a file, once it is the `number`-th and has come to the state."""

        def is_there() -> bool:
            loads = self.loads(key)
            return len(loads) == number and loads[0]["state"] == state

        wait_until(is_there, f"{key} has not come to {state}: {self.functions.said()[-3000:]}", seconds)
        return self.loads(key)[0]

    def redrive(self, stage: str) -> None:
        """What the console does with dead letters that shall be tried again."""
        sqs, dead_letters = self.emulator.client("sqs"), self.queue(stage, "dead_letters")
        for message in sqs.receive_message(QueueUrl=dead_letters, MaxNumberOfMessages=10)["Messages"]:
            sqs.send_message(QueueUrl=self.queue(stage), MessageBody=message["Body"])
            sqs.delete_message(QueueUrl=dead_letters, ReceiptHandle=message["ReceiptHandle"])

    def role_of(self, function: str) -> str:
        functions = self.emulator.client("lambda")
        return str(functions.get_function_configuration(FunctionName=function)["Role"])

    def key_of(self, function: str) -> Mapping[str, str]:
        return self.sessions.of(self.role_of(function))

    def metadata_location(self, table: str) -> str:
        """It is another one after every change of the table."""
        found = self.emulator.client("glue").get_table(DatabaseName=DATABASE, Name=table)
        return str(found["Table"]["Parameters"]["metadata_location"])

    def queue(self, stage: str, kind: str = "queue") -> str:
        return str(self.installation.outputs["queue_urls"][stage][kind])

    def send(self, stage: str, body: str) -> None:
        self.emulator.client("sqs").send_message(QueueUrl=self.queue(stage), MessageBody=body)

    def waiting(self, url: str) -> int:
        """How many messages a queue has, those that are being worked on among them."""
        counts = self.emulator.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        return sum(int(counts["Attributes"][name]) for name in names)

    @contextmanager
    def conversion_held_back(self) -> Iterator[None]:
        """Messages gather in the queue meanwhile, and come as one batch."""
        functions = self.emulator.client("lambda")
        (mapping,) = functions.list_event_source_mappings(FunctionName=CONVERSION)["EventSourceMappings"]
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
        try:
            yield
        finally:
            functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)

    @contextmanager
    def quick_retries(self, seconds: int = 2) -> Iterator[None]:
        """A message that failed comes again after some seconds, and not after half an hour."""
        sqs, url = self.emulator.client("sqs"), self.queue("conversion")
        name = "VisibilityTimeout"
        before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={name: str(seconds)})
        try:
            yield
        finally:
            sqs.set_queue_attributes(QueueUrl=url, Attributes=before)

    def events_lost(self) -> AbstractContextManager[None]:
        """Nobody is told of the objects that arrive."""
        return self._without_rule(f"{PROJECT}-conversion-objects")

    def nothing_due(self) -> AbstractContextManager[None]:
        """What comes into the queue by the clock does not."""
        return self._without_rule(f"{PROJECT}-conversion-reconcile")

    @contextmanager
    def _without_rule(self, name: str) -> Iterator[None]:
        events = self.emulator.client("events")
        events.disable_rule(Name=name)
        try:
            yield
        finally:
            events.enable_rule(Name=name)
