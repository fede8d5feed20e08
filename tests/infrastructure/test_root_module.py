"""The root module is well-formed, refuses what is mistyped, and plans what the documentation says."""

import json
import re
from typing import Any

import pytest
from aws_lambda_powertools import Logger, Metrics

from medical_data_pipeline.composition.happenings import Happening
from medical_data_pipeline.entrypoints.lambda_surroundings import surroundings
from tests.infrastructure.tools import ROOT, Terraform

DIGEST = "sha256:" + "a" * 64
VARIABLES = {
    "s3_bucket_name": "plan-of-a-test",
    "lambda_image_digests": json.dumps({stage: DIGEST for stage in ("conversion", "catalog", "query")}),
    "alarm_emails": '["on-call@hospital.example"]',
    "monthly_budget_usd": "100",
}
# Resources that may hold data or say something of it, and where each names its key.
ENCRYPTED = {
    "aws_ecr_repository": ("encryption_configuration", "kms_key"),
    "aws_s3_bucket_server_side_encryption_configuration": (
        "rule",
        "apply_server_side_encryption_by_default",
        "kms_master_key_id",
    ),
    "aws_sqs_queue": ("kms_master_key_id",),
    "aws_sns_topic": ("kms_master_key_id",),
    "aws_dynamodb_table": ("server_side_encryption", "kms_key_arn"),
    "aws_cloudwatch_log_group": ("kms_key_id",),
    "aws_lambda_function": ("kms_key_arn",),
    "aws_s3_object": ("kms_key_id",),
    "aws_athena_workgroup": (
        "configuration",
        "result_configuration",
        "encryption_configuration",
        "kms_key_arn",
    ),
}


@pytest.fixture(scope="module")
def plan(root_module: Terraform) -> dict[str, Any]:
    """What a first apply would make."""
    variables = [f"-var={name}={value}" for name, value in VARIABLES.items()]
    root_module.run("plan", "-input=false", "-out=plan", *variables)
    document: dict[str, Any] = json.loads(root_module.run("show", "-json", "plan").stdout)
    return document


def planned(plan: dict[str, Any], kind: str) -> dict[str, Any]:
    resources = plan["planned_values"]["root_module"]["resources"]
    return {each["address"]: each["values"] for each in resources if each["type"] == kind}


def test_every_terraform_file_is_formatted(root_module: Terraform) -> None:
    done = root_module.run("fmt", "-check", "-recursive", "-list=true", str(ROOT), is_checked=False)

    assert (done.returncode, done.stdout) == (0, "")


def test_the_root_module_is_valid(root_module: Terraform) -> None:
    assert json.loads(root_module.run("validate", "-json").stdout)["diagnostics"] == []


def test_terraforms_own_tests_pass(root_module: Terraform) -> None:
    done = root_module.run("test", "-no-color", "-test-directory=tests/terraform", is_checked=False)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"Success! [1-9]\d* passed, 0 failed", done.stdout)


def test_every_variable_has_a_type_and_a_description_and_a_check_where_one_can_be_made() -> None:
    text = (ROOT / "variables.tf").read_text(encoding="utf-8")
    blocks = dict(re.findall(r'^variable "(\w+)" \{\n(.*?)^\}', text, re.MULTILINE | re.DOTALL))
    anything_goes = {"tags"}

    for name, block in blocks.items():
        assert re.search(r"^  description = \S", block, re.MULTILINE), name
        kind = re.search(r"^  type += (\S+)", block, re.MULTILINE)
        assert kind, name
        assert "validation {" in block or kind[1] == "bool" or name in anything_goes, name


def test_whatever_may_hold_data_is_encrypted_with_the_projects_key(plan: dict[str, Any]) -> None:
    kinds = {each["type"] for each in plan["planned_values"]["root_module"]["resources"]}
    declared = plan["configuration"]["root_module"]["resources"]

    for resource in (each for each in declared if each["type"] in ENCRYPTED and each["mode"] == "managed"):
        named: Any = resource["expressions"]
        for step in ENCRYPTED[resource["type"]]:
            named = (named[0] if isinstance(named, list) else named)[step]
        assert "aws_kms_key.data.arn" in named["references"], resource["address"]
    assert set(ENCRYPTED) - kinds <= {"aws_s3_object"}


