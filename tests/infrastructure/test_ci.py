"""GitHub and Bitbucket do the same, with as few rights as it takes, and nothing that changes under them."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.infrastructure.tools import ROOT

GITHUB = ROOT / ".github" / "workflows" / "deploy.yml"
BITBUCKET = ROOT / "bitbucket-pipelines.yml"
# The rights of each job beyond reading the repository.
RIGHTS = {
    "check": None,
    "plan": {"contents": "read", "id-token": "write", "pull-requests": "write"},
    "deploy": {"contents": "read", "id-token": "write"},
}


@pytest.fixture(scope="module")
def github() -> dict[Any, Any]:
    document: dict[Any, Any] = yaml.safe_load(GITHUB.read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module")
def bitbucket() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(BITBUCKET.read_text(encoding="utf-8"))
    return document


def targets(commands: list[str]) -> list[str]:
    return [name for command in commands for name in re.findall(r"^make ([a-z-]+)$", command, re.MULTILINE)]


def github_targets(github: dict[Any, Any], job: str) -> list[str]:
    return targets([step.get("run", "") for step in github["jobs"][job]["steps"]])


def bitbucket_targets(bitbucket: dict[str, Any], *path: str) -> list[list[str]]:
    steps = bitbucket["pipelines"]
    for name in path:
        steps = steps[name]
    return [targets(each["step"]["script"]) for each in steps]


def test_both_systems_run_the_same_targets(github: dict[Any, Any], bitbucket: dict[str, Any]) -> None:
    check, plan, deploy = (github_targets(github, job) for job in ("check", "plan", "deploy"))

    assert bitbucket_targets(bitbucket, "pull-requests", "**") == [check, plan]
    assert bitbucket_targets(bitbucket, "branches", "main") == [check, deploy]
    assert bitbucket_targets(bitbucket, "branches", "develop") == [check, deploy]
    assert {"tf-fmt", "tf-validate", "lint-aws", "check", "test"} <= set(check)
    assert deploy[-2:] == ["plan", "apply"]


def test_images_are_verified_before_they_are_deployed(github: dict[Any, Any]) -> None:
    deploy = github_targets(github, "deploy")

    order = [
        deploy.index(name) for name in ("registry", "images-push", "images-sign", "images-verify", "plan")
    ]
    assert order == sorted(order)


def test_a_pull_request_can_change_nothing(github: dict[Any, Any], bitbucket: dict[str, Any]) -> None:
    reviewed = [
        *github_targets(github, "check"),
        *github_targets(github, "plan"),
        *(name for step in bitbucket_targets(bitbucket, "pull-requests", "**") for name in step),
    ]

    assert not {"apply", "plan", "registry", "images-push", "images-sign"} & set(reviewed)
    assert "AWS_APPLY_ROLE_ARN" not in str(github["jobs"]["plan"])
    assert "pull_request_target" not in GITHUB.read_text(encoding="utf-8")


def test_every_action_is_pinned_by_a_whole_commit() -> None:
    text = GITHUB.read_text(encoding="utf-8")
    used = re.findall(r"uses: (\S+)(.*)", text)

    assert used
    for action, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w./-]+@[0-9a-f]{40}", action), action
        assert re.search(r"# v\d+\.\d+\.\d+$", comment), action


def test_jobs_have_the_rights_they_need_and_no_more(github: dict[Any, Any]) -> None:
    assert github["permissions"] == {"contents": "read"}
    assert {name: job.get("permissions") for name, job in github["jobs"].items()} == RIGHTS
    assert github["jobs"]["deploy"]["concurrency"]["cancel-in-progress"] is False
    assert github["jobs"]["deploy"]["environment"]


def test_no_text_of_an_event_is_put_into_a_shell_command() -> None:
    text = GITHUB.read_text(encoding="utf-8")

    for command in re.findall(r"run: (\|\n(?: {10,}.*\n)+|.*\n)", text):
        assert "${{" not in command


def test_whatever_is_fetched_is_checked_against_a_hash() -> None:
    tools = (ROOT / "scripts" / "ci-tools").read_text(encoding="utf-8")
    login = (ROOT / "scripts" / "bitbucket-login").read_text(encoding="utf-8")
    fetched = re.findall(r"^  fetch \S+ .*\n +[0-9a-f]{64}$", tools, re.MULTILINE)

    assert len(fetched) == len(re.findall(r"^  fetch ", tools, re.MULTILINE)) == 2
    assert "curl" not in login
    assert all("--require-hashes" in line for line in login.splitlines() if "pip install" in line)


def test_both_systems_take_any_setting_of_terraform(github: dict[Any, Any]) -> None:
    login = (ROOT / "scripts" / "bitbucket-login").read_text(encoding="utf-8")

    for job in ("plan", "deploy"):
        written = [step for step in github["jobs"][job]["steps"] if "terraform.tfvars" in step.get("run", "")]
        assert [step["env"]["TF_SETTINGS"] for step in written] == ["${{ vars.TF_SETTINGS }}"]
        assert '"$TF_SETTINGS" > terraform.tfvars' in written[0]["run"]
    assert '"${TF_SETTINGS:-}" > terraform.tfvars' in login


def own_run(folder: Path, **says: str) -> "subprocess.CompletedProcess[str]":
    """`.ci/run` with a make that only says what it is told to."""
    (folder / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", folder / ".ci")
    cases = "".join(f"{name.replace('_', '-')}) {script};;\n" for name, script in says.items())
    make = f'#!/bin/sh\necho "make $1"\ncase "$1" in\n{cases}esac\n'
    (folder / "make").write_text(make, encoding="utf-8")
    (folder / "make").chmod(0o755)
    return subprocess.run(
        [folder / ".ci" / "run"],
        env={"PATH": f"{folder}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_projects_own_ci_runs_the_tests_and_all_linters(tmp_path: Path) -> None:
    done = own_run(tmp_path)

    order = re.findall(r"^make (\S+)$", done.stdout, re.MULTILINE)
    assert (done.returncode, list(dict.fromkeys(order))) == (0, ["test", "check", "lint-aws"])


@pytest.mark.parametrize("target", ["test", "check", "lint_aws"])
def test_the_projects_own_ci_fails_with_any_of_its_parts(tmp_path: Path, target: str) -> None:
    assert own_run(tmp_path, **{target: "exit 2"}).returncode != 0


def test_a_test_that_was_skipped_for_want_of_a_tool_fails_it(tmp_path: Path) -> None:
    done = own_run(tmp_path, test="echo 'SKIPPED [1] tools.py:76: needs terraform: put it on the PATH'")

    assert done.returncode == 1
    assert "a tool is missing" in done.stderr
