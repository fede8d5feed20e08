"""Everything is made as it is written, encrypted, and told of what happens."""

import json
import re
from typing import Any

import pytest

from tests.e2e_aws.emulator import REGION
from tests.e2e_aws.functions import Functions
from tests.e2e_aws.installation import (
    BUCKET,
    CATALOG,
    CONVERSION,
    PROJECT,
    QUERY,
    STATE_BUCKET,
    Installation,
    readme_block,
)

# An apply and a plan of everything take minutes where other work goes on.
pytestmark = pytest.mark.timeout(900)

# What the emulator forgets, and so every plan would set again.
FORGOTTEN = {
    "aws_cloudwatch_metric_alarm": "DescribeAlarms leaves out period, statistic, dimensions and actions"
}
# Written in one place each: the account's own name for a key, and metrics and traces that have no resources.
WILDCARD_RESOURCES = {"WriteTraces"}


def keys_of(functions: Functions, name: str) -> list[str]:
    return [body["detail"]["object"]["key"] for body in functions.bodies(name) if "detail" in body]


def is_about(key: str) -> Any:
    return lambda body: body.get("detail", {}).get("object", {}).get("key") == key


def test_the_state_is_kept_where_the_script_made_room_for_it(installation: Installation) -> None:
    s3 = installation.emulator.client("s3")

    keys = [each["Key"] for each in s3.list_objects_v2(Bucket=STATE_BUCKET)["Contents"]]
    assert keys == ["medical-data-pipeline/terraform.tfstate"]
    assert s3.get_bucket_versioning(Bucket=STATE_BUCKET)["Status"] == "Enabled"


@pytest.mark.parametrize("region", [REGION, "us-east-1"])
def test_room_for_the_state_can_be_made_again_and_again(installation: Installation, region: str) -> None:
    bucket, table = f"another-state-{region}", f"another-lock-{region}"

    first, second = (
        installation.run_shell(f"scripts/bootstrap-backend {bucket} {region} {table}") for _ in range(2)
    )

    emulator = installation.emulator
    s3 = emulator.client("s3")
    location = s3.get_bucket_location(Bucket=bucket)["LocationConstraint"]
    rules = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    block = s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]
    assert first == second
    assert f'dynamodb_table = "{table}"' in first
    assert (location or "us-east-1") == region
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert set(block.values()) == {True}
    assert "aws:SecureTransport" in s3.get_bucket_policy(Bucket=bucket)["Policy"]
    s3.delete_bucket(Bucket=bucket)


def test_applied_again_it_would_change_nothing(installation: Installation) -> None:
    changes = installation.planned_changes()

    assert {address.split(".")[0].split("[")[0] for address in changes} <= set(FORGOTTEN)


def test_what_users_type_next_is_among_the_outputs(installation: Installation) -> None:
    outputs = installation.outputs

    assert re.fullmatch(
        r"https://\w+\.execute-api\.eu-central-1\.amazonaws\.com/production/query", outputs["api_gateway_url"]
    )
    assert outputs["s3_bucket_name"] == BUCKET
    assert outputs["lambda_function_names"] == {"conversion": CONVERSION, "catalog": CATALOG, "query": QUERY}
    assert set(outputs["ecr_repository_urls"]) == {"conversion", "glue_catalog", "query"}


def test_every_statement_allows_named_actions_on_named_resources(installation: Installation) -> None:
    policies = {
        address: json.loads(each["values"]["policy"])
        for address, each in installation.state().items()
        if each["type"] == "aws_iam_role_policy"
    }

    assert len(policies) == 4
    for address, policy in policies.items():
        for statement in policy["Statement"]:
            actions, resources = (
                [each] if isinstance(each, str) else each
                for each in (statement["Action"], statement["Resource"])
            )
            assert not [action for action in actions if "*" in action], address
            assert "*" not in resources or statement["Sid"] in WILDCARD_RESOURCES, (address, statement["Sid"])
            assert all(
                PROJECT in each
                or BUCKET in each
                or "key/" in each
                or "medical_data_db" in each
                or each.endswith(":catalog")
                or each == "*"
                for each in resources
            )


def test_whatever_holds_data_is_encrypted_with_the_one_key(installation: Installation) -> None:
    state, key = installation.state(), installation.outputs["kms_key_arn"]
    held = {
        "aws_sqs_queue": "kms_master_key_id",
        "aws_sns_topic": "kms_master_key_id",
        "aws_cloudwatch_log_group": "kms_key_id",
        "aws_lambda_function": "kms_key_arn",
    }

    for each in state.values():
        if each["type"] in held:
            assert each["values"][held[each["type"]]] == key, each["address"]
    s3 = installation.emulator.client("s3")
    rule = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == key
    for name in ("ledger", "queries"):
        table = installation.emulator.client("dynamodb").describe_table(TableName=f"{PROJECT}-{name}")[
            "Table"
        ]
        assert table["SSEDescription"]["KMSMasterKeyArn"] == key


def test_a_manifest_reaches_the_catalog_and_nothing_else_does(
    installation: Installation, functions: Functions
) -> None:
    s3 = installation.emulator.client("s3")
    load = "record_folders/labs/0123abcd/"
    for name in ("part-00000.parquet", "_quarantine/part-00000.parquet", "receipt.json"):
        s3.put_object(Bucket=BUCKET, Key=load + name, Body=b"x")
    s3.put_object(Bucket=BUCKET, Key="tables/labs/metadata/manifest.json", Body=b"x")

    s3.put_object(Bucket=BUCKET, Key=f"{load}manifest.json", Body=b"{}")

    functions.wait_for(CATALOG, is_about(f"{load}manifest.json"))
    assert all(key.endswith("/manifest.json") for key in keys_of(functions, CATALOG))
    assert all(key.startswith("record_folders/") for key in keys_of(functions, CATALOG))
    assert all(key.startswith("input/") for key in keys_of(functions, CONVERSION))


def test_another_tag_changes_the_functions_and_nothing_with_data(installation: Installation) -> None:
    commands = readme_block("images").replace("TAG=latest", "TAG=new-tag").splitlines()
    installation.run_shell("\n".join(line for line in commands if not line.startswith("terraform")))

    changes = installation.planned_changes("-var=lambda_image_tag=new-tag")

    changed = {address for address in changes if address.split(".")[0] not in FORGOTTEN}
    assert changed == {
        *(f'aws_lambda_function.stage["{stage}"]' for stage in ("conversion", "catalog", "query")),
        *(f"aws_ecr_repository.{name}_lambda" for name in ("conversion", "glue_catalog", "query")),
    }
    assert all(changes[address] == ["update"] for address in changed)
