"""Athena's SQL as a tree: the one grammar that the guard checks and the engines read.

Every function call is an `exp.Anonymous` with the name as written: sqlglot's typed function nodes rename,
reorder and drop arguments. A typed literal (`TIMESTAMP '…'`) is an `exp.Introducer`, since its type depends
on its text and `CAST('…' AS timestamp)` means something else.
"""

import logging

from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ErrorLevel
from sqlglot.tokenizer_core import Token, TokenType

from medical_data_pipeline.model import athena_clauses, athena_values

TRINO = Trino()
# A subscript stays as written; with an offset sqlglot counts some from 0 and some from 1.
TRINO.INDEX_OFFSET = 0
# A VAR before a parenthesis may be an alias too (`t(a, b)`), so the mark is taken off identifiers again.
CALL_MARK = "call$"
PARAMETER_MARK = "parameter$"
LITERAL_MARK = "literal$"

# Their arguments have a grammar of their own (`CAST(x AS t)`), which sqlglot reads.
SPECIAL_FORMS = frozenset(
    (
        *("cast", "try_cast", "extract", "trim", "substring", "position", "normalize"),
        "group",  # WITHIN GROUP (…)
    )
)
# Functions whose names are keywords to sqlglot.
KEYWORD_FUNCTIONS = frozenset(
    (
        *("replace", "filter", "date", "truncate", "format", "all", "left", "right", "sequence", "apply"),
        *("insert", "uuid", "current_timestamp"),
    )
)
LITERAL_TYPES = frozenset(
    (
        TokenType.TIMESTAMP,
        TokenType.DATE,
        TokenType.TIME,
        TokenType.DECIMAL,
        TokenType.BIGINT,
        TokenType.INT,
        TokenType.SMALLINT,
        TokenType.TINYINT,
        TokenType.DOUBLE,
        TokenType.FLOAT,
        TokenType.BOOLEAN,
        TokenType.VARCHAR,
        TokenType.CHAR,
        TokenType.JSON,
        TokenType.UUID,
    )
)

# sqlglot's warnings quote the statement, and a statement can hold patient values.
logging.getLogger("sqlglot").addFilter(lambda record: False)


def tokenize(sql: str) -> list[Token]:
    """Raises: sqlglot.errors.TokenError."""
    return list(TRINO.tokenize(sql))


def parse_tokens(tokens: list[Token], sql: str) -> list[exp.Expr]:
    """The statements of `tokens`; empty ones are left out.

    Raises:
        sqlglot.errors.ParseError: not of the grammar.
        RecursionError: nested too deeply.
    """
    readable = athena_clauses.marked(athena_values.parenthesised(tokens))
    trees = TRINO.parser().parse(_marked(readable), sql)
    return [_unmarked(tree) for tree in trees if tree is not None]


def parse(sql: str) -> exp.Expr:
    """The one statement of `sql`. Raises as `parse_tokens` does."""
    return parse_tokens(tokenize(sql), sql)[0]


def render(tree: exp.Expr) -> str:
    """Athena's text of the tree, without comments.

    Raises:
        sqlglot.errors.UnsupportedError: a part of the tree has no text.
    """
    return TRINO.generate(tree, comments=False, normalize_functions=False, unsupported_level=ErrorLevel.RAISE)


def _marked(tokens: list[Token]) -> list[Token]:
    marked: list[Token] = []
    position = parameters = 0
    while position < len(tokens):
        token = tokens[position]
        following = [t.token_type for t in tokens[position + 1 : position + 3]]
        is_precision = token.text.upper() == "DOUBLE" and _text(tokens, position + 1).upper() == "PRECISION"
        literal_at = position + 2 if is_precision else position + 1
        if (
            token.token_type in LITERAL_TYPES
            and literal_at < len(tokens)
            and tokens[literal_at].token_type is TokenType.STRING
        ):
            name = LITERAL_MARK + token.text
            marked += [
                _token(TokenType.VAR, name, token),
                _token(TokenType.L_PAREN, "(", token),
                tokens[literal_at],
                _token(TokenType.R_PAREN, ")", token),
            ]
            position = literal_at + 1
            continue
        if token.token_type is TokenType.PLACEHOLDER:
            marked.append(_token(TokenType.VAR, f"{PARAMETER_MARK}{parameters}", token))
            parameters += 1
            position += 1
            continue
        marked.append(_call(token, following, tokens[position - 1] if position else None))
        position += 1
    return marked


def _text(tokens: list[Token], position: int) -> str:
    return tokens[position].text if position < len(tokens) else ""


def _call(token: Token, following: list[TokenType], before: Token | None) -> Token:
    if not following or following[0] is not TokenType.L_PAREN:
        return token
    name = token.text.lower()
    is_named = token.token_type is TokenType.VAR and name not in SPECIAL_FORMS
    if name == "filter" and (before is None or before.token_type is TokenType.R_PAREN):
        return token
    if name == "row" and before is not None and before.token_type is TokenType.ALIAS:
        return token
    if name == "all" and before is not None and before.token_type in SET_OPERATORS:
        return token
    is_keyword = name in KEYWORD_FUNCTIONS and token.token_type not in (
        TokenType.IDENTIFIER,
        TokenType.STRUCT,
    )
    return _token(TokenType.VAR, CALL_MARK + token.text, token) if is_named or is_keyword else token


SET_OPERATORS = frozenset((TokenType.UNION, TokenType.INTERSECT, TokenType.EXCEPT, TokenType.SELECT))


def _token(kind: TokenType, text: str, at: Token) -> Token:
    return Token(kind, text, at.line, at.col, at.start, at.end)


def _unmarked(tree: exp.Expr) -> exp.Expr:
    for node in list(tree.walk()):
        changed = _changed(node)
        if changed is not None:
            if node is tree:
                return changed
            node.replace(changed)
    return tree


def _changed(node: exp.Expr) -> exp.Expr | None:
    """What stands for a marked node, or None; a name is unmarked in place."""
    name = node.this if isinstance(node.this, str) else ""
    if isinstance(node, exp.Column) and node.name.startswith(PARAMETER_MARK):
        parameter = exp.Placeholder()
        parameter.meta["position"] = int(node.name[len(PARAMETER_MARK) :])
        return parameter
    if isinstance(node, exp.Anonymous) and name.startswith(LITERAL_MARK):
        kind = exp.Var(this=name[len(LITERAL_MARK) :].upper())
        return exp.Introducer(this=kind, expression=node.expressions[0])
    if isinstance(node, exp.Anonymous | exp.Identifier | exp.Var) and name.lower().startswith(CALL_MARK):
        node.set("this", name[len(CALL_MARK) :])
    if isinstance(node, exp.Anonymous) and node.name.lower() in athena_clauses.CALLS:
        athena_clauses.chain(node)
    return None
