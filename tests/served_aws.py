"""AWS for other processes than this one: moto behind an address, with all that a function needs in it."""

import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import httpx
from moto.server import ThreadedMotoServer

from medical_data_pipeline.adapters.aws.aws_clients import aws_client
from tests.aws_emulator import DATABASE, LEDGER_TABLE, QUERIES_TABLE, REGION, make_resources

Application = Callable[[dict[str, Any], Any], Any]
"""As WSGI has it."""


def as_it_is(application: Application) -> Application:
    return application


@contextmanager
def served_aws(
    bucket: str, wrap: Callable[[Application], Application] = as_it_is
) -> Iterator[dict[str, str]]:
    """The environment of a function in an emulated account; of what leads there this process has it too.

    `wrap` may put something before the account.
    """
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    assert server._server is not None
    server._server.app = wrap(server._server.app)
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    reach = {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
    }
    try:
        with _environment(reach):
            # What an earlier test of this process left in the emulator.
            httpx.post(f"{address}/moto-api/reset").raise_for_status()
            make_resources(bucket)
            queue = aws_client("sqs").create_queue(QueueName="q")["QueueUrl"]
            yield reach | _settings(bucket, queue)
    finally:
        server.stop()


def _settings(bucket: str, queue: str) -> dict[str, str]:
    return {
        "BUCKET": bucket,
        "LEDGER_TABLE": LEDGER_TABLE,
        "GLUE_DATABASE": DATABASE,
        "DEFAULT_TABLE": "medical_records",
        "QUERIES_TABLE": QUERIES_TABLE,
        "WORKGROUP": "query",
        "RESULT_PREFIX": "query-results/",
        "CONVERSION_QUEUE_URL": queue,
        "CATALOG_QUEUE_URL": queue,
        "UPLOAD_ROLE_ARN": "arn:aws:iam::123456789012:role/upload",
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "MedicalDataPipeline",
        "AWS_XRAY_SDK_ENABLED": "false",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
    }


@contextmanager
def _environment(changes: Mapping[str, str]) -> Iterator[None]:
    former = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
