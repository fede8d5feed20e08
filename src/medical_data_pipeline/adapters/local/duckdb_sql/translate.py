"""A checked Athena statement as DuckDB SQL, or a refusal: what is not known to agree is never run."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from sqlglot import exp
from sqlglot.errors import SqlglotError

from medical_data_pipeline.adapters.local.duckdb_sql import build
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Context, Scope
from medical_data_pipeline.adapters.local.duckdb_sql.expressions import bind_expression
from medical_data_pipeline.adapters.local.duckdb_sql.presentation import presented
from medical_data_pipeline.adapters.local.duckdb_sql.queries import bind_query
from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import athena_name
from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.athena_sql import parse
from medical_data_pipeline.model.query import EngineStatement, EngineTable, ResultColumn, Scalar

Scan = Callable[[EngineTable], exp.Expr]


@dataclass(frozen=True)
class Translation:
    """DuckDB SQL with `$1`-style parameters, and the result's columns with Athena's names and types.

    Positions in `columns` are those of the DuckDB result, whose own column names mean nothing. Values come
    as Athena shows them: intervals and timestamps of another zone than UTC are text.
    """

    sql: str
    parameters: tuple[Scalar, ...]
    columns: tuple[ResultColumn, ...]


def iceberg_scan(table: EngineTable) -> exp.Expr:
    """The table function that reads `table` from its metadata, at its snapshot if it has one."""
    arguments = [build.text(table.location)]
    if table.snapshot_id is not None:
        arguments.append(
            exp.Kwarg(this=exp.Var(this="snapshot_from_id"), expression=exp.Literal.number(table.snapshot_id))
        )
    return build.call("iceberg_scan", *arguments)


def translate(statement: EngineStatement, scan: Scan = iceberg_scan) -> Translation:
    """The same question in DuckDB's SQL. Equal statements are translated once.

    Raises:
        QueryRejected: a type error, an unknown column, or something without a faithful translation.
    """
    return _translated(statement, scan)


@lru_cache(maxsize=256)
def _translated(statement: EngineStatement, scan: Scan) -> Translation:
    try:
        tree = parse(statement.sql)
        context = Context(
            tables={table.reference.lower(): table for table in statement.tables},
            parameters=statement.parameters,
            expression=bind_expression,
            query=bind_query,
            scan=scan,
        )
        bound = bind_query(context, tree, Scope())
        sql = build.render(presented(context, bound))
    except (SqlglotError, RecursionError):
        raise QueryRejected("SQL_SYNTAX", "the statement cannot be read") from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        # A tree of a shape nobody thought of has no faithful translation either.
        raise QueryRejected("SQL_UNSUPPORTED", "a form in this statement is not supported") from None
    columns = tuple(
        ResultColumn(name or f"_col{i}", athena_name(kind))
        for i, (name, kind) in enumerate(zip(bound.names, bound.types, strict=True))
    )
    return Translation(sql, statement.parameters, columns)
