"""The Lambda handler of the conversion function."""

import os
from collections.abc import Mapping
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer

from medical_data_pipeline.composition.aws_conversion import ConversionFunction
from medical_data_pipeline.composition.aws_settings import ConversionSettings
from medical_data_pipeline.entrypoints.lambda_surroundings import (
    LambdaContext,
    answered,
    log_only_ours,
    surroundings,
)

logger = Logger(log_uncaught_exceptions=False)
metrics = Metrics()
# What a traced function is given or answers may hold keys, and an exception's text a cell.
tracer = Tracer(auto_patch=False)
log_only_ours()


@cache
def function() -> ConversionFunction:
    """Made at the first event and kept: a cold start is paid for once."""
    return ConversionFunction(ConversionSettings.from_environ(os.environ), surroundings(logger, metrics))


@tracer.capture_lambda_handler(capture_response=False, capture_error=False)
def handler(event: Mapping[str, Any], context: LambdaContext) -> Mapping[str, Any]:
    logger.append_keys(request_id=context.aws_request_id)
    return answered(function().handle, event, context, metrics)
