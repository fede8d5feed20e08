"""A user's text as a checked tree: one reading statement of Athena's SQL, with known functions only."""

from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.tokenizer_core import Token

from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.athena_sql import parse_tokens
from medical_data_pipeline.query.grammar import syntax_error
from medical_data_pipeline.query.nodes import require_allowed


def checked(tokens: list[Token], sql: str, parameters: int = 0) -> exp.Expr:
    """The tree of a query that passed every check that needs no catalog.

    `tokens` are what `require_one_reading_statement` made of `sql`.

    Raises:
        QueryRejected: with the reason; its message holds no literal of the statement.
    """
    try:
        trees = parse_tokens(tokens, sql)
    except SqlglotError as error:
        rejected = syntax_error(str(error))
    except RecursionError:
        rejected = QueryRejected("SQL_SYNTAX", "the statement is nested too deeply")
    else:
        return _checked(trees, parameters)
    raise rejected


def _checked(trees: list[exp.Expr], parameters: int) -> exp.Expr:
    if len(trees) != 1:
        raise QueryRejected("SQL_MULTI", "one statement at a time")
    tree = trees[0]
    if not isinstance(tree, exp.Query | exp.Values):
        raise QueryRejected("SQL_NOT_READONLY", "only statements that read are allowed")
    require_allowed(tree)
    placeholders = sum(1 for _ in tree.find_all(exp.Placeholder))
    if placeholders != parameters:
        raise QueryRejected(
            "SQL_PARAMS", f"the statement has {placeholders} parameters, and {parameters} were given"
        )
    return tree