def test_what_data_needs_is_not_destroyed_before_it(plan: dict[str, Any]) -> None:
    """A bucket that is not empty stops its own destruction, and with it that of whatever it depends on."""
    declared = plan["configuration"]["root_module"]["resources"]
    bucket = next(each for each in declared if each["address"] == "aws_s3_bucket.data")

    images = {f"aws_ecr_repository.{name}_lambda" for name in ("conversion", "glue_catalog", "query")}
    assert set(bucket["depends_on"]) == {"aws_kms_key.data", *images}


def test_every_resource_has_a_name_of_the_project(plan: dict[str, Any]) -> None:
    keys = ("name", "function_name", "alarm_name", "dashboard_name")
    names = [
        each["values"][key]
        for each in plan["planned_values"]["root_module"]["resources"]
        if each["mode"] == "managed" and not each["type"].startswith("aws_api_gateway_request")
        for key in keys
        if isinstance(each.get("values", {}).get(key), str)
    ]
    others = {
        name
        for name in names
        if not name.removeprefix("/aws/lambda/")
        .removeprefix("/aws/apigateway/")
        .removeprefix("alias/")
        .startswith("medical-data-pipeline")
    }

    assert others == {"medical_data_db", "stage", "upload"}


def test_functions_are_pinned_by_digest_and_limited(plan: dict[str, Any]) -> None:
    functions = planned(plan, "aws_lambda_function")

    assert {values["package_type"] for values in functions.values()} == {"Image"}
    assert {values["reserved_concurrent_executions"] for values in functions.values()} == {2, 20}
    assert functions['aws_lambda_function.stage["conversion"]']["ephemeral_storage"] == [{"size": 4096}]
    references = next(
        each["expressions"]["image_uri"]["references"]
        for each in plan["configuration"]["root_module"]["resources"]
        if each["type"] == "aws_lambda_function"
    )
    assert "local.image_uris" in references


def costed_alarms() -> int:
    found = re.search(r"alarms: int = (\d+)", (ROOT / "scripts" / "costs.py").read_text(encoding="utf-8"))
    assert found
    return int(found[1])


def test_an_alarm_tells_of_loads_that_were_given_up_by_the_functions_own_count(
    plan: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    alarms = planned(plan, "aws_cloudwatch_metric_alarm").values()
    metrics = Metrics(namespace="MedicalDataPipeline", service="conversion")

    surroundings(Logger(service="conversion"), metrics).report(Happening("failed", "load", "labs"))
    metrics.flush_metrics()

    counted = json.loads(capsys.readouterr().out.splitlines()[-1])
    (told,) = counted["_aws"]["CloudWatchMetrics"]
    (alarm,) = (
        each
        for each in alarms
        if each["namespace"] == told["Namespace"] and each["dimensions"] == {"service": counted["service"]}
    )
    assert told["Dimensions"] == [["service"]]
    assert [each["Name"] for each in told["Metrics"]] == [alarm["metric_name"]]
    assert (alarm["threshold"], alarm["comparison_operator"]) == (0, "GreaterThanThreshold")


def test_alarms_watch_every_queue_and_function_and_go_to_people(plan: dict[str, Any]) -> None:
    alarms = planned(plan, "aws_cloudwatch_metric_alarm")
    watched = {
        value
        for alarm in alarms.values()
        for value in (alarm["dimensions"] or {}).values()
        if value is not None
    }

    for queue in planned(plan, "aws_sqs_queue").values():
        assert queue["name"] in watched
    for function in planned(plan, "aws_lambda_function").values():
        assert function["function_name"] in watched
    assert len(alarms) == costed_alarms()
    assert [each["endpoint"] for each in planned(plan, "aws_sns_topic_subscription").values()] == [
        "on-call@hospital.example"
    ]
    assert [each["limit_amount"] for each in planned(plan, "aws_budgets_budget").values()] == ["100"]
