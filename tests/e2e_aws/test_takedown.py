"""The last of them all: what was made is gone when it is destroyed."""

import pytest

from tests.e2e_aws.installation import PROJECT, STATE_BUCKET, Installation, forbid_what_the_emulator_misreads

pytestmark = pytest.mark.timeout(900)


def test_destroyed_it_leaves_nothing(installation: Installation) -> None:
    emulator = installation.emulator

    forbid_what_the_emulator_misreads(emulator)
    installation.run_readme("update")

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
