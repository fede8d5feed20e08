"""What the translation knows while it runs: typed expressions, relations in scope, the statement's tables."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import count

from sqlglot import exp

from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import SqlType
from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.query import EngineTable, Scalar


@dataclass(frozen=True)
class Typed:
    """A DuckDB expression and the Trino type of its value.

    `literal` is the value where the statement has a literal text or whole number, else None.
    """

    tree: exp.Expr
    type: SqlType
    literal: str | int | None = None

    def copy(self) -> exp.Expr:
        """The expression, to be put in another place."""
        return self.tree.copy()


@dataclass(frozen=True)
class Field:
    """A column of a relation: its name in the statement ("" without one) and its value."""

    name: str
    value: Typed
    is_quoted_only: bool = False


@dataclass(frozen=True)
class Relation:
    """What a FROM item offers, under its alias ("" without one)."""

    alias: str
    fields: tuple[Field, ...]


@dataclass(frozen=True)
class BoundQuery:
    """A query translated: `tree` gives columns c0, c1, … in the order of `fields`."""

    tree: exp.Query
    names: tuple[str, ...]
    types: tuple[SqlType, ...]


@dataclass(frozen=True)
class CommonTable:
    """A CTE: the name it has in DuckDB, and its columns."""

    reference: str
    names: tuple[str, ...]
    types: tuple[SqlType, ...]


@dataclass(frozen=True)
class Scope:
    """The names an expression can use.

    `merged` are the columns of a JOIN USING, which have no table. `outputs` are select items that an ORDER
    BY may name. `groups` are the grouping expressions, by their text, while a grouped query is translated.
    """

    relations: tuple[Relation, ...] = ()
    merged: tuple[Field, ...] = ()
    variables: Mapping[str, Typed] = field(default_factory=dict)
    outputs: Mapping[str, Typed] = field(default_factory=dict)
    tables: Mapping[str, CommonTable] = field(default_factory=dict)
    windows: Mapping[str, exp.Expr] = field(default_factory=dict)
    outer: "Scope | None" = None
    allows_aggregates: bool = False
    allows_windows: bool = False

    def inner(self) -> "Scope":
        """The scope of a sub-query: it sees this one's columns and common tables."""
        return Scope(outer=self, tables=self.tables)

    def with_variables(self, variables: Mapping[str, Typed]) -> "Scope":
        # Trino has no aggregate and no window function inside a lambda.
        return replace(
            self, variables={**self.variables, **variables}, allows_aggregates=False, allows_windows=False
        )


@dataclass(frozen=True)
class Context:
    """One translation: its tables and parameters, and the two functions that call each other."""

    tables: Mapping[str, EngineTable]
    parameters: tuple[Scalar, ...]
    expression: Callable[["Context", exp.Expr, Scope], Typed]
    query: Callable[["Context", exp.Expr, Scope], BoundQuery]
    scan: Callable[[EngineTable], exp.Expr]
    serial: Callable[[], int] = field(default_factory=lambda: count(1).__next__)

    def bind(self, node: exp.Expr, scope: Scope) -> Typed:
        return self.expression(self, node, scope)

    def bind_query(self, node: exp.Expr, scope: Scope) -> BoundQuery:
        return self.query(self, node, scope)

    def fresh(self, prefix: str) -> str:
        return f"{prefix}{self.serial()}"


def unsupported(what: str) -> QueryRejected:
    return QueryRejected("SQL_UNSUPPORTED", f"{what} is not supported")


def type_error(message: str) -> QueryRejected:
    return QueryRejected("SQL_TYPE", message)
