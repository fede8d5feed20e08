"""AWS calls that fail on purpose: the n-th one, before it is carried out or when its answer gets lost."""

from dataclasses import dataclass, field
from typing import Any

import boto3
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

    def client(self, service: str) -> Client:
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
