"""What the functions have in common: logs and metrics by Powertools, with names and counts only."""

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

from medical_data_pipeline.adapters.aws.aws_clients import aws_client
from medical_data_pipeline.composition.aws_batches import Surroundings, TimeLeft
from medical_data_pipeline.composition.happenings import Happening
from medical_data_pipeline.entrypoints.json_log import quiet_libraries

SCRATCH = Path("/tmp")  # noqa: S108 - the one disk a function may write to
_BAD_NEWS = frozenset(
    {
        "commit-failed",
        "conversion-failed",
        "failed",
        "message-failed",
        "out-of-time",
        "refused",
        "replay-impossible",
        "upkeep-failed",
    }
)


class LambdaContext(Protocol):
    """What Lambda tells of one invocation."""

    aws_request_id: str

    def get_remaining_time_in_millis(self) -> int: ...


def log_only_ours() -> None:
    """Keep libraries to their warnings, whichever level Lambda gives the root logger.

    At DEBUG botocore logs whole requests and answers: keys, tokens, and the cells that Athena answers.
    """
    logging.getLogger().setLevel(logging.WARNING)
    quiet_libraries()


def surroundings(logger: Logger, metrics: Metrics) -> Surroundings:
    def report(happening: Happening) -> None:
        """Load ids are hashes, tables are named by operators; neither tells of a patient, as a key might."""
        event, fields = happening.event, happening.told_fields()
        log = logger.warning if event in _BAD_NEWS else logger.info
        log(event, extra=fields)
        metrics.add_metric(_metric_name(event), MetricUnit.Count, 1)
        for name in ("rows_loaded", "rows_quarantined"):
            if name in fields:
                metrics.add_metric(_metric_name(name), MetricUnit.Count, fields[name])

    return Surroundings(aws_client, SCRATCH, lambda: datetime.now(UTC), report)


def time_left(context: LambdaContext) -> TimeLeft:
    return lambda: context.get_remaining_time_in_millis() / 1000


def answered(
    handle: Callable[[Mapping[str, Any], TimeLeft], Mapping[str, Any]],
    event: Mapping[str, Any],
    context: LambdaContext,
    metrics: Metrics,
) -> Mapping[str, Any]:
    """The answer of a queue's function; its metrics are written whatever happens."""
    try:
        return handle(event, time_left(context))
    finally:
        if metrics.metric_set:
            metrics.flush_metrics()


def _metric_name(event: str) -> str:
    return "".join(word.capitalize() for word in event.replace("_", "-").split("-"))
