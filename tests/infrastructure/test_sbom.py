"""What is in an image is written down: every wheel of it, with its hash."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.infrastructure.tools import ROOT

CYCLONEDX = ROOT / ".venv-lint" / "bin" / "cyclonedx-py"


@pytest.mark.skipif(not CYCLONEDX.exists(), reason="needs the linters' environment: make lint-aws")
@pytest.mark.parametrize("function", ["conversion", "glue_catalog", "query"])
def test_every_wheel_of_an_image_is_listed_with_its_hash(function: str, tmp_path: Path) -> None:
    for name in ("scripts", "functions"):
        (tmp_path / name).mkdir()
    (tmp_path / "scripts" / "images").write_bytes((ROOT / "scripts" / "images").read_bytes())
    for each in ("conversion", "glue_catalog", "query"):
        (tmp_path / "functions" / each).symlink_to(ROOT / "functions" / each)

    subprocess.run(
        ["sh", str(tmp_path / "scripts" / "images"), "sbom"],
        env={**os.environ, "CYCLONEDX": str(CYCLONEDX)},
        capture_output=True,
        check=True,
    )

    written = json.loads((tmp_path / "build" / f"sbom-{function}.cdx.json").read_text(encoding="utf-8"))
    wanted = (ROOT / "functions" / function / "requirements.txt").read_text(encoding="utf-8")
    assert {each["name"] for each in written["components"]} == set(
        re.findall(r"^([a-z0-9][\w.-]*?)(?:\[.*?\])?==", wanted, re.MULTILINE)
    )
    assert all(
        any(reference.get("hashes") for reference in each.get("externalReferences", []))
        for each in written["components"]
    )
