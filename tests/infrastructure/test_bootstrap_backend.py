"""The script that makes room for the state says what is wrong before it makes anything."""

import subprocess
from pathlib import Path

from tests.infrastructure.tools import ROOT

# A bucket that is there, in eu-central-1; whatever is changed of it is written down.
AWS = """#!/bin/sh
case "$*" in
  *get-caller-identity*Account*) echo 000000000000 ;;
  *get-caller-identity*) echo arn:aws:iam::000000000000:root ;;
  *get-bucket-location*) echo eu-central-1 ;;
  *head-bucket*) ;;
  *) echo "$*" >> {changes} ;;
esac
"""


def bootstrap(folder: Path, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    (folder / "aws").write_text(AWS.format(changes=folder / "changes"), encoding="utf-8")
    (folder / "aws").chmod(0o755)
    return subprocess.run(
        [ROOT / "scripts" / "bootstrap-backend", *arguments],
        env={"PATH": f"{folder}:/usr/bin:/bin", **environ},
        capture_output=True,
        text=True,
        check=False,
    )


def test_what_is_no_region_is_refused(tmp_path: Path) -> None:
    done = bootstrap(tmp_path, "states", "Frankfurt")

    assert (done.returncode, done.stdout) == (2, "")
    assert "Frankfurt is no region" in done.stderr


def test_a_bucket_in_another_region_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    done = bootstrap(tmp_path, "states", "us-east-1")

    assert (done.returncode, done.stdout) == (1, "")
    assert "in eu-central-1" in done.stderr
    assert not (tmp_path / "changes").exists()


def test_each_project_has_a_state_of_its_own(tmp_path: Path) -> None:
    first = bootstrap(tmp_path, "states", "eu-central-1")
    second = bootstrap(tmp_path, "states", "eu-central-1", PROJECT_NAME="mdp-staging")

    assert 'key          = "medical-data-pipeline/terraform.tfstate"' in first.stdout
    assert 'key          = "mdp-staging/terraform.tfstate"' in second.stdout
