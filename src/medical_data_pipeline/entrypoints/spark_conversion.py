"""The job for large files: one load converted on a machine with more disk and time than a function has.

It runs the conversion function's own code, on the driver. Parting a file among executors is still to come.
"""

import argparse
import logging
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from medical_data_pipeline.adapters.aws.aws_clients import aws_client
from medical_data_pipeline.adapters.aws.events import CONVERT
from medical_data_pipeline.composition.aws_batches import Surroundings
from medical_data_pipeline.composition.aws_conversion import ConversionFunction
from medical_data_pipeline.composition.aws_settings import ConversionSettings
from medical_data_pipeline.composition.happenings import Happening
from medical_data_pipeline.entrypoints.json_log import log_as_json

TIME_S = 8 * 3600
_LOG = logging.getLogger("mdp")


def main(arguments: Sequence[str] | None = None) -> None:
    """Raises: BackendUnavailable: the load could not be converted; the job may be run again."""
    log_as_json(logging.INFO)
    given = _parsed(sys.argv[1:] if arguments is None else arguments)
    settings = ConversionSettings(
        bucket=given.BUCKET,
        ledger_table=given.LEDGER_TABLE,
        glue_database=given.GLUE_DATABASE,
        default_table=given.DEFAULT_TABLE,
        datasets_key=given.DATASETS_KEY,
        # Without a job of its own it hands nothing over, and it has no queue to announce anything in.
        conversion_queue_url="",
        catalog_queue_url="",
    )
    ends_at = time.monotonic() + TIME_S
    with tempfile.TemporaryDirectory() as scratch:
        around = Surroundings(aws_client, Path(scratch), lambda: datetime.now(UTC), _log)
        task = {"task": CONVERT, "load_id": given.LOAD_ID}
        ConversionFunction(settings, around).handle(task, lambda: ends_at - time.monotonic())


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Glue puts arguments of its own among ours."""
    parser = argparse.ArgumentParser()
    for name in ("LOAD_ID", "BUCKET", "LEDGER_TABLE", "GLUE_DATABASE", "DEFAULT_TABLE"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--DATASETS_KEY", default="")
    return parser.parse_known_args(arguments)[0]


def _log(happening: Happening) -> None:
    _LOG.info(happening.event, extra=happening.told_fields())
