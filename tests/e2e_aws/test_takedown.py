"""The last of them all: what was made is gone when it is destroyed, and data not without being asked for."""

import pytest

from tests.e2e_aws.installation import (
    BUCKET,
    PROJECT,
    STATE_BUCKET,
    Installation,
    forbid_what_the_emulator_misreads,
    readme_block,
)

pytestmark = pytest.mark.timeout(900)


def test_data_stops_the_destruction_and_can_be_read_for_good(installation: Installation) -> None:
    emulator, key = installation.emulator, installation.outputs["kms_key_arn"]
    forbid_what_the_emulator_misreads(emulator)
    emulator.client("s3").put_object(Bucket=BUCKET, Key="input/labs/kept.csv", Body=b"id\n1\n")
    update, destroy = readme_block("update").splitlines()
    installation.run_shell(f"export TF_VAR_force_destroy=false; {update}")

    done = installation.tried_shell(destroy, 600)

    repositories = emulator.client("ecr").describe_repositories()["repositories"]
    assert done.returncode == 1
    assert "BucketNotEmpty" in done.stderr
    assert emulator.client("kms").describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled"
    assert emulator.client("s3").get_object(Bucket=BUCKET, Key="input/labs/kept.csv")["Body"].read()
    assert len(repositories) == 3


def test_destroyed_with_its_data_it_leaves_nothing(installation: Installation) -> None:
    emulator = installation.emulator

    installation.run_shell("terraform apply -target=aws_s3_bucket.data -var=force_destroy=true")
    installation.run_shell("terraform destroy")

    left = {
        "buckets": [each["Name"] for each in emulator.client("s3").list_buckets()["Buckets"]],
        "functions": emulator.client("lambda").list_functions()["Functions"],
        "queues": emulator.client("sqs").list_queues().get("QueueUrls", []),
        "rules": emulator.client("events").list_rules()["Rules"],
        "roles": [
            each["RoleName"]
            for each in emulator.client("iam").list_roles()["Roles"]
            if PROJECT in each["RoleName"]
        ],
        "repositories": emulator.client("ecr").describe_repositories()["repositories"],
        "databases": emulator.client("glue").get_databases()["DatabaseList"],
        "apis": emulator.client("apigateway").get_rest_apis()["items"],
        "groups": emulator.client("logs").describe_log_groups()["logGroups"],
        "tables": [
            name for name in emulator.client("dynamodb").list_tables()["TableNames"] if PROJECT in name
        ],
        "topics": emulator.client("sns").list_topics()["Topics"],
        "alarms": emulator.client("cloudwatch").describe_alarms()["MetricAlarms"],
    }
    assert left.pop("buckets") == [STATE_BUCKET]
    assert {name: each for name, each in left.items() if each} == {}
    assert installation.terraform.run("state", "list").stdout == ""
