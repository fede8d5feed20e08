"""The repository agrees with itself: sizes, names, the README's commands, the documents' links."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from medical_data_pipeline.entrypoints.cli.main import COMMANDS, cli
from medical_data_pipeline.errors import REJECTION_STATUS, PipelineError
from medical_data_pipeline.model.quarantine import RejectReason

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))
MAX_LINES, MAX_BODY = 400, 50
FORBIDDEN_NAMES = {"utils", "helpers", "common", "misc", "base", "core", "types"}


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: str(file.relative_to(ROOT / "src")))
def test_a_module_is_small_and_begins_with_what_it_is_for(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    if file.name == "__init__.py":
        assert text == ""
        return
    tree = ast.parse(text)

    assert len(text.splitlines()) <= MAX_LINES
    assert ast.get_docstring(tree)
    assert file.stem not in FORBIDDEN_NAMES


def test_no_function_is_longer_than_a_page() -> None:
    long = [
        f"{file.name}:{node.name}"
        for file in SOURCES
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.body[0].lineno + 1 > MAX_BODY
    ]

    assert long == []


def test_every_error_says_how_http_answers_and_whether_to_retry() -> None:
    def below(kind: type[PipelineError]) -> list[type[PipelineError]]:
        return [kind, *(each for child in kind.__subclasses__() for each in below(child))]

    for kind in below(PipelineError):
        assert 400 <= kind.http_status < 600
        assert isinstance(kind.is_retryable, bool)
        assert re.fullmatch(r"[A-Z_]+", kind.code)
    assert all(400 <= status < 600 for status in REJECTION_STATUS.values())


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name: str) -> None:
    result = CliRunner().invoke(cli, [name, "--help"])

    assert result.exit_code == 0
    assert "Example" in result.output


def test_every_make_target_of_the_documents_exists() -> None:
    targets = {
        name
        for file in (ROOT / "Makefile", ROOT / "deploy.mk")
        for name in re.findall(r"^([a-z][a-z0-9-]*):", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    named = {
        name
        for file in documents
        for name in re.findall(r"`?make ([a-z][a-z0-9-]*)", file.read_text(encoding="utf-8"))
    }

    assert named - {"every", "up"} <= targets


def test_every_link_between_documents_leads_somewhere() -> None:
    documents = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    broken = [
        f"{file.name}: {target}"
        for file in documents
        for target in re.findall(r"\]\(([^)#:]+)\)", file.read_text(encoding="utf-8"))
        if not (file.parent / target).exists()
    ]

    assert broken == []


def test_the_import_rules_hold() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("lint-imports")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout[-2000:]


def test_every_reason_that_a_user_can_meet_is_explained() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    refusals = {
        reason
        for file in SOURCES
        for reason in re.findall(
            r"(?:FileRefused\(\s*|LoadState\.REFUSED, |LoadState\.FAILED,\s+(?:reason=)?|"
            r'Compression\.\w+(?:, |: ))"([A-Z0-9_]+)"',
            file.read_text(encoding="utf-8"),
        )
    }
    known = {*refusals, *(reason.value for reason in RejectReason), "SCHEMA_CONFLICT", "ZIP_MEMBERS"}

    assert len(known) > 20 and {"INTERNAL", "JOB_FAILED"} <= known
    assert sorted(reason for reason in known if f"`{reason}`" not in page) == []
