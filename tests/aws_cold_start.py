"""`make cold-start`: what a function costs before it answers, with the packages that its image has."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.served_aws import served_aws

ROOT = Path(__file__).parents[1]
FUNCTIONS = ("query", "glue_catalog", "conversion")
ROUNDS = 7
BUCKET = "medical-data"
STEPS = ("import", "first request", "second request")

# One process: CPU seconds of the import, of two requests, and what each library took of the import.
PROBE = """
import sys, time
from collections import Counter
from importlib.machinery import ExtensionFileLoader, SourceFileLoader
sys.path.insert(0, sys.argv[1])
taken, inner = Counter(), [0.0]
def timed(loader):
    original = loader.exec_module
    def exec_module(self, module):
        begun = time.process_time()
        inner.append(0.0)
        try:
            return original(self, module)
        finally:
            seconds = time.process_time() - begun
            taken[module.__name__.partition(".")[0]] += seconds - inner.pop()
            inner[-1] += seconds
    loader.exec_module = exec_module
if sys.argv[2] == "libraries":
    timed(SourceFileLoader)
    timed(ExtensionFileLoader)
begun = time.process_time()
import lambda_function
times = [time.process_time() - begun]
class Context:
    aws_request_id = "request"
    def get_remaining_time_in_millis(self):
        return 300_000
event = {
    "resource": "/tables", "path": "/tables", "httpMethod": "GET", "headers": {"Host": "api"},
    "multiValueHeaders": {}, "queryStringParameters": None, "multiValueQueryStringParameters": None,
    "body": None, "isBase64Encoded": False,
    "requestContext": {"stage": "production", "identity": {"userArn": "arn:aws:iam::1:user/a"}},
}
for _ in range(2 if sys.argv[2] == "requests" else 0):
    begun = time.process_time()
    assert lambda_function.handler(event, Context())["statusCode"] == 200
    times.append(time.process_time() - begun)
import json
print(json.dumps([times, taken]))
"""


def main(folder: Path) -> None:
    with served_aws(BUCKET) as environ:
        for function in FUNCTIONS:
            _measure(function, _assembled(folder / function, function), os.environ | environ)


def _measure(function: str, packages: Path, environ: dict[str, str]) -> None:
    size_mb = sum(file.stat().st_size for file in packages.rglob("*") if file.is_file()) / 1e6
    print(f"\n{function}: {size_mb:.0f} MB of packages; CPU seconds, the least of {ROUNDS} runs")
    what = "requests" if function == "query" else "import"
    runs = [_probe(packages, environ, what)[0] for _ in range(ROUNDS)]
    for name, seconds in zip(STEPS, map(min, *runs), strict=False):
        print(f"  {name:<28}{seconds:6.3f}")
    for name, seconds in _by_library([_probe(packages, environ, "libraries")[1] for _ in range(ROUNDS)]):
        print(f"    {name:<26}{seconds:6.3f}")


def _by_library(runs: Sequence[Mapping[str, float]]) -> list[tuple[str, float]]:
    """The dearest libraries of an import, by their own code alone."""
    least = {name: min(run[name] for run in runs) for name in runs[0]}
    standard = sum(least.pop(name) for name in list(least) if name in sys.stdlib_module_names)
    return sorted([*least.items(), ("(standard library)", standard)], key=lambda item: -item[1])[:12]


def _probe(packages: Path, environ: dict[str, str], what: str) -> Any:
    command = [sys.executable, "-I", "-S", "-c", PROBE, str(packages), what]
    ended = subprocess.run(command, env=environ, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(ended.stdout.splitlines()[-1])


def _assembled(packages: Path, function: str) -> Path:
    """What the Dockerfile does, without an image."""
    shutil.rmtree(packages, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "-qqq", "--disable-pip-version-check", "--no-compile"]
    locked = ROOT / "functions" / function / "requirements.txt"
    wanted = ["--no-deps", "--require-hashes", "--target", str(packages), "-r", str(locked)]
    subprocess.run([*pip, *wanted], check=True)
    shutil.copytree(ROOT / "src" / "medical_data_pipeline", packages / "medical_data_pipeline")
    shutil.copy(ROOT / "functions" / function / "lambda_function.py", packages)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    subprocess.run(
        ["sh", ROOT / "functions" / "trim-packages", packages], check=True, env=os.environ | {"PATH": path}
    )
    return packages


if __name__ == "__main__":
    main(ROOT / ".bench" / "functions")
