"""A checked Athena statement as DuckDB SQL, or a refusal: what is not known to agree is never run."""

from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp
from sqlglot.dialects.duckdb import DuckDB
from sqlglot.errors import ErrorLevel

from medical_data_pipeline.adapters.local.duckdb_sql.presentation import presented
from medical_data_pipeline.adapters.local.duckdb_sql.typed_statement import (
    Scan,
    iceberg_scan,
    refusals,
    typed,
)
from medical_data_pipeline.model.query import EngineStatement, ResultColumn, Scalar

DUCKDB = DuckDB()


@dataclass(frozen=True)
class Translation:
    """DuckDB SQL with `$1`-style parameters, and the result's columns with Athena's names and types.

    Positions in `columns` are those of the DuckDB result, whose own column names mean nothing. Values come
    as Athena shows them: intervals and timestamps of another zone than UTC are text.
    """

    sql: str
    parameters: tuple[Scalar, ...]
    columns: tuple[ResultColumn, ...]


def translate(statement: EngineStatement, scan: Scan = iceberg_scan) -> Translation:
    """The same question in DuckDB's SQL. Equal statements are translated once.

    Raises:
        QueryRejected: a type error, an unknown column, or something without a faithful translation.
    """
    return _translated(statement, scan)


@lru_cache(maxsize=256)
def _translated(statement: EngineStatement, scan: Scan) -> Translation:
    found = typed(statement, scan)
    with refusals():
        sql = _rendered(presented(found.context, found.bound))
    return Translation(sql, statement.parameters, found.columns)


def _rendered(tree: exp.Expr) -> str:
    """Raises: sqlglot.errors.UnsupportedError: sqlglot would have left a part out."""
    return DUCKDB.generate(
        tree, comments=False, normalize_functions=False, unsupported_level=ErrorLevel.RAISE
    )
