"""A stand-in for Lambda's base image, which tests cannot fetch: Debian's Python and the runtime client."""

import subprocess
import sys
from pathlib import Path

from tests.images.containers import Store

# What the Dockerfiles name, so that they are built as they are.
NAME = "public.ecr.aws/lambda/python:3.11"
# With Python 3.11, as Lambda's.
_DEBIAN = "bookworm"
_ENTRYPOINT = """#!/bin/sh
cd /var/task
PYTHONPATH=/var/task:/var/runtime exec python -m awslambdaric "$1"
"""


def make_base(store: Store, lock: Path) -> None:
    """Tag the stand-in with the real one's name, made on the first call."""
    if store.has(NAME):
        return
    tree = store.folder / "debian"
    if not (tree / "made").exists():
        packages = "python3,python3-venv,ca-certificates"
        command = ["debootstrap", "--variant=minbase", f"--include={packages}", _DEBIAN, str(tree)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (tree / "made").touch()
    _add_runtime(tree, lock)
    container = store.buildah("from", "scratch")
    store.buildah("add", "--quiet", container, str(tree), "/")
    environ = ("PATH=/usr/local/bin:/usr/bin:/bin", "LAMBDA_TASK_ROOT=/var/task", "LANG=C.UTF-8")
    settings = [part for setting in environ for part in ("--env", setting)]
    entry = ("--workingdir", "/var/task", "--entrypoint", '["/lambda-entrypoint.sh"]')
    store.buildah("config", *settings, *entry, container)
    store.buildah("commit", "--quiet", "--rm", container, NAME)


def _add_runtime(tree: Path, lock: Path) -> None:
    client = next(line for line in lock.read_text().splitlines() if line.startswith("awslambdaric=="))
    wanted = ("--python-version", "3.11", "--only-binary", ":all:", "--target", str(tree / "var/runtime"))
    pip = [sys.executable, "-m", "pip", "install", "-qqq", "--upgrade", *wanted, client.split()[0]]
    subprocess.run(pip, check=True)
    (tree / "var/task").mkdir(parents=True, exist_ok=True)
    (tree / "usr/local/bin/python").unlink(missing_ok=True)
    (tree / "usr/local/bin/python").symlink_to("/usr/bin/python3")
    # Debian's pip comes with its environments only.
    pip_wheel = next((tree / "usr/share/python-wheels").glob("pip-*.whl"))
    site = tree / "usr/local/lib/python3.11/dist-packages"
    site.mkdir(parents=True, exist_ok=True)
    (site / "pip.pth").write_text(f"/usr/share/python-wheels/{pip_wheel.name}\n")
    entrypoint = tree / "lambda-entrypoint.sh"
    entrypoint.write_text(_ENTRYPOINT)
    entrypoint.chmod(0o755)
