"""The quick start of the README, run by a shell as it is written, against an emulated AWS."""

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tests.e2e_aws.emulator import REGION, Emulator
from tests.infrastructure.tools import ROOT, Terraform, find_program, find_terraform, link_root_module

# As the README and the examples have them.
BUCKET = "your-hospital-medical-data"
STATE_BUCKET = "your-hospital-terraform-state"
PROJECT = "medical-data-pipeline"
DATABASE = "medical_data_db"
CONVERSION, CATALOG, QUERY = f"{PROJECT}-conversion", f"{PROJECT}-glue-catalog", f"{PROJECT}-query"
MISREAD = "what-the-emulator-misreads"
# What a real account has no need of; the rest of backend.conf is what scripts/bootstrap-backend printed.
EMULATED_BACKEND = (
    "use_path_style = true\n"
    "skip_credentials_validation = true\n"
    "skip_metadata_api_check = true\n"
    "skip_requesting_account_id = true\n"
)
SETTINGS = {
    "TF_VAR_local_emulator": "true",
    # What is due shall be due while somebody watches, and nothing shall be left.
    "TF_VAR_reconcile_schedule": "rate(1 minute)",
    "TF_VAR_force_destroy": "true",
    # Nobody is there to say yes.
    "TF_CLI_ARGS_apply": "-auto-approve -input=false",
    "TF_CLI_ARGS_destroy": "-auto-approve -input=false",
}
DOCKER = '#!/bin/sh\nPYTHONPATH={root} exec {python} -m tests.e2e_aws.docker_double "$@"\n'
# The emulator has one address, and no certificate for the names of AWS.
CURL = """#!/bin/sh
for argument do
  shift
  set -- "$@" "$(printf %s "$argument" | sed -E \
's#https://([a-z0-9]+)\\.execute-api\\.[a-z0-9-]+\\.amazonaws\\.com#{address}/_aws/execute-api/\\1#')"
done
exec {curl} --silent --max-time 60 "$@"
"""


def readme_block(name: str) -> str:
    """The commands of one block of the README's part on AWS."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(rf"^<!-- aws: {name} -->\n```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert found, f"the README has no block {name}"
    return found[1]


@dataclass
class Installation:
    """A checkout of the module in `folder`, applied to an emulated AWS."""

    emulator: Emulator
    terraform: Terraform
    programs: Path

    def run_readme(self, *blocks: str) -> str:
        """What the commands of the blocks print, in one shell; the first error ends it."""
        return self.run_shell("\n".join(readme_block(name) for name in blocks))

    def run_shell(self, commands: str) -> str:
        done = self.tried_shell(commands)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
        return done.stdout

    def tried_shell(self, commands: str, timeout_s: float = 850) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["sh", "-euc", commands],
            cwd=self.terraform.folder,
            env=self.environ(),
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    @cached_property
    def outputs(self) -> dict[str, Any]:
        document = json.loads(self.terraform.run("output", "-json").stdout)
        return {name: each["value"] for name, each in document.items()}

    @cached_property
    def account(self) -> str:
        return str(self.emulator.client("sts").get_caller_identity()["Account"])

    def state(self) -> dict[str, dict[str, Any]]:
        """Every resource as it was made, by address."""
        document = json.loads(self.terraform.run("show", "-json").stdout)
        return {each["address"]: each for each in document["values"]["root_module"]["resources"]}

    def planned_changes(self, *arguments: str) -> dict[str, list[str]]:
        """By address: what another apply would do."""
        self.terraform.run("plan", "-input=false", "-out=again", *arguments)
        document = json.loads(self.terraform.run("show", "-json", "again").stdout)
        return {
            each["address"]: each["change"]["actions"]
            for each in document["resource_changes"]
            if each["change"]["actions"] not in (["no-op"], ["read"])
        }

    def environ(self) -> dict[str, str]:
        environ = self.terraform.full_environ()
        plugins = self.terraform.plugins
        where = "" if plugins is None else f" -plugin-dir={plugins}"
        return {
            **environ,
            "PATH": f"{self.programs}:{environ['PATH']}",
            "TF_CLI_ARGS_init": f"-input=false -backend-config=emulator.conf{where}",
            "AWS_SESSION_TOKEN": "test",
        }


def prepare(emulator: Emulator, folder: Path) -> Installation:
    """A checkout, and the few programs that stand where a real one would need the network."""
    folder.mkdir()
    link_root_module(folder)
    for name in ("scripts", "terraform.tfvars.example"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "emulator.conf").write_text(EMULATED_BACKEND, encoding="utf-8")
    (folder / "your-data.csv").write_text("id\n1\n", encoding="utf-8")
    terraform = find_terraform(folder, {**emulator.environ(), **SETTINGS})
    find_program("aws", "MDP_AWS_CLI")
    programs = folder / "programs"
    programs.mkdir()
    (programs / "terraform").symlink_to(shutil.which(terraform.program) or terraform.program)
    for name, text in {
        "docker": DOCKER.format(root=ROOT, python=sys.executable),
        "curl": CURL.format(address=emulator.address, curl=find_program("curl", "MDP_CURL")),
    }.items():
        (programs / name).write_text(text, encoding="utf-8")
        (programs / name).chmod(0o755)
    return Installation(emulator, terraform, programs)


def install(emulator: Emulator, folder: Path) -> Installation:
    installation = prepare(emulator, folder)
    installation.run_readme("state", "images", "apply")
    allow_what_the_emulator_misreads(emulator)
    return installation


def allow_what_the_emulator_misreads(emulator: Emulator) -> None:
    """It looks for the database of GetDatabase among the tables, where no policy of ours has one."""
    account = emulator.client("sts").get_caller_identity()["Account"]
    misread = f"arn:aws:glue:{REGION}:{account}:table/{DATABASE}"
    statement = {"Effect": "Allow", "Action": "glue:GetDatabase", "Resource": misread}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    emulator.client("iam").put_role_policy(RoleName=CATALOG, PolicyName=MISREAD, PolicyDocument=document)


def forbid_what_the_emulator_misreads(emulator: Emulator) -> None:
    """A role with a policy that Terraform does not know cannot be destroyed."""
    emulator.client("iam").delete_role_policy(RoleName=CATALOG, PolicyName=MISREAD)
