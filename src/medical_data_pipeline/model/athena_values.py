"""VALUES beside UNION, INTERSECT or EXCEPT: put in parentheses, without which sqlglot does not read it."""

from sqlglot.tokenizer_core import Token, TokenType

_SET_OPERATORS = frozenset((TokenType.UNION, TokenType.INTERSECT, TokenType.EXCEPT))
_QUANTIFIERS = frozenset((TokenType.ALL, TokenType.DISTINCT))
_ENDS = frozenset(
    (
        *_SET_OPERATORS,
        *(TokenType.ORDER_BY, TokenType.LIMIT, TokenType.OFFSET, TokenType.FETCH, TokenType.SEMICOLON),
    )
)


def parenthesised(tokens: list[Token]) -> list[Token]:
    """`tokens` with `(VALUES …)` where a set operator stands before or behind."""
    wraps = dict(_wraps(tokens))
    if not wraps:
        return tokens
    closing = {end: at for at, end in wraps.items()}
    made: list[Token] = []
    for position, token in enumerate(tokens):
        if position in closing:
            made.append(_token(TokenType.R_PAREN, ")", token))
        if position in wraps:
            made.append(_token(TokenType.L_PAREN, "(", token))
        made.append(token)
    return [*made, _token(TokenType.R_PAREN, ")", tokens[-1])] if len(tokens) in closing else made


def _wraps(tokens: list[Token]) -> list[tuple[int, int]]:
    found = []
    for position, token in enumerate(tokens):
        if token.token_type is TokenType.VALUES:
            end = _end(tokens, position)
            is_behind = end < len(tokens) and tokens[end].token_type in _SET_OPERATORS
            if is_behind or _follows_operator(tokens, position):
                found.append((position, end))
    return found


def _follows_operator(tokens: list[Token], position: int) -> bool:
    before = [token.token_type for token in tokens[max(0, position - 2) : position]]
    if before and before[-1] in _QUANTIFIERS:
        before.pop()
    return bool(before) and before[-1] in _SET_OPERATORS


def _end(tokens: list[Token], start: int) -> int:
    depth = 0
    for position in range(start + 1, len(tokens)):
        kind = tokens[position].token_type
        if kind is TokenType.L_PAREN:
            depth += 1
        elif kind is TokenType.R_PAREN:
            depth -= 1
        if depth < 0 or (depth == 0 and kind in _ENDS):
            return position
    return len(tokens)


def _token(kind: TokenType, text: str, at: Token) -> Token:
    return Token(kind, text, at.line, at.col, at.start, at.end)
