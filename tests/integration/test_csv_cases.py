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
SQL_NAME = re.compile(r"[a-z_][a-z0-9_]{0,254}")


@pytest.mark.parametrize("name", sorted(path.name for path in CASES.iterdir()))
def test_a_tricky_file_keeps_every_cell(name: str, convert: Converter) -> None:
    expected = json.loads((CASES / name / "expected.json").read_text(encoding="utf-8"))
    content = (CASES / name / expected["file"]).read_bytes()

    if "refused" in expected:
        with pytest.raises(FileRefused) as refusal:
            convert(content)
        assert refusal.value.reason == expected["refused"]
        return
    converted = convert(content)

    assert converted.table.num_rows in listed(expected["rows"])
    headers = [column.header for column in converted.conversion.receipt.columns]
    require_header(expected, headers, converted)
    require_types(expected, headers, converted)
    for row, column, value in expected.get("cells", []):
        found = converted.table.column(index_of(column, headers))[row].as_py()
        assert is_same(found, value), (row, column, found)
    everything = str(converted.table.to_pylist()) + str(converted.quarantine)
    assert [text for text in expected.get("somewhere", []) if repr(text)[1:-1] not in everything] == []
    counts = converted.conversion.receipt.rows
    assert counts.read == converted.table.num_rows + len(converted.quarantine)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def require_header(expected: dict[str, Any], headers: list[str], converted: Converted) -> None:
    names = converted.table.column_names
    assert len(set(names)) == len(names)
    assert [name for name in names if not SQL_NAME.fullmatch(name)] == []
    if "cols" in expected:
        assert headers == [header.strip() for header in expected["cols"]]
    if "ncols" in expected:
        assert len(headers) in listed(expected["ncols"])
    for pattern, header in zip(expected.get("cols_re", []), headers, strict=False):
        assert re.fullmatch(pattern, header or "unnamed")


def require_types(expected: dict[str, Any], headers: list[str], converted: Converted) -> None:
    types = list(converted.types.values())
    for column, kinds in expected.get("types", {}).items():
        found = types[index_of(column, headers)]
        assert (KINDS.get(found) or found.partition("(")[0]) in kinds, (column, found)


def index_of(column: str | int, headers: list[str]) -> int:
    return headers.index(str(column)) if column in headers else int(column)


def is_same(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return is_same_kind(found, wanted)
    if wanted is None or isinstance(wanted, bool):
        return found is wanted
    if isinstance(wanted, int | float):
        return is_number(found) and Decimal(str(found)) == Decimal(str(wanted))
    return bool(found == wanted)


def is_same_kind(found: Any, wanted: dict[str, Any]) -> bool:
    if "any" in wanted:
        return any(is_same(found, each) for each in wanted["any"])
    if "num" in wanted:
        return is_number(found) and Decimal(str(found)) == Decimal(wanted["num"])
    if "date" in wanted:
        return type(found) is date and found.isoformat() == wanted["date"]
    if not isinstance(found, datetime):
        return False
    if "instant" in wanted:
        return found.tzinfo is not None and found == datetime.fromisoformat(wanted["instant"])
    return found.tzinfo is None and found == datetime.fromisoformat(wanted["ts"])


def is_number(found: Any) -> bool:
    return isinstance(found, int | float | Decimal) and not isinstance(found, bool)
