"""Every tricky file under tests/data/csv comes out as its expected.json says."""

import json
import re
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from medical_data_pipeline.errors import FileRefused
from tests.conversions import Converted, Converter

CASES = Path(__file__).parent.parent / "data" / "csv"
KINDS = {
    "bigint": "int",
    "double": "float",
    "varchar": "string",
    "boolean": "bool",
    "date": "date",
    "timestamp(6)": "ts",
    "timestamp(6) with time zone": "tstz",
}


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir()))
def test_a_tricky_file_keeps_every_cell(name: str, convert: Converter) -> None:
    expected = json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))
    content = (CASES / name / expected["file"]).read_bytes()

    if expected.get("may_fail"):
        with pytest.raises(FileRefused) as refusal:
            convert(content)
        assert refusal.value.reason
        return
    converted = convert(content)

    rows = expected["rows"] if isinstance(expected["rows"], list) else [expected["rows"]]
    assert converted.table.num_rows in rows
    headers = [column.header for column in converted.conversion.receipt.columns]
    require_header(expected, headers)
    require_types(expected, headers, converted)
    for row, column, value in expected.get("cells", []):
        found = converted.table.column(index_of(column, headers))[row].as_py()
        assert is_same(found, value), (row, column, found)
    everything = str(converted.table.to_pylist()) + str(converted.quarantine)
    assert [text for text in expected.get("somewhere", []) if text not in everything] == []
    counts = converted.conversion.receipt.rows
    assert counts.read == converted.table.num_rows + len(converted.quarantine)


def require_header(expected: dict[str, Any], headers: list[str]) -> None:
    if "cols" in expected:
        assert headers == [header.strip() for header in expected["cols"]]
    if "ncols" in expected:
        assert len(headers) == expected["ncols"]
    for pattern, header in zip(expected.get("cols_re", []), headers, strict=False):
        assert re.fullmatch(pattern, header or "unnamed")


def require_types(expected: dict[str, Any], headers: list[str], converted: Converted) -> None:
    types = list(converted.types.values())
    for column, kinds in expected.get("types", {}).items():
        found = types[index_of(column, headers)]
        assert (KINDS.get(found) or found.partition("(")[0]) in kinds, (column, found)


def index_of(column: str | int, headers: list[str]) -> int:
    return headers.index(column) if column in headers else int(column)


def is_same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return is_same_kind(found, wanted)
    if wanted is None or isinstance(wanted, bool):
        return found is wanted
    if isinstance(wanted, int | float):
        return (
            isinstance(found, int | float | Decimal)
            and not isinstance(found, bool)
            and Decimal(str(found)) == Decimal(str(wanted))
        )
    return bool(found == wanted)


def is_same_kind(found: Any, wanted: dict[str, Any]) -> bool:
    if "any" in wanted:
        return any(is_same(found, each) for each in wanted["any"])
    if "num" in wanted:
        return not isinstance(found, str) and Decimal(str(found)) == Decimal(wanted["num"])
    if "date" in wanted:
        return isinstance(found, date) and found.isoformat() == wanted["date"]
    if "ts" in wanted:
        return isinstance(found, datetime) and found.isoformat() == wanted["ts"]
    return False
