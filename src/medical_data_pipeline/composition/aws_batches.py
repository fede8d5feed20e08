"""A batch of messages, each done by itself: what fails goes back to the queue, and only that."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.events import Message
from medical_data_pipeline.composition.happenings import Happening, Report, told
from medical_data_pipeline.composition.milestones import nothing
from medical_data_pipeline.conversion.intake import Milestone
from medical_data_pipeline.errors import BackendUnavailable
from medical_data_pipeline.ports import Clock

MAX_RECEIVES = 5
"""How often a queue gives out a message before it lays it aside (queues.tf)."""

TimeLeft = Callable[[], float]
"""The seconds until the function is ended, wherever it is."""


class OutOfTime(BackendUnavailable):
    """The time that is left does not do, and nothing was begun."""


@dataclass(frozen=True)
class Surroundings:
    """What a function is given besides its settings. `scratch` is the disk it may write to."""

    client: Callable[[str], Client]
    scratch: Path
    clock: Clock
    report: Report
    reached: Milestone = nothing


@dataclass(frozen=True)
class Turn:
    """One message's turn. `whole_s` is the time the function had when it began with the batch."""

    message: Message
    time_left: TimeLeft
    whole_s: float

    @property
    def is_last_try(self) -> bool:
        return self.message.receives >= MAX_RECEIVES

    def require(self, seconds: float) -> None:
        """Raises: OutOfTime, unless a fresh start would leave no more than there is now."""
        left_s = self.time_left()
        if left_s < seconds and left_s < 0.9 * self.whole_s:
            raise OutOfTime("too little time is left")


def done_one_by_one(
    messages: Sequence[Message], time_left: TimeLeft, take: Callable[[Turn], None], report: Report
) -> list[Message]:
    """The messages that failed."""
    failed, whole_s = [], time_left()
    for message in messages:
        try:
            take(Turn(message, time_left, whole_s))
        except Exception as error:
            # Whatever it was, the other messages must not pay for it.
            report(Happening("message-failed", "", "", told(error)))
            failed.append(message)
    return failed


def batch_answer(failed: Sequence[Message]) -> Mapping[str, Any]:
    """What Lambda wants to hear of an SQS batch.

    Raises:
        BackendUnavailable: what failed came alone, past any queue; whoever called has to call again.
    """
    if any(not message.message_id for message in failed):
        raise BackendUnavailable("the event could not be done")
    return {"batchItemFailures": [{"itemIdentifier": message.message_id} for message in failed]}
