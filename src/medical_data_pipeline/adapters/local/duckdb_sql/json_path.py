"""The SQL standard's JSON path language: a path's text as a tree of nodes."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any


@dataclass(frozen=True)
class Node:
    """One operation: its `kind`, what it is applied to, and a name, literal or list of subscripts."""

    kind: str
    operands: tuple["Node", ...] = ()
    value: Any = None


@dataclass(frozen=True)
class Path:
    """A path and its mode."""

    is_lax: bool
    root: Node


METHODS = frozenset(("double", "ceiling", "floor", "abs", "keyvalue", "type", "size"))
COMPARISONS = frozenset(("==", "!=", "<>", "<", "<=", ">", ">="))
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
      | "(?P<text>[^"\\]*)"
      | (?P<variable>\$[A-Za-z_][A-Za-z_0-9]*)
      | (?P<word>[A-Za-z_][A-Za-z_0-9]*)
      | (?P<mark>&&|\|\||==|!=|<>|<=|>=|\.\.|[$@().\[\],*?!<>+\-/%])
    )""",
    re.VERBOSE | re.ASCII,
)
_LITERALS = {"true": True, "false": False, "null": None}


class _Reader:
    def __init__(self, text: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None or match.lastgroup is None:
                raise ValueError("not a JSON path")
            self._tokens.append((match.lastgroup, match[match.lastgroup]))
            position = match.end()
        self._at = 0
        # Where a parenthesis turned out to hold a path: what is in it is not tried as a predicate again.
        self.paths: set[int] = set()

    def peek(self, ahead: int = 0) -> tuple[str, str]:
        position = self._at + ahead
        return self._tokens[position] if position < len(self._tokens) else ("end", "")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self._at += 1
        return token

    def accept(self, *marks: str) -> str:
        kind, text = self.peek()
        if kind in ("mark", "word") and text in marks:
            self._at += 1
            return text
        return ""

    def require(self, mark: str) -> None:
        if not self.accept(mark):
            raise ValueError("not a JSON path")


@lru_cache(maxsize=512)
def parsed(text: str) -> Path:
    """Raises: ValueError: not a path, or one with something that Trino's has not."""
    reader = _Reader(text)
    mode = reader.accept("lax", "strict")
    if not mode:
        raise ValueError("a JSON path begins with lax or strict")
    root = _sum(reader)
    if reader.peek()[0] != "end":
        raise ValueError("not a JSON path")
    return Path(mode == "lax", root)


def variables(node: Node) -> set[str]:
    """The names of the values that must be passed."""
    names = {node.value} if node.kind == "variable" else set()
    subscripts = node.value if node.kind == "elements" else ()
    inner = (*node.operands, *(part for pair in subscripts or () for part in pair if part is not None))
    return names.union(*map(variables, inner)) if inner else names


def _sum(reader: _Reader) -> Node:
    left = _product(reader)
    while sign := reader.accept("+", "-"):
        left = Node("arithmetic", (left, _product(reader)), sign)
    return left


def _product(reader: _Reader) -> Node:
    left = _signed(reader)
    while sign := reader.accept("*", "/", "%"):
        left = Node("arithmetic", (left, _signed(reader)), sign)
    return left


def _signed(reader: _Reader) -> Node:
    sign = reader.accept("+", "-")
    return Node("sign", (_signed(reader),), sign) if sign else _accessed(reader)


def _accessed(reader: _Reader) -> Node:
    node = _primary(reader)
    while mark := reader.accept(".", "..", "[", "?"):
        if mark == "?":
            reader.require("(")
            node = Node("filter", (node, _either(reader)))
            reader.require(")")
        elif mark == "[":
            node = _elements(reader, node)
        elif mark == "..":
            node = Node("descendants", (node,), _member_name(reader))
        elif reader.accept("*"):
            node = Node("members", (node,))
        else:
            node = _member(reader, node)
    return node


def _member_name(reader: _Reader) -> str:
    kind, text = reader.take()
    if kind not in ("word", "text"):
        raise ValueError("not a JSON path")
    return text


def _member(reader: _Reader, node: Node) -> Node:
    is_quoted = reader.peek()[0] == "text"
    name = _member_name(reader)
    if not is_quoted and reader.peek() == ("mark", "("):
        if name not in METHODS or reader.peek(1) != ("mark", ")"):
            raise ValueError("not a method of JSON paths")
        reader.take()
        reader.take()
        return Node("method", (node,), name)
    return Node("member", (node,), name)


def _elements(reader: _Reader, node: Node) -> Node:
    if reader.accept("*"):
        reader.require("]")
        return Node("elements", (node,), None)
    subscripts: list[tuple[Node, Node | None]] = []
    while True:
        low = _sum(reader)
        subscripts.append((low, _sum(reader) if reader.accept("to") else None))
        if not reader.accept(","):
            break
    reader.require("]")
    return Node("elements", (node,), tuple(subscripts))


def _primary(reader: _Reader) -> Node:
    kind, text = reader.take()
    match kind, text:
        case "mark", "$":
            return Node("context")
        case "mark", "@":
            return Node("current")
        case "mark", "(":
            inner = _sum(reader)
            reader.require(")")
            return inner
        case "variable", _:
            return Node("variable", value=text[1:])
        case "number", _:
            return Node("literal", value=_number(text))
        case "text", _:
            return Node("literal", value=text)
        case "word", "last":
            return Node("last")
        case "word", ("true" | "false" | "null"):
            return Node("literal", value=_LITERALS[text])
    raise ValueError("not a JSON path")


def _number(text: str) -> int | float | Decimal:
    if "e" in text.lower():
        return float(text)
    return Decimal(text) if "." in text else int(text)


def _either(reader: _Reader) -> Node:
    left = _both(reader)
    while reader.accept("||"):
        left = Node("or", (left, _both(reader)))
    return left


def _both(reader: _Reader) -> Node:
    left = _predicate(reader)
    while reader.accept("&&"):
        left = Node("and", (left, _predicate(reader)))
    return left


def _predicate(reader: _Reader) -> Node:
    if reader.accept("!"):
        return Node("not", (_predicate(reader),))
    if reader.peek() == ("word", "exists") and reader.peek(1) == ("mark", "("):
        reader.take()
        reader.take()
        node = Node("exists", (_sum(reader),))
        reader.require(")")
        return node
    if reader.peek() == ("mark", "("):
        found = _parenthesised(reader)
        if found is not None:
            return found
    return _comparison(reader)


def _parenthesised(reader: _Reader) -> Node | None:
    """`(predicate)` or `(predicate) is unknown`; None where the parenthesis holds a path."""
    start = reader._at
    if start in reader.paths:
        return None
    reader.take()
    try:
        node = _either(reader)
        reader.require(")")
    except ValueError:
        reader._at = start
        reader.paths.add(start)
        return None
    if reader.accept("is"):
        reader.require("unknown")
        return Node("unknown", (node,))
    return node


def _comparison(reader: _Reader) -> Node:
    left = _sum(reader)
    sign = reader.accept(*COMPARISONS)
    if sign:
        return Node("compare", (left, _sum(reader)), "!=" if sign == "<>" else sign)
    if reader.accept("starts"):
        reader.require("with")
        return Node("starts", (left, _sum(reader)))
    raise ValueError("not a JSON path predicate")
