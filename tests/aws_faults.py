"""AWS calls that fail on purpose: the n-th, before it is done or with its answer lost; or for too many."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from medical_data_pipeline.adapters.aws.aws_clients import Client

BEFORE, AFTER = "before", "after"
_ENDPOINT = "https://emulated"


@dataclass
class FailingCalls:
    """Clients of which the call number `wanted`, counted over all of them, fails as `when` says.

    Nothing is tried again below: what the pipeline itself does about a failure is what is looked at.
    """

    wanted: int
    when: str
    made: list[str] = field(default_factory=list)
    clients: dict[str, Client] = field(default_factory=dict)

    def client(self, service: str) -> Client:
        if service not in self.clients:
            self.clients[service] = self._made(service)
        return self.clients[service]

    def _made(self, service: str) -> Client:
        client = boto3.client(service, config=Config(retries={"total_max_attempts": 1, "mode": "standard"}))
        client.meta.events.register_first("before-send.*", self._before)
        client.meta.events.register("after-call.*", self._after)
        return client

    @property
    def has_failed(self) -> bool:
        return len(self.made) >= self.wanted

    def _before(self, request: Any, event_name: str, **_: Any) -> None:
        self.made.append(event_name.partition(".")[2])
        if self.when == BEFORE and len(self.made) == self.wanted:
            raise ConnectTimeoutError(endpoint_url=_ENDPOINT)

    def _after(self, **_: Any) -> None:
        if self.when == AFTER and len(self.made) == self.wanted:
            raise ReadTimeoutError(endpoint_url=_ENDPOINT)


@dataclass
class ExchangedObject:
    """Clients for which other content lies at `key` while it is read for the first time, and only then."""

    key: str
    exchange: Callable[[], object]
    restore: Callable[[], object]
    reads: int = 0

    def client(self, service: str) -> Client:
        made = boto3.client(service)
        made.meta.events.register_first("before-send.s3.GetObject", self._before)
        made.meta.events.register("after-call.s3.GetObject", self._after)
        return made

    def _before(self, request: Any, **_: Any) -> None:
        if request.url.partition("?")[0].endswith(self.key):
            self.reads += 1
            if self.reads == 1:
                self.exchange()

    def _after(self, **_: Any) -> None:
        if self.reads == 1:
            self.reads += 1
            self.restore()


@dataclass
class ThrottledCalls:
    """Clients to which a service says "too often", for the first `times` calls of each operation."""

    prefix: str
    times: int
    patience: Config
    said: Counter[str] = field(default_factory=Counter)
    clients: dict[str, Client] = field(default_factory=dict)

    def client(self, service: str) -> Client:
        if service not in self.clients:
            made = boto3.client(service, config=self.patience)
            made.meta.events.register_first("before-send.*", self._answer)
            self.clients[service] = made
        return self.clients[service]

    def _answer(self, request: Any, event_name: str, **_: Any) -> AWSResponse | None:
        operation = event_name.partition(".")[2]
        if not operation.startswith(self.prefix) or self.said[operation] >= self.times:
            return None
        self.said[operation] += 1
        status, content = _TOO_OFTEN[operation.partition(".")[0]]
        return AWSResponse(request.url, status, {}, _Content(content))


class _Content(BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


# As each of them says it; a queue's key is asked too often as well.
_TOO_OFTEN = {
    "s3": (503, b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"),
    "dynamodb": (
        400,
        b'{"__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}',
    ),
    "glue": (400, b'{"__type": "ThrottlingException", "Message": "Rate exceeded"}'),
    "sqs": (400, b'{"__type": "com.amazonaws.sqs#KmsThrottled", "message": "Rate exceeded"}'),
}
