"""Conformance cases: a statement and what Trino answers, read from JSON lines."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OWN = Path(__file__).parents[1] / "data" / "sql"
_STATEMENT = re.compile(r"(SELECT|VALUES|WITH) ")
_CALL = re.compile(r"\b([a-z_][a-z_0-9]*)\s*\(")


@dataclass(frozen=True)
class Case:
    """`kind` says how to read `expected`: value, page, table, matches, query_matches, query_empty, error."""

    sql: str
    kind: str
    expected: Any
    group: str

    @property
    def function(self) -> str:
        """The first function of the statement, to count by."""
        found = _CALL.search(self.sql.lower().removeprefix("select").lstrip())
        return found[1] if found else "(operators)"


def own_cases() -> Iterator[Case]:
    """Ours, as [statement or expression, value] or […, value, kind] lines, a file for each subject."""
    for path in sorted(OWN.glob("*.jsonl")):
        if path.name == "attacks.jsonl":
            continue
        for line in path.read_text("utf-8").strip().split("\n"):
            sql, expected, *kind = json.loads(line)
            sql = sql if _STATEMENT.match(sql) else f"SELECT {sql}"
            yield Case(sql, kind[0] if kind else "value", expected, path.stem)


def documentation_cases(folder: Path) -> Iterator[Case]:
    for row in _rows(folder / "trino_documentation.jsonl"):
        expected = row["expected"]
        if isinstance(expected, dict):
            yield Case(row["sql"], "table", expected["table"], row["page"])
        else:
            kind = "error" if expected == "ERROR!" else "page"
            yield Case(row["sql"], kind, expected, row["page"])


def unit_cases(folder: Path) -> Iterator[Case]:
    for row in _rows(folder / "trino_unit_assertions.jsonl"):
        yield Case(row["sql"], row["kind"], row["expected"], row["test"].split(".")[0])


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").strip().split("\n")]
