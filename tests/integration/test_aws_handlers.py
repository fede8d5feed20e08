"""The handlers as Lambda runs them: under awslambdaric, in processes of their own."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from moto.server import ThreadedMotoServer

from medical_data_pipeline.adapters.aws.aws_clients import aws_client
from tests.aws_bench import BUCKET, object_event, sqs_batch
from tests.aws_emulator import DATABASE, LEDGER_TABLE, REGION, make_resources
from tests.lambda_runtime import running

CANARY = "Zyxwvut"


@pytest.fixture
def environ(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    settings = {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "BUCKET": BUCKET,
        "LEDGER_TABLE": LEDGER_TABLE,
        "GLUE_DATABASE": DATABASE,
        "DEFAULT_TABLE": "medical_records",
        "POWERTOOLS_SERVICE_NAME": "test",
        "POWERTOOLS_METRICS_NAMESPACE": "MedicalDataPipeline",
        "AWS_XRAY_SDK_ENABLED": "false",
        "AWS_LAMBDA_FUNCTION_NAME": "f",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    # What an earlier test of this process left in the emulator.
    httpx.post(f"http://{host}:{port}/moto-api/reset")
    make_resources(BUCKET)
    url = aws_client("sqs").create_queue(QueueName="q")["QueueUrl"]
    yield settings | {"CONVERSION_QUEUE_URL": url, "CATALOG_QUEUE_URL": url}
    server.stop()


def test_a_file_goes_through_both_functions_and_their_logs_hold_no_cell_and_no_key(
    environ: dict[str, str], tmp_path: Path
) -> None:
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
