"""The roles of CI: who may take which, and that none can make itself, or a function, mightier."""

import json
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.infrastructure.conftest import CREDENTIALS, LOCAL_BACKEND, REGION
from tests.infrastructure.tools import ROOT, Terraform, find_terraform, link_module

VARIABLES = {
    "s3_bucket_name": "hospital-data",
    "state_bucket_name": "hospital-state",
    "lock_table_name": "hospital-locks",
    "github": json.dumps(
        {
            "repository": "hospital/pipeline",
            "apply_environments": ["production", "staging"],
            "provider_arn": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com",
        }
    ),
    "bitbucket": json.dumps(
        {
            "workspace": "hospital",
            "workspace_uuid": "11111111-1111-1111-1111-111111111111",
            "repository_uuid": "22222222-2222-2222-2222-222222222222",
            "environment_uuids": ["33333333-3333-3333-3333-333333333333"],
            "provider_arn": "arn:aws:iam::123456789012:oidc-provider/api.bitbucket.org",
        }
    ),
}
# AWS's own limit of a managed policy, in characters other than blanks.
MANAGED_POLICY_SIZE = 6144


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory, aws: str) -> Terraform:
    folder = tmp_path_factory.mktemp("bootstrap")
    link_module(ROOT / "bootstrap", folder)
    (folder / "backend_override.tf").write_text(LOCAL_BACKEND, encoding="utf-8")
    terraform = find_terraform(folder, {**CREDENTIALS, "AWS_ENDPOINT_URL": aws, "AWS_REGION": REGION})
    terraform.init()
    return terraform


@pytest.fixture(scope="module")
def plan(bootstrap: Terraform) -> dict[str, Any]:
    bootstrap.run("plan", "-input=false", "-out=plan", *given(VARIABLES))
    document: dict[str, Any] = json.loads(bootstrap.run("show", "-json", "plan").stdout)
    return document


def given(variables: Mapping[str, str]) -> list[str]:
    return [f"-var={name}={value}" for name, value in variables.items()]


def values(plan: dict[str, Any], address: str) -> dict[str, Any]:
    resources = plan["planned_values"]["root_module"]["resources"]
    found: dict[str, Any] = next(each["values"] for each in resources if each["address"] == address)
    return found


def subjects(plan: dict[str, Any], role: str) -> dict[str, Any]:
    """By issuer: the conditions under which the role is given."""
    trust = json.loads(values(plan, f'aws_iam_role.ci["{role}"]')["assume_role_policy"])
    return {statement["Sid"]: statement["Condition"] for statement in trust["Statement"]}


def test_a_pull_request_may_plan_and_an_environment_may_apply(plan: dict[str, Any]) -> None:
    issuer = "token.actions.githubusercontent.com"

    assert subjects(plan, "plan")["Github"] == {
        "StringEquals": {
            f"{issuer}:aud": "sts.amazonaws.com",
            f"{issuer}:sub": "repo:hospital/pipeline:pull_request",
        }
    }
    assert subjects(plan, "apply")["Github"]["StringEquals"][f"{issuer}:sub"] == [
        "repo:hospital/pipeline:environment:production",
        "repo:hospital/pipeline:environment:staging",
    ]


def test_bitbucket_may_apply_from_its_environment_only(plan: dict[str, Any]) -> None:
    issuer = "api.bitbucket.org/2.0/workspaces/hospital/pipelines-config/identity/oidc"

    assert subjects(plan, "apply")["Bitbucket"] == {
        "StringEquals": {
            f"{issuer}:aud": "ari:cloud:bitbucket::workspace/11111111-1111-1111-1111-111111111111"
        },
        "StringLike": {
            f"{issuer}:sub": "{22222222-2222-2222-2222-222222222222}:{33333333-3333-3333-3333-333333333333}:*"
        },
    }


