"""Any table, in any dialect, encoding and compression, comes back cell for cell, and its rows add up."""

import bz2
import gzip
import io
import lzma
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from medical_data_pipeline.model.dataset import Dataset, RejectLimit
from medical_data_pipeline.model.forms import NULL_TOKENS
from tests.conversions import Converted, Converter

Cell = str | None

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    "none": lambda data: data,
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "xz": lzma.compress,
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "zip": lambda data: zipped(data),
}
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.one_of(
    st.integers(-(10**20), 10**20).map(str),
    st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9).map(
        str
    ),
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.from_regex(r"-?0?[0-9]{1,3}(\.[0-9]{1,3})?", fullmatch=True),
    st.sampled_from([*sorted(NULL_TOKENS), "true", "false", "007", "-0", "1e5", "12E4"]),
)
MOMENTS = st.one_of(
    st.dates().map(lambda day: day.isoformat()),
    st.dates().map(lambda day: f"{day.month}/{day.day}/{day.year:04d}"),
    st.dates().map(lambda day: f"{day.day:02d}.{day.month:02d}.{day.year:04d}"),
    st.datetimes().map(lambda moment: moment.isoformat(" ", "seconds")),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
)


@dataclass(frozen=True)
class Written:
    """A table as text, and what was meant by it."""

    header: list[str]
    rows: list[list[Cell]]
    content: bytes
    dataset: Dataset


def zipped(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("table.csv", data)
    return file.getvalue()


@st.composite
def columns_of_cells(draw: st.DrawFn, rows: int) -> list[Cell]:
    cells = draw(st.sampled_from([TEXTS, TEXTS, NUMBERS, MOMENTS]))
    return draw(st.lists(st.one_of(st.none(), cells), min_size=rows, max_size=rows))


@st.composite
def written_tables(draw: st.DrawFn) -> Written:
    width, height = draw(st.integers(2, 5)), draw(st.integers(1, 25))
    columns = [draw(columns_of_cells(height)) for _ in range(width)]
    rows = [[column[index] for column in columns] for index in range(height)]
    # A row of nulls alone would be a row of delimiters; every table of two columns or more can hold it.
    header = [f"c{index}" for index in range(width)]
    delimiter = draw(st.sampled_from([",", ";", "\t", "|", "\x1f"]))
    line_end = draw(st.sampled_from(["\n", "\r\n"]))
    quotes_all = draw(st.booleans())
    text = line_end.join(written_row(row, delimiter, quotes_all) for row in [header, *rows])
    text += draw(st.sampled_from(["", line_end]))
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
    pack = COMPRESSIONS[draw(st.sampled_from(sorted(COMPRESSIONS)))]
    declared = {"utf-16": "utf-16-le"}.get(encoding, "utf-8")
    dataset = Dataset(
        table="t", delimiter=delimiter, quote='"', escape="", encoding=declared,
        has_header=True, skip_lines=0, reject_limit=RejectLimit(1.0, 10**9),
    )  # fmt: skip
    return Written(header, rows, pack(text.encode(encoding)), dataset)


def written_row(row: list[Any], delimiter: str, quotes_all: bool) -> str:
    return delimiter.join(written_cell(cell, delimiter, quotes_all) for cell in row)


def written_cell(cell: Cell, delimiter: str, quotes_all: bool) -> str:
    if cell is None:
        return ""
    if quotes_all or cell == "" or any(mark in cell for mark in (delimiter, '"', "\n", "\r")):
        return '"' + cell.replace('"', '""') + '"'
    return cell


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(written_tables())
def test_any_table_comes_back_cell_for_cell(written: Written) -> None:
    with tempfile.TemporaryDirectory() as folder:
        converted = Converter(Path(folder))(written.content, written.dataset)

    counts = converted.conversion.receipt.rows
    assert counts.read == len(written.rows)
    assert counts.loaded == counts.read, converted.quarantine
    for index, name in enumerate(written.header):
        require_column([row[index] for row in written.rows], name, converted)


def require_column(source: list[Cell], name: str, converted: Converted) -> None:
    kind, found = converted.types[name], converted.column(name)
    wrong = [(a, b) for a, b in zip(source, found, strict=True) if not is_kept(a, b, kind)]
    assert wrong == [], (kind, converted.reasons[name])


def is_kept(source: Cell, found: Any, kind: str) -> bool:
    if kind == "varchar":
        return bool(found == source)
    if found is None:
        return source is None or source == "" or source in NULL_TOKENS
    if source is None:
        return False
    if kind == "bigint" or kind == "decimal(38,0)":
        return str(found) == source
    if kind.startswith("decimal"):
        return bool(found == Decimal(source)) and Decimal(source).is_signed() == (found < 0)
    if kind == "double":
        return Decimal(repr(found)) == Decimal(source) and source.startswith("-") == repr(found).startswith(
            "-"
        )
    if kind == "boolean":
        return str(found).lower() == source.lower()
    return is_same_moment(source, found)


def is_same_moment(source: str, found: Any) -> bool:
    if isinstance(found, datetime):
        text = source.replace("Z", "+00:00")
        return found == datetime.fromisoformat(text)
    patterns = ("%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y")
    return any(found == parsed(source, pattern) for pattern in patterns)


def parsed(text: str, pattern: str) -> Any:
    try:
        return datetime.strptime(text, pattern).date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return None
