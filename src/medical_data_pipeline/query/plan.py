"""From a request to what an engine is given: checked, rewritten to what the actor may see, rendered."""

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from sqlglot import exp
from sqlglot.errors import SqlglotError

from medical_data_pipeline.errors import QueryRejected, TableNotFound
from medical_data_pipeline.model.athena_sql import render, tokenize
from medical_data_pipeline.model.query import Actor, EngineStatement, QueryRequest
from medical_data_pipeline.ports import AccessPolicy, TableReader
from medical_data_pipeline.query.grammar import read_tokens, require_one_reading_statement
from medical_data_pipeline.query.guard import checked
from medical_data_pipeline.query.metadata import STATEMENTS, Metadata
from medical_data_pipeline.query.select_list import SelectList
from medical_data_pipeline.query.tables import Find, Permitted, TableRewriter, permitted

_MARK = "parameter_number_"


@dataclass(frozen=True)
class Planner:
    """Plans queries on one database."""

    catalog: TableReader
    policy: AccessPolicy
    database: str

    def plan(self, request: QueryRequest, now: datetime) -> EngineStatement:
        """What the engine is to run for `request`.

        Raises:
            QueryRejected: the statement is not allowed, or names what the actor cannot see.
        """
        find = self._find(request.actor)
        metadata = Metadata(self.database, tuple(self.catalog.list()), find)
        tokens = require_one_reading_statement(request.sql)
        if tokens[0].text.upper() in STATEMENTS:
            if request.parameters:
                raise QueryRejected("SQL_PARAMS", "SHOW and DESCRIBE take no parameters")
            # sqlglot takes what follows SHOW for one text.
            rest = request.sql.strip().rstrip("; \t\r\n")[len(tokens[0].text) :]
            tree = metadata.statement([tokens[0], *read_tokens(rest)])
            return EngineStatement(render(tree), (), SelectList({}).finished(tree))
        tree = checked(tokens, request.sql, len(request.parameters))
        rewriter = TableRewriter(self.database, find, metadata.information, now)
        try:
            rewriter.rewrite(tree)
            names = SelectList(rewriter.columns, rewriter.hides).finished(tree)
            order = _parameter_order(tree)
            sql = render(tree)
        except RecursionError:
            # A long chain of UNIONs is flat to the guard, but not to those who walk down it.
            raise QueryRejected("SQL_SYNTAX", "the statement is nested too deeply") from None
        except SqlglotError:
            raise QueryRejected("SQL_UNSUPPORTED", "a part of the statement is not supported") from None
        tables = tuple(rewriter.found.values())
        return EngineStatement(sql, tables, names, tuple(request.parameters[position] for position in order))

    def _find(self, actor: Actor) -> Find:
        @cache
        def find(name: str) -> Permitted | None:
            try:
                table = self.catalog.find(name)
            except TableNotFound:
                return None
            return permitted(table, self.policy.access(actor, table))

        return find


def _parameter_order(tree: exp.Expr) -> list[int]:
    """Which parameter each `?` of the rendered text stands for; rendering may move clauses."""
    placeholders = list(tree.find_all(exp.Placeholder))
    if not placeholders:
        return []
    marked = tree.copy()
    for node, original in zip(marked.find_all(exp.Placeholder), placeholders, strict=True):
        node.replace(exp.Var(this=f"{_MARK}{original.meta['position']}"))
    words = (re.fullmatch(_MARK + r"(\d+)", token.text) for token in tokenize(render(marked)))
    return [int(word[1]) for word in words if word]
