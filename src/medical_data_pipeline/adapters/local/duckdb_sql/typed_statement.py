"""A checked Athena statement whose parts all have a type, before it is put into DuckDB's words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import SqlglotError

from medical_data_pipeline.adapters.local.duckdb_sql import build
from medical_data_pipeline.adapters.local.duckdb_sql.bound import BoundQuery, Context, Scope
from medical_data_pipeline.adapters.local.duckdb_sql.expressions import bind_expression
from medical_data_pipeline.adapters.local.duckdb_sql.queries import bind_query
from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import athena_name
from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.athena_sql import parse
from medical_data_pipeline.model.query import EngineStatement, EngineTable, ResultColumn

Scan = Callable[[EngineTable], exp.Expr]


@dataclass(frozen=True)
class TypedStatement:
    """A statement as DuckDB's tree; `columns` are the result's, with Athena's names and types."""

    context: Context
    bound: BoundQuery

    @property
    def columns(self) -> tuple[ResultColumn, ...]:
        return tuple(
            ResultColumn(name or f"_col{i}", athena_name(kind))
            for i, (name, kind) in enumerate(zip(self.bound.names, self.bound.types, strict=True))
        )


def iceberg_scan(table: EngineTable) -> exp.Expr:
    """The table function that reads `table` from its metadata, at its snapshot if it has one."""
    arguments = [build.text(table.location)]
    if table.snapshot_id is not None:
        arguments.append(
            exp.Kwarg(this=exp.Var(this="snapshot_from_id"), expression=exp.Literal.number(table.snapshot_id))
        )
    return build.call("iceberg_scan", *arguments)


def typed(statement: EngineStatement, scan: Scan = iceberg_scan) -> TypedStatement:
    """Raises: QueryRejected: a type error, an unknown column, or something without a faithful translation."""
    with refusals():
        context = Context(
            tables={table.reference.lower(): table for table in statement.tables},
            parameters=statement.parameters,
            expression=bind_expression,
            query=bind_query,
            scan=scan,
        )
        return TypedStatement(context, bind_query(context, parse(statement.sql), Scope()))


@contextmanager
def refusals() -> Iterator[None]:
    """Whatever goes wrong with a statement is said without a part of it."""
    try:
        yield
    except (SqlglotError, RecursionError):
        raise QueryRejected("SQL_SYNTAX", "the statement cannot be read") from None
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        # A tree of a shape nobody thought of has no faithful translation either.
        raise QueryRejected("SQL_UNSUPPORTED", "a form in this statement is not supported") from None
