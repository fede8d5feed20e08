"""The text of a query before it is a tree: its size, one statement, its kind, no syntax Athena lacks."""

import re
from itertools import pairwise

from sqlglot.errors import TokenError
from sqlglot.parser import Parser
from sqlglot.tokenizer_core import Token, TokenType

from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.athena_sql import tokenize
from medical_data_pipeline.query import type_names

MAX_SQL_BYTES = 64 * 1024
MAX_TOKENS = 20_000
# Deeper nesting would run sqlglot and DuckDB out of stack.
MAX_NESTING = 60
# sqlglot reads what stands in the brackets behind the name of a type once as that type and then as a value,
# what is nested in there four times, and so on: 25 nested arrays would take hours.
MAX_READS = 200_000
_READS = {TokenType.ARRAY: 2, TokenType.STRUCT: 2, TokenType.MAP: 2}
_READS_OF_TYPE = 3

READING = frozenset(("SELECT", "WITH", "VALUES", "TABLE", "(", "SHOW", "DESCRIBE", "DESC"))
OTHER_STATEMENTS = frozenset(
    (
        *(
            "INSERT",
            "UPDATE",
            "DELETE",
            "MERGE",
            "CREATE",
            "DROP",
            "ALTER",
            "TRUNCATE",
            "REPLACE",
            "UPSERT",
            "COPY",
        ),
        *("ATTACH", "DETACH", "EXPORT", "IMPORT", "INSTALL", "LOAD", "SET", "RESET", "PRAGMA", "CALL", "USE"),
        *(
            "EXPLAIN",
            "ANALYZE",
            "PREPARE",
            "EXECUTE",
            "DEALLOCATE",
            "UNLOAD",
            "MSCK",
            "VACUUM",
            "OPTIMIZE",
            "GRANT",
        ),
        *(
            "REVOKE",
            "DENY",
            "REFRESH",
            "COMMENT",
            "BEGIN",
            "START",
            "COMMIT",
            "ROLLBACK",
            "CHECKPOINT",
            "SUMMARIZE",
        ),
        *("FORCE", "KILL", "LOCK", "CLUSTER", "DO", "EXEC", "ABORT", "END"),
    )
)
_FOREIGN = {
    TokenType.DCOLON: "::",
    TokenType.ILIKE: "ILIKE",
    TokenType.RLIKE: "RLIKE",
    TokenType.GLOB: "GLOB",
    TokenType.QUALIFY: "QUALIFY",
    TokenType.PIVOT: "PIVOT",
    TokenType.UNPIVOT: "UNPIVOT",
    TokenType.L_BRACE: "{",
    TokenType.SEMI: "SEMI JOIN",
    TokenType.ANTI: "ANTI JOIN",
    TokenType.ASOF: "ASOF JOIN",
    TokenType.DIV: "DIV",
    TokenType.PARAMETER: "@",
    TokenType.HASH: "#",
    TokenType.COMMAND: "this statement",
}
# What a text may stand behind without a comma or an operator.
_BEFORE_TEXT = frozenset(
    (
        "escape",
        "uescape",
        "zone",
        "both",
        "leading",
        "trailing",
        "interval",
        "precision",
        "like",
        "json",
        "value",
        "key",
    )
)
_UNITS = frozenset(("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"))
# What a subscript may stand behind; a bracket anywhere else is a list literal, which Athena writes ARRAY[…].
_BEFORE_BRACKET = frozenset(
    (
        *(TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.ARRAY),
        *(TokenType.STRING, TokenType.PLACEHOLDER),
    )
)


def require_one_reading_statement(sql: str) -> list[Token]:
    """The tokens of the one statement, without its semicolon.

    Raises:
        QueryRejected: too large, not one statement, not a reading one, or not Athena's syntax.
    """
    if len(sql.encode("utf-8", "surrogatepass")) > MAX_SQL_BYTES:
        raise QueryRejected("PAYLOAD_TOO_LARGE", f"a statement has at most {MAX_SQL_BYTES} bytes")
    if re.search("[\x00\ud800-\udfff]", sql):
        raise QueryRejected("SQL_SYNTAX", "the statement has a character that is not text")
    tokens = read_tokens(sql)
    while tokens and tokens[-1].token_type is TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise QueryRejected("SQL_SYNTAX", "there is no statement")
    if any(token.token_type is TokenType.SEMICOLON for token in tokens):
        raise QueryRejected("SQL_MULTI", "one statement at a time")
    first = tokens[0].text.upper()
    if first not in READING:
        reason = "SQL_NOT_READONLY" if first in OTHER_STATEMENTS else "SQL_SYNTAX"
        raise QueryRejected(reason, f"a statement begins with SELECT, WITH, VALUES or SHOW{at(tokens[0])}")
    _require_bounds(tokens)
    _require_trino(tokens, sql)
    type_names.require_known(tokens)
    return tokens


