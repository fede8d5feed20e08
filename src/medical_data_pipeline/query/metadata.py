"""SHOW, DESCRIBE and information_schema, answered from the catalog as the actor sees it."""

import fnmatch
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.query.tables import CATALOG, INFORMATION_SCHEMA, Find, Permitted

STATEMENTS = frozenset(("SHOW", "DESCRIBE", "DESC"))
_COLUMNS = {
    "tables": ("table_catalog", "table_schema", "table_name", "table_type"),
    "schemata": ("catalog_name", "schema_name"),
    "columns": (
        *("table_catalog", "table_schema", "table_name", "column_name", "ordinal_position", "column_default"),
        *("is_nullable", "data_type", "comment"),
    ),
}
_SHELL_MARKS = str.maketrans({"%": "*", "_": "?", "?": "[?]", "[": "[[]"})
Row = tuple[str | int | None, ...]


@dataclass(frozen=True)
class Metadata:
    """The catalog as one actor sees it."""

    database: str
    names: Sequence[str]
    find: Find

    def statement(self, tokens: list[Token]) -> exp.Expr:
        """A SHOW or DESCRIBE as a query of its answer.

        Raises:
            QueryRejected: a kind of SHOW that is not supported, or an unknown table.
        """
        words = [token.text for token in tokens]
        head = " ".join(words[:2]).upper()
        if words[0].upper() in ("DESCRIBE", "DESC"):
            return self._describe(_name(words[1:]))
        match head:
            case "SHOW TABLES":
                return self._tables(tokens[2:])
            case "SHOW SCHEMAS" | "SHOW DATABASES":
                like = _pattern(tokens[2:])
                databases = (self.database, INFORMATION_SCHEMA)
                return values(("database_name",), [(d,) for d in databases if like.fullmatch(d)])
            case "SHOW COLUMNS" if len(words) > 3 and words[2].upper() in ("FROM", "IN"):
                seen = self._table(_name(words[3:]))
                return values(("field",), [(column.name,) for column in seen.visible])
        raise QueryRejected("SQL_UNSUPPORTED", "this kind of SHOW is not supported")

    def information(self, name: str) -> exp.Expr:
        """A table of information_schema. Raises: QueryRejected: there is none of this name."""
        rows: list[Row]
        match name:
            case "tables":
                rows = [(CATALOG, self.database, table, "BASE TABLE") for table in self._seen()]
            case "schemata":
                rows = [(CATALOG, self.database), (CATALOG, INFORMATION_SCHEMA)]
            case "columns":
                rows = [row for table in self._seen() for row in self._column_rows(table)]
            case _:
                raise QueryRejected("SQL_UNKNOWN_OBJECT", f"table {INFORMATION_SCHEMA}.{name} does not exist")
        return values(_COLUMNS[name], rows)

    def _seen(self) -> list[str]:
        return [name for name in self.names if self.find(name) is not None]

    def _table(self, name: str) -> Permitted:
        seen = self.find(name)
        if seen is None:
            shown = name if name.isidentifier() else "of this name"
            raise QueryRejected("SQL_UNKNOWN_OBJECT", f"table {shown} does not exist")
        return seen

    def _column_rows(self, name: str) -> Iterable[Row]:
        for position, column in enumerate(self._table(name).visible, 1):
            kind, comment = str(column.type), column.header or None
            yield (CATALOG, self.database, name, column.name, position, None, "YES", kind, comment)

    def _describe(self, name: str) -> exp.Expr:
        rows: list[Row] = [(c.name, str(c.type), c.header) for c in self._table(name).visible]
        return values(("col_name", "data_type", "comment"), rows)

    def _tables(self, tokens: list[Token]) -> exp.Expr:
        if tokens and tokens[0].text.upper() in ("IN", "FROM"):
            if len(tokens) < 2 or tokens[1].text.lower() not in (self.database, INFORMATION_SCHEMA):
                raise QueryRejected("SQL_UNKNOWN_OBJECT", "the database does not exist")
            tokens = tokens[2:]
        like = _pattern(tokens)
        return values(("tab_name",), [(name,) for name in self._seen() if like.fullmatch(name)])


def _name(words: list[str]) -> str:
    """The last of `catalog.database.table`, as the words of it."""
    if not words or len(words) > 5 or any(dot != "." for dot in words[1::2]):
        raise QueryRejected("SQL_SYNTAX", "a table name is wanted here")
    return words[-1].lower()


def _pattern(tokens: list[Token]) -> "re.Pattern[str]":
    """Hive's pattern, in which * stands for anything and | for or; % and _ are LIKE's."""
    if tokens and tokens[0].text.upper() == "LIKE":
        tokens = tokens[1:]
    if not tokens:
        return re.compile(".*")
    if len(tokens) != 1 or tokens[0].token_type is not TokenType.STRING or len(tokens[0].text) > 256:
        raise QueryRejected("SQL_SYNTAX", "a pattern in quotes is wanted here")
    # Its translation never tries one place twice, however many stars there are.
    shell = tokens[0].text.lower().translate(_SHELL_MARKS)
    return re.compile("|".join(map(fnmatch.translate, shell.split("|"))))


def values(names: Sequence[str], rows: Sequence[Row]) -> exp.Expr:
    """A query of literal rows; of no rows, with the columns typed."""
    if not rows:
        nothing = [
            exp.alias_(exp.Cast(this=exp.Null(), to=exp.DataType.build("varchar")), name, quoted=True)
            for name in names
        ]
        return exp.Select(expressions=nothing, where=exp.Where(this=exp.false()))
    alias = exp.TableAlias(
        this=exp.to_identifier("metadata"), columns=[exp.to_identifier(name, quoted=True) for name in names]
    )
    tuples = [exp.Tuple(expressions=[_literal(value) for value in row]) for row in rows]
    columns = [exp.column(exp.to_identifier(name, quoted=True)) for name in names]
    return exp.Select(expressions=columns, from_=exp.From(this=exp.Values(expressions=tuples, alias=alias)))


def _literal(value: str | int | None) -> exp.Expr:
    if value is None:
        return exp.Cast(this=exp.Null(), to=exp.DataType.build("varchar"))
    return exp.Literal.number(value) if isinstance(value, int) else exp.Literal.string(value)
