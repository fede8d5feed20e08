"""The Lambda handler of the query function: the same HTTP application, carried by Mangum."""

import logging
import os
from collections.abc import Mapping
from functools import cache
from typing import Any, cast

from aws_lambda_powertools import Logger, Metrics
from mangum import Mangum
from starlette.types import ASGIApp, Receive, Scope, Send

from medical_data_pipeline.composition.aws_query import query_app
from medical_data_pipeline.composition.aws_settings import QuerySettings
from medical_data_pipeline.entrypoints.lambda_surroundings import (
    LambdaContext,
    log_only_ours,
    surroundings,
)

logger = Logger(log_uncaught_exceptions=False)
metrics = Metrics()
log_only_ours()
# No tracer: its import is a quarter of a cold start, and Lambda itself traces every invocation.
TEXT = ["text/", "application/json", "application/problem+json"]


class BelowStage:
    """The gateway's stage is a part of the address that the application cannot see in the path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        stage = scope.get("aws.event", {}).get("requestContext", {}).get("stage", "")
        root_path = f"/{stage}" if stage and stage != "$default" else ""
        await self._app({**scope, "root_path": root_path}, receive, send)


@cache
def carried() -> Mangum:
    """Made at the first request and kept: a cold start is paid for once."""
    _log_by(logger)
    app = query_app(QuerySettings.from_environ(os.environ), surroundings(logger, metrics))
    return Mangum(cast(Any, BelowStage(app)), lifespan="off", text_mime_types=TEXT)


def _log_by(powertools: Logger) -> None:
    """Have what the application logs written as the other functions write it, not by Lambda's handler."""
    application = logging.getLogger("medical_data_pipeline")
    application.handlers = [powertools.registered_handler]
    application.setLevel(powertools.log_level)
    application.propagate = False


def handler(event: Mapping[str, Any], context: LambdaContext) -> Mapping[str, Any]:
    # `request_id` is the one that the caller is told.
    logger.append_keys(function_request_id=context.aws_request_id)
    return cast(Mapping[str, Any], carried()(cast(Any, event), cast(Any, context)))
