"""Finds terraform, its providers and the other programs that these tests run, or says what is missing.

MDP_TERRAFORM names the program and MDP_TERRAFORM_PLUGINS a folder with unpacked providers, where they are
not in their usual places. Without such a folder terraform fetches the provider itself.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
AWS_PROVIDER = Path("registry.terraform.io/hashicorp/aws")
PLUGIN_FOLDERS = (
    Path.home() / ".terraform.d/plugins",
    Path("/usr/local/share/terraform/plugins"),
    Path("/usr/share/terraform/plugins"),
    *sorted(Path("/opt").glob("*")),
)
FETCH_FAILED = ("Failed to query available provider packages", "Failed to install provider")


@dataclass(frozen=True)
class Terraform:
    """Terraform in one folder, with a data folder of its own; a user's settings do not reach it."""

    program: str
    plugins: Path | None
    folder: Path
    environ: Mapping[str, str] = field(default_factory=dict)

    def run(self, *arguments: str, is_checked: bool = True) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(
            [self.program, *arguments],
            cwd=self.folder,
            env=self.full_environ(),
            capture_output=True,
            text=True,
            timeout=280,
            check=False,
        )
        if is_checked:
            assert done.returncode == 0, f"terraform {' '.join(arguments)}\n{done.stdout}\n{done.stderr}"
        return done

    def init(self, *arguments: str) -> None:
        """Skips the test where the provider is neither there nor to be had."""
        where = () if self.plugins is None else (f"-plugin-dir={self.plugins}",)
        done = self.run("init", "-input=false", "-no-color", *where, *arguments, is_checked=False)
        if done.returncode and self.plugins is None and any(text in done.stderr for text in FETCH_FAILED):
            pytest.skip("needs the AWS provider of terraform: set MDP_TERRAFORM_PLUGINS")
        assert done.returncode == 0, done.stderr

    def full_environ(self) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("TF_", "AWS_")) or name == "TF_PLUGIN_CACHE_DIR"
        }
        return {
            **kept,
            "TF_DATA_DIR": str(self.folder / ".terraform"),
            "TF_IN_AUTOMATION": "1",
            "CHECKPOINT_DISABLE": "1",
            **self.environ,
        }


def find_terraform(folder: Path, environ: Mapping[str, str] | None = None) -> Terraform:
    program = os.environ.get("MDP_TERRAFORM") or shutil.which("terraform")
    if program is None:
        pytest.skip("needs terraform: put it on the PATH or set MDP_TERRAFORM")
    return Terraform(program, _plugins(), folder, environ or {})


def _plugins() -> Path | None:
    named = os.environ.get("MDP_TERRAFORM_PLUGINS")
    folders = (Path(named),) if named else PLUGIN_FOLDERS
    return next((folder for folder in folders if (folder / AWS_PROVIDER).is_dir()), None)


def link_root_module(folder: Path) -> None:
    """The root module itself, by links, where no tfvars file of a user is read."""
    link_module(ROOT, folder)
    for name in ("functions", "jobs", "tests"):
        if (ROOT / name).exists():
            (folder / name).symlink_to(ROOT / name)


def link_module(module: Path, folder: Path) -> None:
    for file in module.glob("*.tf"):
        (folder / file.name).symlink_to(file)
    shutil.copy(module / ".terraform.lock.hcl", folder)


def find_program(name: str, setting: str) -> str:
    program = os.environ.get(setting) or shutil.which(name)
    if program is None:
        pytest.skip(f"needs {name}: put it on the PATH or set {setting}")
    return program
