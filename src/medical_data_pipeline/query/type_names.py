"""The types that a CAST may name, checked on the words: sqlglot takes other engines' names for Athena's."""

from itertools import accumulate, chain

from sqlglot.tokenizer_core import Token, TokenType

from medical_data_pipeline.errors import QueryRejected

_PLAIN = frozenset(
    (
        *(
            "BOOLEAN",
            "TINYINT",
            "SMALLINT",
            "INTEGER",
            "INT",
            "BIGINT",
            "REAL",
            "DOUBLE",
            "VARBINARY",
            "JSON",
        ),
        *("DATE", "UUID", "UNKNOWN", "IPADDRESS", "HYPERLOGLOG"),
    )
)
_SIZED = frozenset(("DECIMAL", "VARCHAR", "CHAR", "TIME", "TIMESTAMP"))
_CASTS = frozenset(("CAST", "TRY_CAST"))
_OPENING, _CLOSING = ("(", "<"), (")", ">")


class _NotAType(Exception):
    pass


def require_known(tokens: list[Token]) -> None:
    """Raises: QueryRejected: a CAST to what is no type of Athena's."""
    words = [_words(token) for token in tokens]
    starts = [0, *accumulate(map(len, words))]
    texts = list(chain.from_iterable(words))
    for position in range(len(tokens) - 1):
        is_cast = tokens[position].text.upper() in _CASTS and tokens[position].token_type not in (
            TokenType.IDENTIFIER,
            TokenType.STRING,
        )
        if is_cast and tokens[position + 1].token_type is TokenType.L_PAREN:
            start = _behind_as(tokens, position + 1)
            try:
                end = _type(texts, starts[start])
            except (_NotAType, IndexError, ValueError):
                end = -1
            if end < 0 or texts[end : end + 1] != [")"]:
                where = tokens[min(start, len(tokens) - 1)]
                at = f" (line {where.line}, column {where.col - len(where.text) + 1})"
                raise QueryRejected("SQL_SYNTAX", f"this type is not one of Athena's{at}")


def _words(token: Token) -> list[str]:
    # DOUBLE PRECISION is one token, and so is a name in quotes with blanks.
    is_plain = token.token_type not in (TokenType.IDENTIFIER, TokenType.STRING)
    return token.text.upper().split() if is_plain else ['"']


def _behind_as(tokens: list[Token], opening: int) -> int:
    """Where the type begins, of the CAST whose parenthesis opens there."""
    depth = 0
    for position in range(opening, len(tokens)):
        kind = tokens[position].token_type
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(kind, 0)
        if depth == 1 and kind is TokenType.ALIAS:
            return position + 1
        if depth == 0:
            break
    return len(tokens)


def _type(words: list[str], at: int) -> int:
    """Where the type that begins at `at` has ended."""
    name = words[at]
    if name in _PLAIN:
        is_long = name == "DOUBLE" and words[at + 1] == "PRECISION"
        return at + 2 if is_long else at + 1
    if name in _SIZED:
        return _zoned(words, _sized(words, at + 1), name)
    if name == "INTERVAL":
        return at + 4 if words[at + 2] == "TO" else _fail()
    if name in ("ARRAY", "MAP"):
        return _parts(words, at + 1, 1 if name == "ARRAY" else 2)
    return _fields(words, at + 1) if name == "ROW" else _fail()


def _fail() -> int:
    raise _NotAType


def _sized(words: list[str], at: int) -> int:
    if words[at] != "(":
        return at
    end = words.index(")", at)
    is_sized = all(word.isdigit() or word == "," for word in words[at + 1 : end]) and end > at + 1
    return end + 1 if is_sized else _fail()


def _zoned(words: list[str], at: int, name: str) -> int:
    is_zoned = name in ("TIME", "TIMESTAMP") and words[at] in ("WITH", "WITHOUT")
    return at + 3 if is_zoned and words[at + 1 : at + 3] == ["TIME", "ZONE"] else at


def _parts(words: list[str], at: int, count: int) -> int:
    if words[at] not in _OPENING:
        raise _NotAType
    for number in range(count):
        at = _type(words, at + 1)
        if number < count - 1 and words[at] != ",":
            raise _NotAType
    return at + 1 if words[at] in _CLOSING else _fail()


def _fields(words: list[str], at: int) -> int:
    """`(name type, type, …)`: a field has a name or none."""
    if words[at] != "(":
        raise _NotAType
    while True:
        try:
            end = _type(words, at + 1)
        except _NotAType:
            end = -1
        if end < 0 or words[end] not in (",", ")"):
            end = _type(words, at + 2)
        if words[end] == ")":
            return end + 1
        if words[end] != ",":
            raise _NotAType
        at = end