def is_denied(plan: dict[str, Any], action: str, resource: str) -> bool:
    """Whether the plan role is kept from an action that ReadOnlyAccess allows."""
    policy = json.loads(values(plan, "aws_iam_role_policy.plan_reads_no_data")["policy"])

    def is_meant(statement: Mapping[str, Any]) -> bool:
        patterns = statement.get("Resource", statement.get("NotResource"))
        named = any(
            fnmatchcase(resource, each) for each in ([patterns] if isinstance(patterns, str) else patterns)
        )
        return action in statement["Action"] and named == ("Resource" in statement)

    return any(is_meant(statement) for statement in policy["Statement"])


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::hospital-data/input/a.csv"),
        ("s3:GetObject", "arn:aws:s3:::another-teams-bucket/a.csv"),
        ("s3:GetObjectVersion", "arn:aws:s3:::hospital-state/another-project/terraform.tfstate"),
        (
            "dynamodb:PartiQLSelect",
            "arn:aws:dynamodb:eu-central-1:123456789012:table/medical-data-pipeline-ledger",
        ),
        ("dynamodb:Scan", "arn:aws:dynamodb:eu-central-1:123456789012:table/another"),
        (
            "athena:GetQueryExecution",
            "arn:aws:athena:eu-central-1:123456789012:workgroup/medical-data-pipeline",
        ),
        ("athena:GetQueryResults", "arn:aws:athena:eu-central-1:123456789012:workgroup/another"),
        ("sqs:ReceiveMessage", "arn:aws:sqs:eu-central-1:123456789012:another"),
        ("logs:StartQuery", "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/lambda/another:*"),
        ("ssm:GetParametersByPath", "arn:aws:ssm:eu-central-1:123456789012:parameter/another"),
    ],
)
def test_the_code_of_a_pull_request_reads_no_data_of_the_account(
    plan: dict[str, Any], action: str, resource: str
) -> None:
    assert is_denied(plan, action, resource)


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("s3:GetObject", "arn:aws:s3:::hospital-state/medical-data-pipeline/terraform.tfstate"),
        ("s3:GetObject", "arn:aws:s3:::hospital-data/config/datasets.yaml"),
        ("dynamodb:GetItem", "arn:aws:dynamodb:eu-central-1:123456789012:table/hospital-locks"),
    ],
)
def test_a_plan_reads_the_state_and_what_terraform_itself_put_there(
    plan: dict[str, Any], action: str, resource: str
) -> None:
    assert not is_denied(plan, action, resource)


def test_a_wildcard_in_the_repository_is_refused() -> None:
    text = (ROOT / "bootstrap" / "variables.tf").read_text(encoding="utf-8")
    accepted = re.search(r'regex\("(\S+)", var\.github\.repository\)', text)

    assert accepted
    assert re.search(accepted[1], "hospital/pipeline")
    assert not re.search(accepted[1], "hospital/*")


def test_the_policies_are_no_longer_than_aws_takes(plan: dict[str, Any]) -> None:
    for resource in plan["planned_values"]["root_module"]["resources"]:
        if resource["type"] == "aws_iam_policy" and "policy" in resource["values"]:
            assert len(re.sub(r"\s", "", resource["values"]["policy"])) <= MANAGED_POLICY_SIZE, resource[
                "address"
            ]


def test_no_action_is_a_wildcard_and_roles_cannot_be_made_without_a_boundary() -> None:
    text = (ROOT / "bootstrap" / "policies.tf").read_text(encoding="utf-8")
    actions = re.findall(r'"([a-z0-9]+:[A-Z*]\w*\*?)"', text)
    roles = text.split('Sid    = "RolesWithinTheBoundary"', 1)[1].split("},\n      {", 1)[0]

    assert len(actions) > 150
    assert [action for action in actions if "*" in action] == []
    assert 'Condition = { StringEquals = { "iam:PermissionsBoundary"' in roles
    assert '"iam:PutRolePolicy"' in roles
    assert "iam:DeleteRolePermissionsBoundary" not in text


def test_whatever_a_function_may_do_is_within_the_boundary() -> None:
    def named(text: str) -> set[str]:
        kinds = "s3|dynamodb|sqs|glue|athena|kms|logs|sts|xray|cloudwatch"
        return set(re.findall(rf'"((?:{kinds}):[A-Z]\w+)"', text)) - {"kms:ViaService"}

    roles = (ROOT / "iam.tf").read_text(encoding="utf-8") + (ROOT / "spark.tf").read_text(encoding="utf-8")
    boundary = (
        (ROOT / "bootstrap" / "policies.tf").read_text(encoding="utf-8").split("boundary_statements", 1)[1]
    )

    assert named(roles) <= named(boundary)
    assert named(boundary) - named(roles) == set()
