"""Calls with clauses between their parentheses (JSON_VALUE, LISTAGG …), which sqlglot does not read whole.

Before parsing, each clause word becomes a name with a mark, between commas; afterwards the pieces of one
argument are chained: `path PASSING x AS "y" NULL ON EMPTY` is an `exp.Introducer` of the path and the rest,
the words `exp.Var`s. Rendered, the chain is the text again.
"""

import re

from sqlglot import exp
from sqlglot.tokenizer_core import Token, TokenType

WORD_MARK = "clause$"
CALLS = frozenset(("json_value", "json_query", "json_exists", "json_object", "json_array", "listagg"))

_ANYWHERE = re.compile(
    r"(?:,|:|FORMAT JSON(?: ENCODING (?:UTF8|UTF16|UTF32))?"
    r"|WITH(?:OUT)? UNIQUE(?: KEYS)?|WITH(?: CONDITIONAL| UNCONDITIONAL)?(?: ARRAY)? WRAPPER"
    r"|WITHOUT(?: ARRAY)? WRAPPER|(?:KEEP|OMIT) QUOTES(?: ON SCALAR STRING)?"
    r"|(?:NULL|ABSENT) ON NULL|(?:ERROR|NULL|EMPTY(?: ARRAY| OBJECT)?|TRUE|FALSE|UNKNOWN) ON (?:EMPTY|ERROR)"
    r"|ON OVERFLOW (?:ERROR|TRUNCATE)|WITH(?:OUT)? COUNT|DISTINCT|RETURNING|DEFAULT)(?= |$)"
)
# These can be names too, so they count only behind an expression.
_BEHIND = re.compile(r"(?:PASSING|AS|VALUE|ON EMPTY|ON ERROR)(?= |$)")
_AT_START = re.compile(r"KEY(?= (?![,:)]))")
_LONGEST = 6


def marked(tokens: list[Token]) -> list[Token]:
    """`tokens` with the clauses of such calls as arguments that sqlglot can read."""
    made: list[Token] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        made.append(token)
        position += 1
        is_call = token.token_type is not TokenType.IDENTIFIER and token.text.lower() in CALLS
        if is_call and position < len(tokens) and tokens[position].token_type is TokenType.L_PAREN:
            end = _end(tokens, position)
            pieces = _pieces(marked(tokens[position + 1 : end]))
            made.append(tokens[position])
            for number, piece in enumerate(pieces):
                made += ([_token(TokenType.COMMA, ",", piece[0])] if number else []) + piece
            position = end
    return made


def _end(tokens: list[Token], opening: int) -> int:
    """Where the parenthesis that opens there is closed; the end of the text when it is not."""
    depth = 0
    for position in range(opening, len(tokens)):
        depth += {TokenType.L_PAREN: 1, TokenType.R_PAREN: -1}.get(tokens[position].token_type, 0)
        if depth == 0:
            return position
    return len(tokens)


def _pieces(tokens: list[Token]) -> list[list[Token]]:
    """Clause words and the expressions between them; the type behind RETURNING as a CAST to it."""
    pieces: list[list[Token]] = []
    open_piece: list[Token] = []
    depth = position = 0
    while position < len(tokens):
        token = tokens[position]
        words = "" if depth else _words(tokens[position : position + _LONGEST], bool(open_piece))
        if words:
            pieces += [_closed(open_piece, pieces)] if open_piece else []
            open_piece = []
            pieces.append([_token(TokenType.VAR, WORD_MARK + words, token)])
            position += words.count(" ") + 1
            continue
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token.text if _is_plain(token) else "", 0)
        open_piece.append(token)
        position += 1
    return [*pieces, _closed(open_piece, pieces)] if open_piece else pieces


def _words(tokens: list[Token], is_behind: bool) -> str:
    text = " ".join(token.text.upper() if _is_plain(token) else "'" for token in tokens)
    patterns = (_ANYWHERE, _BEHIND) if is_behind else (_ANYWHERE, _AT_START)
    found = next((match for pattern in patterns if (match := pattern.match(text))), None)
    return found[0] if found else ""


def _is_plain(token: Token) -> bool:
    return token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER)


def _closed(piece: list[Token], before: list[list[Token]]) -> list[Token]:
    if not before or before[-1][0].text != WORD_MARK + "RETURNING":
        return piece
    first = piece[0]
    head = (
        *((TokenType.VAR, "CAST"), (TokenType.L_PAREN, "("), (TokenType.NULL, "NULL")),
        (TokenType.ALIAS, "AS"),
    )
    end = _token(TokenType.R_PAREN, ")", first)
    return [*(_token(kind, text, first) for kind, text in head), *piece, end]


def _token(kind: TokenType, text: str, at: Token) -> Token:
    return Token(kind, text, at.line, at.col, at.start, at.end)


def chain(call: exp.Anonymous) -> None:
    """Put the arguments of a marked call together again."""
    groups: list[list[exp.Expr]] = [[]]
    for item in call.expressions:
        word = _word(item)
        if word == ",":
            groups.append([])
        elif word:
            groups[-1].append(exp.Var(this=word))
        else:
            is_type = groups[-1] and groups[-1][-1].name == "RETURNING" and isinstance(item, exp.Cast)
            groups[-1].append(item.args["to"] if is_type else item)
    call.set("expressions", [_chained(group) for group in groups if group])


def _word(item: exp.Expr) -> str:
    name = item.name if isinstance(item, exp.Column | exp.Var) else ""
    return name[len(WORD_MARK) :] if name.startswith(WORD_MARK) else ""


def _chained(group: list[exp.Expr]) -> exp.Expr:
    first, *rest = group
    return exp.Introducer(this=first, expression=_chained(rest)) if rest else first


def links(node: exp.Expr) -> list[exp.Expr]:
    """The pieces of one argument: clause words as `exp.Var`s, and what stands between them."""
    pieces: list[exp.Expr] = []
    while isinstance(node, exp.Introducer) and not _is_literal(node):
        pieces.append(node.this)
        node = node.expression
    return [*pieces, node]


def _is_literal(node: exp.Introducer) -> bool:
    """Whether it is a typed literal such as `DATE '…'`, and no chain."""
    name = node.this.name if isinstance(node.this, exp.Var) else ""
    return bool(name) and not any(p.fullmatch(name) for p in (_ANYWHERE, _BEHIND)) and name != "KEY"