def at(token: Token) -> str:
    return f" (line {token.line}, column {token.col - len(token.text) + 1})"


def syntax_error(message: str) -> QueryRejected:
    """sqlglot's message quotes the statement; only its position is passed on."""
    found = re.search(r"Line (\d+), Col: (\d+)", message)
    where = f" (line {found[1]}, column {found[2]})" if found else ""
    return QueryRejected("SQL_SYNTAX", f"the statement is not of Athena's syntax{where}")


def read_tokens(sql: str) -> list[Token]:
    """Raises: QueryRejected: a text or comment that does not end."""
    try:
        return tokenize(sql)
    except TokenError as error:
        rejected = syntax_error(str(error))
    raise rejected


def _require_bounds(tokens: list[Token]) -> None:
    if len(tokens) > MAX_TOKENS:
        raise QueryRejected("SQL_SYNTAX", f"a statement has at most {MAX_TOKENS} words")
    depth = chain = 0
    _require_few_reads(tokens)
    for token in tokens:
        kind = token.token_type
        if kind in (TokenType.L_PAREN, TokenType.L_BRACKET):
            depth += 1
        elif kind in (TokenType.R_PAREN, TokenType.R_BRACKET):
            depth -= 1
        chain = chain + 1 if kind in (TokenType.NOT, TokenType.DASH, TokenType.PLUS) else 0
        if depth > MAX_NESTING or chain > MAX_NESTING:
            raise QueryRejected("SQL_SYNTAX", f"the statement is nested too deeply{at(token)}")


def _require_few_reads(tokens: list[Token]) -> None:
    open_brackets = [1]
    reads = 0
    before = TokenType.SEMICOLON
    for token in tokens:
        kind = token.token_type
        if kind in (TokenType.L_PAREN, TokenType.L_BRACKET):
            open_brackets.append(open_brackets[-1] * _reads(kind, before))
        elif kind in (TokenType.R_PAREN, TokenType.R_BRACKET) and len(open_brackets) > 1:
            open_brackets.pop()
        reads += open_brackets[-1]
        if reads > MAX_READS:
            raise QueryRejected("SQL_SYNTAX", f"the statement is nested too deeply{at(token)}")
        before = kind


def _reads(bracket: TokenType, before: TokenType) -> int:
    """How often sqlglot reads what stands in a bracket behind such a word."""
    if before in Parser.TYPE_TOKENS:
        return _READS.get(before, _READS_OF_TYPE)
    return 2 if bracket is TokenType.L_BRACKET else 1


def _require_trino(tokens: list[Token], sql: str) -> None:
    for token in tokens:
        foreign = _FOREIGN.get(token.token_type)
        if foreign is None and token.token_type is TokenType.EQ and token.text == "==":
            foreign = "=="
        if foreign is None and token.token_type is TokenType.HEX_STRING and sql[token.start] not in "xX":
            foreign = "a 0x number"
        is_name = token.token_type is TokenType.VAR
        if foreign is None and is_name and not re.fullmatch(r"[^\W\d]\w*", token.text):
            foreign = "this name without double quotes"
        if foreign is not None:
            raise QueryRejected("SQL_SYNTAX", f"{foreign} is not of Athena's syntax{at(token)}")
    for position, token in enumerate(tokens):
        if token.token_type is TokenType.INTERVAL and not _is_interval(tokens[position + 1 : position + 4]):
            raise QueryRejected("SQL_SYNTAX", f"this is not of Athena's syntax{at(token)}")
    for before, token in pairwise(tokens):
        kind, previous = token.token_type, before.token_type
        is_list = kind is TokenType.L_BRACKET and previous not in _BEFORE_BRACKET
        is_sample = before.text.upper() == "USING" and token.text.upper() == "SAMPLE"
        is_row = previous is TokenType.STRUCT and before.text.upper() == "ROW"
        is_struct = previous is TokenType.STRUCT and kind is TokenType.L_PAREN and not is_row
        is_prefixed = (
            kind is TokenType.STRING
            and previous in (TokenType.VAR, TokenType.IDENTIFIER, TokenType.R_PAREN, TokenType.NUMBER)
            and before.text.lower() not in _BEFORE_TEXT
        )
        if is_list or is_prefixed or is_struct or is_sample:
            raise QueryRejected("SQL_SYNTAX", f"this is not of Athena's syntax{at(token)}")


def _is_interval(following: list[Token]) -> bool:
    """Whether INTERVAL is a name or a type, or stands before a text and a unit as Athena has it."""
    if following and following[0].token_type in (TokenType.DASH, TokenType.PLUS):
        following = following[1:]
    if not following or following[0].token_type not in (TokenType.STRING, TokenType.NUMBER):
        return True
    is_text = following[0].token_type is TokenType.STRING
    return is_text and len(following) > 1 and following[1].text.upper() in _UNITS
