"""The images hold what their functions import, and nothing else."""

import re
import subprocess
import sys
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parents[2]
HANDLERS = {"conversion": "conversion", "glue_catalog": "catalog", "query": "query"}
PACKAGE = "medical_data_pipeline"
# Whatever has botocore has it.
COME_ALONG = {"urllib3"}


@cache
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(PACKAGE, include_external_packages=True)


def imported(stage: str) -> set[str]:
    """The distributions that a handler imports, itself or through other modules."""
    handler = f"{PACKAGE}.entrypoints.{stage}_lambda"
    modules = graph().find_upstream_modules(handler) | {handler}
    names = {name for module in modules for name in graph().find_modules_directly_imported_by(module)}
    foreign = {name for name in names if not name.startswith(PACKAGE)} - sys.stdlib_module_names - COME_ALONG
    owners = packages_distributions()
    return {owners[name][0].lower().replace("_", "-") for name in foreign}


@pytest.mark.parametrize("function", HANDLERS)
def test_an_image_is_given_what_its_function_imports(function: str) -> None:
    lines = (ROOT / "functions" / function / "requirements.in").read_text().splitlines()
    named = {re.split(r"[\[=<>]", line)[0] for line in lines if line and not line.startswith("#")}

    assert named == imported(HANDLERS[function])


def test_a_cold_start_of_the_query_function_waits_for_nothing_that_few_requests_need() -> None:
    seldom = (
        "pyarrow",
        "duckdb",
        "boto3",
        "s3transfer",
        "prometheus_client",
        "regex",
        "sqlglot.dialects.duckdb",
        "multiprocessing",
    )
    script = "import sys, lambda_function; print(sorted(set(sys.argv[1:]) & set(sys.modules)))"
    environ = {
        "POWERTOOLS_METRICS_NAMESPACE": "MedicalDataPipeline",
        "PYTHONPATH": str(ROOT / "functions" / "query"),
    }

    ran = subprocess.run(
        [sys.executable, "-c", script, *seldom], env=environ, stdout=subprocess.PIPE, text=True
    )

    assert (ran.returncode, ran.stdout) == (0, "[]\n")


@pytest.mark.parametrize("function", HANDLERS)
def test_an_images_packages_are_those_the_tests_run_with(function: str) -> None:
    pattern = re.compile(r"^([a-z0-9-]+)==([^ \\]+)", re.MULTILINE)
    of_tests = set(pattern.findall((ROOT / "requirements" / "dev.txt").read_text()))
    known = {name for name, _ in of_tests}
    locked = pattern.findall((ROOT / "functions" / function / "requirements.txt").read_text())

    assert locked
    assert {pair for pair in locked if pair[0] in known} <= of_tests


def test_the_job_for_large_files_has_what_the_conversion_function_has() -> None:
    named = re.findall(r'^ +requirements += "(\S+)"$', (ROOT / "spark.tf").read_text(), re.MULTILINE)

    assert named == ["functions/conversion/requirements.txt"]


@pytest.mark.parametrize("function", HANDLERS)
def test_an_image_runs_as_nobody_and_takes_hashed_packages_only(function: str) -> None:
    text = (ROOT / "functions" / function / "Dockerfile").read_text()

    assert re.search(r"^USER 10001:10001$", text, re.MULTILINE)
    assert "--require-hashes" in text
    assert f"functions/{function}/requirements.txt" in text
