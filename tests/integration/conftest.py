"""What integration tests share."""

from pathlib import Path

import pytest

from tests.conversions import Converter


@pytest.fixture
def convert(tmp_path: Path) -> Converter:
    return Converter(tmp_path)
