"""What CI does with images: pushed and signed once; a deployment that failed half-way can be run again."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.infrastructure.tools import ROOT

FUNCTIONS = ("conversion", "glue_catalog", "query")
DIGEST = "sha256:" + "a" * 64
# Each remembers what it was told to do; the registry and the signatures are files.
AWS = """#!/bin/sh
case "$*" in
  *get-login-password*) echo secret;;
  *describe-images*)
    repository=$(echo "$*" | sed 's/.*--repository-name \\([^ ]*\\).*/\\1/')
    tag=$(echo "$*" | sed 's/.*imageTag=\\([^ ]*\\).*/\\1/')
    test -e "$STATE/$repository:$tag" || { echo ImageNotFoundException >&2; exit 254; }
    echo DIGEST;;
esac
"""
DOCKER = """#!/bin/sh
case "$1" in
  push)
    echo "push $2" >> "$STATE/log"
    name=${2##*/}
    test "${name##*:}" = latest || ! test -e "$STATE/$name" || { echo "the tag is immutable" >&2; exit 1; }
    touch "$STATE/$name";;
esac
"""
COSIGN = """#!/bin/sh
command=$1
for image; do :; done
name=$(echo "${image##*/}" | cut -d@ -f1)
case $command in
  sign | attest)
    test ! -e "$STATE/$command-$name" || { echo "the tag is immutable" >&2; exit 1; }
    echo "$command $name" >> "$STATE/log"
    touch "$STATE/$command-$name";;
  verify) test -e "$STATE/sign-$name";;
  verify-attestation) test -e "$STATE/attest-$name";;
esac
"""


class Deployment:
    """The script in a folder of its own, with doubles of what it calls."""

    def __init__(self, folder: Path, tag: str) -> None:
        self._folder, self._tag = folder, tag
        self._state = folder / "state"
        for name in ("scripts", "bin", "state"):
            (folder / name).mkdir()
        (folder / "scripts" / "images").write_bytes((ROOT / "scripts" / "images").read_bytes())
        for name, text in (("aws", AWS.replace("DIGEST", DIGEST)), ("docker", DOCKER), ("cosign", COSIGN)):
            (folder / "bin" / name).write_text(text, encoding="utf-8")
            (folder / "bin" / name).chmod(0o755)

    def run(self, command: str) -> int:
        environ = {
            "PATH": f"{self._folder / 'bin'}:{os.environ['PATH']}",
            "STATE": str(self._state),
            "AWS_ACCOUNT_ID": "123456789012",
            "IMAGE_TAG": self._tag,
            "COSIGN_KEY": "awskms:///alias/images",
        }
        script = str(self._folder / "scripts" / "images")
        return subprocess.run(
            ["sh", script, command], env=environ, capture_output=True, check=False
        ).returncode

    def forget(self, name: str) -> None:
        (self._state / name).unlink()

    def log(self) -> list[str]:
        """What was done since it was last asked."""
        log = self._state / "log"
        said = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return said


def signed(*names: str) -> list[str]:
    return [
        f"{command} medical-data-pipeline-{name}-lambda" for name in names for command in ("sign", "attest")
    ]


def test_images_are_pushed_and_signed_by_digest(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, "v1")

    assert [deployment.run(command) for command in ("push", "sign", "verify")] == [0, 0, 0]

    pushed = [line for line in deployment.log() if line.startswith("push")]
    assert [line.rpartition("/")[2] for line in pushed] == [
        f"medical-data-pipeline-{name}-lambda:v1" for name in FUNCTIONS
    ]
    assert (tmp_path / "build" / "digests.tfvars.json").read_text().count(DIGEST) == 3


def test_a_deployment_that_failed_half_way_goes_on_where_it_came_to(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, "v1")
    assert [deployment.run(command) for command in ("push", "sign")] == [0, 0]
    deployment.forget("medical-data-pipeline-query-lambda:v1")
    deployment.forget("sign-medical-data-pipeline-query-lambda")
    deployment.forget("attest-medical-data-pipeline-query-lambda")
    deployment.log()

    assert [deployment.run(command) for command in ("push", "sign", "verify")] == [0, 0, 0]

    assert [line.rpartition("/")[2] for line in deployment.log()] == [
        "medical-data-pipeline-query-lambda:v1",
        *signed("query"),
    ]


def test_latest_is_pushed_each_time(tmp_path: Path) -> None:
    deployment = Deployment(tmp_path, "latest")

    assert [deployment.run("push"), deployment.run("push")] == [0, 0]
    assert len(deployment.log()) == 6


@pytest.mark.parametrize("function", FUNCTIONS)
def test_an_image_that_nobody_signed_is_not_deployed(tmp_path: Path, function: str) -> None:
    deployment = Deployment(tmp_path, "v1")
    assert [deployment.run(command) for command in ("push", "sign")] == [0, 0]

    deployment.forget(f"sign-medical-data-pipeline-{function}-lambda")

    assert deployment.run("verify") != 0
