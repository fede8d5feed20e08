"""All tables of a synthetic hospital come out cell for cell, checked with Python's own CSV reader."""

import csv
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conversions import Converter

TABLES = Path(__file__).parents[3] / "shared" / "cases" / "synthea"
FILES = sorted(TABLES.glob("*.csv"))

pytestmark = pytest.mark.skipif(not FILES, reason="others' test data (shared/cases/synthea) is not here")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_cell_of_a_synthea_table_is_intact(file: Path, convert: Converter) -> None:
    with file.open(newline="", encoding="utf-8") as text:
        header, *rows = csv.reader(text)

    converted = convert(file.read_bytes())

    assert converted.quarantine == []
    assert [column.header for column in converted.conversion.receipt.columns] == header
    for index, column in enumerate(converted.conversion.receipt.columns):
        found = converted.column(column.name)
        source = [row[index] for row in rows]
        wrong = [
            number for number, (a, b) in enumerate(zip(found, source, strict=True)) if not is_intact(a, b)
        ]
        assert wrong == [], (column.name, column.type)


def is_intact(found: Any, source: str) -> bool:
    if found is None:
        return source in ("", "NaN")
    if isinstance(found, datetime):
        return found.astimezone(UTC) == datetime.fromisoformat(source.replace("Z", "+00:00"))
    if isinstance(found, float):
        return Decimal(repr(found)) == Decimal(source)
    if isinstance(found, int | Decimal):
        return found == Decimal(source)
    return str(found) == source
