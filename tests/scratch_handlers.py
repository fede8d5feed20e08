"""The queues' handlers with a disk of their own in place of /tmp: who is killed leaves files behind."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from medical_data_pipeline.entrypoints import lambda_surroundings
from medical_data_pipeline.entrypoints.lambda_surroundings import LambdaContext

lambda_surroundings.SCRATCH = Path(os.environ["SCRATCH"])


def conversion(event: Mapping[str, Any], context: LambdaContext) -> Mapping[str, Any]:
    from medical_data_pipeline.entrypoints.conversion_lambda import handler  # noqa: PLC0415 - one of the two

    answer: Mapping[str, Any] = handler(event, context)
    return answer


def catalog(event: Mapping[str, Any], context: LambdaContext) -> Mapping[str, Any]:
    from medical_data_pipeline.entrypoints.catalog_lambda import handler  # noqa: PLC0415 - one of the two

    answer: Mapping[str, Any] = handler(event, context)
    return answer
