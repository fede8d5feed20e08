"""Whether a conversion kept every cell, judged with Python's own CSV reader over the file's two ends."""

import csv
from collections import deque
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 20_000


def first_loss(source: Path, target: Path) -> str:
    """The first column a cell of which was changed, or "" when none was. The ends are what is compared."""
    with source.open(newline="", encoding="utf-8") as file:
        reader = csv.reader(file)
        header = next(reader)
        head = list(islice(reader, ROWS))
        tail = list(deque(reader, ROWS))
    converted = pa.concat_tables([pq.read_table(file) for file in sorted(target.glob("part*.parquet"))])
    names = converted.column_names
    for rows in (head, tail):
        lost = _loss(rows, converted, header, names)
        if lost:
            return lost
    return ""


def _loss(rows: list[list[str]], converted: pa.Table, header: list[str], names: list[str]) -> str:
    for index, name in enumerate(header):
        if not _is_kept((row[index] for row in rows), converted.column(names[index])):
            return name
    return ""


def _is_kept(cells: Iterable[str], column: pa.ChunkedArray) -> bool:
    found = {_plain(value) for value in column.unique().to_pylist()}
    return all(_plain_text(cell) & found for cell in set(cells))


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value
        return moment.strftime("%Y-%m-%dT%H:%M:%S")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal):
        return f"number {Decimal(repr(value) if isinstance(value, float) else value).normalize()}"
    return str(value)


def _plain_text(cell: str) -> set[str]:
    """The values that keep `cell`: its text, its number if it does not begin with a zero, its moment."""
    kept = {cell, cell.removesuffix("Z").replace(" ", "T")}
    try:
        number = Decimal(cell)
    except InvalidOperation:
        return kept
    if not (cell.lstrip("-").startswith("0") and cell.lstrip("-")[1:2].isdigit()):
        kept.add(f"number {number.normalize()}")
    return kept
