"""Terraform's state is written by one person at a time, by either kind of lock."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.infrastructure.conftest import CREDENTIALS, REGION
from tests.infrastructure.tools import ROOT, Terraform, find_terraform

KEY = "medical-data-pipeline/terraform.tfstate"
EMULATED = (
    "use_path_style = true\n"
    "skip_credentials_validation = true\n"
    "skip_metadata_api_check = true\n"
    "skip_region_validation = true\n"
)
LOCKS = {"lock file": "use_lockfile = true\n", "lock table": 'dynamodb_table = "locks"\n'}


@pytest.fixture(params=sorted(LOCKS))
def locked_state(request: pytest.FixtureRequest, aws: str, tmp_path: Path) -> Iterator[Terraform]:
    """Terraform in a folder whose state somebody else holds the lock of."""
    kind: str = request.param
    bucket = f"state-with-{kind.replace(' ', '-')}"
    watch = _make_backend(aws, bucket, kind)
    settings = f'bucket = "{bucket}"\nkey = "{KEY}"\nregion = "{REGION}"\nencrypt = true\n'
    (tmp_path / "backend.conf").write_text(settings + LOCKS[kind] + EMULATED, encoding="utf-8")
    (tmp_path / "main.tf").write_text('terraform {\n  backend "s3" {}\n}\n', encoding="utf-8")
    terraform = find_terraform(tmp_path, {**CREDENTIALS, "AWS_ENDPOINT_URL": aws})
    terraform.run("init", "-input=false", "-backend-config=backend.conf")
    # A console holds the lock for as long as it is open.
    console = subprocess.Popen(
        [terraform.program, "console"],
        cwd=tmp_path,
        env=terraform.full_environ(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_until(watch)
        yield terraform
    finally:
        console.communicate(timeout=60)


def _make_backend(aws: str, bucket: str, kind: str) -> Any:
    """The bucket or table that holds the lock, and a call that says whether it is taken."""
    reach = {
        "endpoint_url": aws,
        "region_name": REGION,
        "aws_access_key_id": "t",
        "aws_secret_access_key": "t",
    }
    s3, dynamodb = boto3.client("s3", **reach), boto3.client("dynamodb", **reach)
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    if kind == "lock file":
        return lambda: (
            f"{KEY}.tflock" in [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        )
    dynamodb.create_table(
        TableName="locks",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "LockID", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "LockID", "KeyType": "HASH"}],
    )
    return lambda: any("Info" in item for item in dynamodb.scan(TableName="locks")["Items"])


def _wait_until(is_so: Any) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.1)
    pytest.fail("nobody took the lock")


def test_two_people_cannot_change_the_state_at_once(locked_state: Terraform) -> None:
    refused = locked_state.run("plan", "-input=false", "-lock-timeout=0s", "-no-color", is_checked=False)

    assert refused.returncode == 1
    assert "Error acquiring the state lock" in refused.stderr


def test_a_mistyped_call_of_the_script_says_how_it_is_called() -> None:
    done = subprocess.run(
        [str(ROOT / "scripts" / "bootstrap-backend"), "only-a-bucket"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: scripts/bootstrap-backend BUCKET REGION [TABLE]" in done.stderr
