"""The commands of the AWS part of README and docs are ones that exist; make e2e-aws also runs them."""

import importlib.util
import re
import shlex
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from medical_data_pipeline.adapters.aws.dynamodb_batches import MOST_KEYS
from medical_data_pipeline.composition.aws_raw_scan import LONGEST_UPLOAD
from tests.infrastructure.tools import ROOT

TERRAFORM_COMMANDS = {"init", "plan", "apply", "destroy", "output", "force-unlock"}
DOCUMENTS = ("README.md", "docs/aws.md")


def blocks(name: str) -> list[str]:
    """The shell blocks that are about AWS."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name == "README.md":
        text = text.split("## On AWS", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def terraform_calls(name: str) -> list[list[str]]:
    text = "\n".join(blocks(name)).replace("\\\n", " ")
    found = re.findall(r"(?:^|\(|; )(terraform [^)\n#]*)", text, re.MULTILINE)
    return [shlex.split(call) for call in found]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_block_is_something_a_shell_can_read(name: str) -> None:
    assert blocks(name)
    for block in blocks(name):
        done = subprocess.run(["sh", "-n"], input=block, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_call_of_terraform_names_what_there_is(name: str) -> None:
    calls = terraform_calls(name)
    for call in calls:
        words = [word for word in call[1:] if not word.startswith("-chdir=")]
        module = ROOT / "bootstrap" if "-chdir=bootstrap" in call else ROOT
        declared = "\n".join(file.read_text(encoding="utf-8") for file in module.glob("*.tf"))
        assert words[0] in TERRAFORM_COMMANDS, call
        for target in (word.removeprefix("-target=") for word in words if word.startswith("-target=")):
            kind, resource = target.split(".")
            assert f'resource "{kind}" "{resource}"' in declared, target
        for variable in (word.removeprefix("-var=") for word in words if word.startswith("-var=")):
            assert f'variable "{variable.split("=")[0]}"' in declared, variable
        if words[0] == "output":
            assert f'output "{words[-1]}"' in declared, call

    assert calls


def test_what_users_have_typed_for_long_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")

    for typed in (
        "terraform init -backend-config=backend.conf",
        "terraform apply -target=aws_ecr_repository.conversion_lambda"
        " -target=aws_ecr_repository.glue_catalog_lambda -target=aws_ecr_repository.query_lambda",
        "for func in conversion glue_catalog query; do",
        "terraform output -raw api_gateway_url",
        'terraform apply -var="lambda_image_tag=new-tag"',
        "terraform destroy",
        "SELECT%20*%20FROM%20medical_records%20LIMIT%2010",
    ):
        assert typed in text


@pytest.mark.parametrize("given", [{}, {"AWS_ACCESS_KEY_ID": "mine", "AWS_SECRET_ACCESS_KEY": "my-secret"}])
def test_a_request_is_signed_with_the_keys_of_whoever_is_logged_in(
    tmp_path: Path, given: dict[str, str]
) -> None:
    (block,) = [each for each in blocks("README.md") if "curl --aws-sigv4" in each]
    programs = {
        "aws": 'test "$1" = s3 || echo "export AWS_ACCESS_KEY_ID=sso AWS_SECRET_ACCESS_KEY=sso-secret'
        ' AWS_SESSION_TOKEN=session"',
        "terraform": "echo an-output",
        "curl": 'echo "$4|$6"',
    }
    for name, script in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        (tmp_path / name).chmod(0o755)
    environ = {"PATH": f"{tmp_path}:/usr/bin:/bin", "AWS_REGION": "eu-central-1", **given}

    done = subprocess.run(["sh", "-ec", block], env=environ, capture_output=True, text=True, check=False)

    signed = (
        "mine:my-secret|x-amz-security-token: " if given else "sso:sso-secret|x-amz-security-token: session"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{signed}\n", "")


def costs(*options: str) -> str:
    command = [sys.executable, str(ROOT / "scripts" / "costs.py"), *options]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def together_usd(table: str) -> float:
    (line,) = [line for line in table.splitlines() if "**together**" in line]
    return float(line.strip("| ").split("|")[1].strip(" *"))


def test_the_costs_in_the_documents_are_those_of_the_script() -> None:
    page = Path(ROOT / "docs" / "aws.md").read_text(encoding="utf-8")
    readme = " ".join(Path(ROOT / "README.md").read_text(encoding="utf-8").split())

    assert page.split("<!-- costs -->\n", 1)[1].split("<!-- end -->", 1)[0].strip() == costs().strip()
    assert "| Athena and API Gateway | 0.00 |" in costs("--queries", "0")
    busy, idle = re.findall(r"about (\d+) USD .* about (\d+) for an idle month", readme)[0]
    assert int(busy) == pytest.approx(together_usd(costs()), rel=0.1)
    assert int(idle) == round(together_usd(costs("--files", "0", "--queries", "0", "--large-files", "0")))


def test_what_the_reconciler_reads_is_a_part_of_the_costs() -> None:
    spec = importlib.util.spec_from_file_location("costs", ROOT / "scripts" / "costs.py")
    assert spec is not None and spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    sys.modules["costs"] = script
    spec.loader.exec_module(script)
    year, ten_years = script.Load(), script.Load(months_kept=120)

    assert script.ASKED_A_CALL == MOST_KEYS
    assert timedelta(days=script.DAYS_ASKED_FOR) == LONGEST_UPLOAD
    assert script.ledger(ten_years, script.Prices()) > 2 * script.ledger(year, script.Prices())
    assert script.lists(ten_years) == 10 * script.lists(year)
