"""Runs one case on DuckDB as the product would, and tells passed, refused or silently wrong."""

from enum import StrEnum

import duckdb
import pyarrow as pa

from medical_data_pipeline.adapters.local.duckdb_sql.session import prepare
from medical_data_pipeline.adapters.local.duckdb_sql.translate import translate
from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.query.plan import Planner
from medical_data_pipeline.query.policies import FullAccess
from tests.conformance.cases import Case
from tests.conformance.compare import Rows, same_print, same_rows, same_value
from tests.unit.query.catalogs import NOON, FixedCatalog, asked

PLANNER = Planner(FixedCatalog(()), FullAccess(), "medical_data_db")


class Outcome(StrEnum):
    """`REFUSED` covers a refusal and an error at run time: the caller knows that there is no answer."""

    PASSED = "passed"
    REFUSED = "refused"
    WRONG = "silently wrong"


class Checker:
    """One DuckDB connection, prepared once."""

    def __init__(self) -> None:
        self._connection = duckdb.connect(config={"threads": 1})
        prepare(self._connection)

    def check(self, case: Case) -> tuple[Outcome, str]:
        """The outcome, and what was got or why it was refused."""
        try:
            rows = self.rows(case.sql)
        except (QueryRejected, duckdb.Error) as error:
            return (Outcome.PASSED if case.kind == "error" else Outcome.REFUSED), str(error)
        try:
            is_right = self._is_right(case, rows)
        except (QueryRejected, duckdb.Error) as error:
            return Outcome.REFUSED, f"expected value: {error}"
        return (Outcome.PASSED if is_right else Outcome.WRONG), repr(rows)

    def rows(self, sql: str) -> Rows:
        """Raises: QueryRejected, duckdb.Error."""
        translation = translate(PLANNER.plan(asked(sql), NOON))
        result = self._connection.execute(translation.sql, list(translation.parameters))
        table: pa.Table = result.to_arrow_table()
        columns = [column.to_pylist() for column in table.columns]
        return list(zip(*columns, strict=True)) if columns else []

    def _is_right(self, case: Case, rows: Rows) -> bool:
        match case.kind:
            case "value":
                return len(rows) == 1 and same_value(rows[0][0], case.expected)
            case "rows":
                return same_rows(rows, [tuple(row) for row in case.expected])
            case "page":
                lines = case.expected.strip().splitlines()
                if len(rows) == len(lines) > 1:
                    return all(
                        same_print(dict(enumerate(r)), line) for r, line in zip(rows, lines, strict=True)
                    )
                return len(rows) == 1 and same_print(rows[0][0], case.expected)
            case "table":
                return _is_printed_table(rows, case.expected[1])
            case "matches":
                return same_rows(rows, self.rows(f"SELECT {case.expected}"))
            case "query_matches":
                return same_rows(rows, self.rows(case.expected))
            case "query_empty":
                return not rows
        return False


def _is_printed_table(rows: Rows, expected: list[list[str]]) -> bool:
    rest = list(expected)
    for row in rows:
        found = next(
            (i for i, o in enumerate(rest) if len(o) == len(row) and all(map(same_print, row, o))), None
        )
        if found is None:
            return False
        rest.pop(found)
    return not rest
