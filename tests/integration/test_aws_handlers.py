"""The handlers as Lambda runs them: under awslambdaric, in processes of their own."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from medical_data_pipeline.adapters.aws.aws_clients import aws_client
from tests.aws_bench import BUCKET, object_event, request_event, sqs_batch
from tests.aws_emulator import DATABASE
from tests.lambda_runtime import running
from tests.served_aws import served_aws

CANARY = "Zyxwvut"


def logging_at(level: str) -> dict[str, str]:
    """What Lambda sets of a function's `logging_config`, and what the module sets beside it (lambda.tf)."""
    lambdas = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": level}
    return {**lambdas, "POWERTOOLS_LOG_LEVEL": level}


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    with served_aws(BUCKET) as environ:
        yield environ


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_a_file_goes_through_both_functions_and_their_logs_hold_no_cell_and_no_key(
    environ: dict[str, str], tmp_path: Path, level: str
) -> None:
    environ |= logging_at(level)
    s3, key = aws_client("s3"), f"input/labs/{CANARY}.csv"
    etag = s3.put_object(Bucket=BUCKET, Key=key, Body=f"id,name\n1,{CANARY}\n".encode())["ETag"].strip('"')
    log = tmp_path / "log"

    with log.open("wb") as written:
        module = "medical_data_pipeline.entrypoints"
        with running(f"{module}.conversion_lambda.handler", environ, written) as conversion:
            converted = conversion.invoke(sqs_batch(object_event(key, 20, etag, "01")))
        manifest = next(
            each["Key"]
            for each in s3.list_objects_v2(Bucket=BUCKET, Prefix="record_folders/")["Contents"]
            if each["Key"].endswith("manifest.json")
        )
        with running(f"{module}.catalog_lambda.handler", environ, written) as catalog:
            committed = catalog.invoke(sqs_batch(object_event(manifest, 1, "e", "01")))

    said = log.read_text()
    assert (converted, committed) == ((True, {"batchItemFailures": []}), (True, {"batchItemFailures": []})), (
        said
    )
    assert '"committed"' in said and "RowsLoaded" in said
    assert CANARY not in said
    table = aws_client("glue").get_table(DatabaseName=DATABASE, Name="labs")["Table"]
    assert table["Parameters"]["table_type"] == "ICEBERG"


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_the_log_of_a_request_has_the_form_of_the_other_functions_logs(
    environ: dict[str, str], tmp_path: Path, level: str
) -> None:
    environ |= logging_at(level)
    handler = "medical_data_pipeline.entrypoints.query_lambda.handler"
    with (tmp_path / "log").open("wb") as log, running(handler, environ, log) as query:
        is_answered, answer = query.invoke(request_event("/tables"))

    lines = (tmp_path / "log").read_text().splitlines()
    said = [line for line in lines if "answered" in line]
    assert not [line for line in lines if "botocore" in line or "Authorization" in line]
    assert (is_answered, answer["statusCode"], len(said)) == (True, 200, 1), said
    line = json.loads(said[0])
    assert {
        "message": "answered",
        "service": "test",
        "route": "/tables",
        "status": 200,
    }.items() <= line.items()
    assert line["request_id"] == answer["headers"]["x-request-id"] != line["function_request_id"]


def test_a_function_without_its_settings_says_which_are_missing(
    environ: dict[str, str], tmp_path: Path
) -> None:
    given = {name: value for name, value in environ.items() if name not in ("BUCKET", "LEDGER_TABLE")}
    hidden = dict.fromkeys(("BUCKET", "LEDGER_TABLE"), "")

    with (tmp_path / "log").open("wb") as log:
        handler = "medical_data_pipeline.entrypoints.conversion_lambda.handler"
        with running(handler, given | hidden, log) as conversion:
            is_answered, error = conversion.invoke(sqs_batch({"task": "reconcile"}))

    assert not is_answered
    assert error["errorMessage"] == "missing or wrong environment variables: BUCKET, LEDGER_TABLE"
