"""A JSON path applied to a document: sequences of items, in lax or strict mode."""

import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from medical_data_pipeline.adapters.local.duckdb_sql.json_path import Node, Path

Items = list[Any]


class PathError(ValueError):
    """The path cannot be applied to these items."""


@dataclass(frozen=True)
class _Run:
    """What the operations see: `@`, `last`, the passed values and the mode."""

    is_lax: bool
    context: Any
    passed: Mapping[str, Any]
    current: Any = None
    last: int | None = None

    def items(self, node: Node) -> Items:
        return _OPERATIONS[node.kind](self, node)

    def unwrapped(self, node: Node) -> Items:
        """The items, in lax mode those of an array instead of the array."""
        items = self.items(node)
        if not self.is_lax:
            return items
        return [inner for item in items for inner in (item if isinstance(item, list) else [item])]

    def failed(self, items: Items | None = None) -> Items:
        """A structural error: nothing in lax mode."""
        if not self.is_lax:
            raise PathError("structural error")
        return items or []


def run(path: Path, document: Any, passed: Mapping[str, Any]) -> Items:
    """Raises: PathError: the path's error, to be handled ON ERROR."""
    return _Run(path.is_lax, document, passed).items(path.root)


def is_number(item: Any) -> bool:
    return isinstance(item, int | float | Decimal) and not isinstance(item, bool)


def _member(run: _Run, node: Node) -> Items:
    found: Items = []
    for item in run.unwrapped(node.operands[0]):
        if isinstance(item, dict) and node.value in item:
            found.append(item[node.value])
        else:
            run.failed()
    return found


def _members(run: _Run, node: Node) -> Items:
    found: Items = []
    for item in run.unwrapped(node.operands[0]):
        found += item.values() if isinstance(item, dict) else run.failed()
    return found


def _descendants(run: _Run, node: Node) -> Items:
    found: Items = []

    def visit(item: Any) -> None:
        if isinstance(item, dict):
            found.extend([item[node.value]] if node.value in item else [])
        children = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
        for child in children:
            visit(child)

    for item in run.items(node.operands[0]):
        visit(item)
    return found


def _elements(run: _Run, node: Node) -> Items:
    found: Items = []
    for item in run.items(node.operands[0]):
        array = item if isinstance(item, list) else run.failed([item])
        found += array if node.value is None else _chosen(run, array, node.value)
    return found


def _chosen(run: _Run, array: Items, subscripts: tuple[tuple[Node, Node | None], ...]) -> Items:
    found: Items = []
    inner = replace(run, last=len(array) - 1)
    for low_node, high_node in subscripts:
        low = _index(inner, low_node)
        high = low if high_node is None else _index(inner, high_node)
        if low < 0 or high >= len(array) or low > high:
            run.failed()
        found += array[max(low, 0) : high + 1]
    return found


def _index(run: _Run, node: Node) -> int:
    items = run.items(node)
    if len(items) != 1 or not is_number(items[0]) or items[0] != int(items[0]):
        raise PathError("a subscript is not a whole number")
    return int(items[0])


def _last(run: _Run, node: Node) -> Items:
    if run.last is None:
        raise PathError("last outside of a subscript")
    return [run.last]


def _filter(run: _Run, node: Node) -> Items:
    source, predicate = node.operands
    return [item for item in run.unwrapped(source) if holds(replace(run, current=item), predicate) is True]


def _sign(run: _Run, node: Node) -> Items:
    items = run.unwrapped(node.operands[0])
    _require_numbers(items)
    return [-item if node.value == "-" else item for item in items]


def _require_numbers(items: Items) -> None:
    if not all(map(is_number, items)):
        raise PathError("not a number")


_SIGNS: dict[str, Callable[[Any, Any], Any]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}


def _arithmetic(run: _Run, node: Node) -> Items:
    sides = [run.unwrapped(side) for side in node.operands]
    if any(len(side) != 1 for side in sides):
        raise PathError("an operand is not a single item")
    a, b = (side[0] for side in sides)
    _require_numbers([a, b])
    if isinstance(a, float) or isinstance(b, float):
        a, b = float(a), float(b)
    if node.value in _SIGNS:
        return [_SIGNS[node.value](a, b)]
    return [_divided(node.value, a, b)]


def _divided(sign: str, a: Any, b: Any) -> Any:
    if isinstance(a, float):
        if b == 0:
            return math.nan if sign == "%" or a == 0 else math.copysign(math.inf, a)
        return math.fmod(a, b) if sign == "%" else a / b
    if b == 0:
        raise PathError("division by zero")
    quotient = abs(a) // abs(b) * (-1 if (a < 0) != (b < 0) else 1)
    return a - quotient * b if sign == "%" else quotient


def _method(run: _Run, node: Node) -> Items:
    if node.value == "type":
        return [_type(item) for item in run.items(node.operands[0])]
    if node.value == "size":
        sizes: Items = []
        for item in run.items(node.operands[0]):
            sizes += [len(item)] if isinstance(item, list) else run.failed([1])
        return sizes
    items = run.unwrapped(node.operands[0])
    if node.value == "keyvalue":
        return list(_entries(items))
    return [_converted(node.value, item) for item in items]


def _type(item: Any) -> str:
    if is_number(item):
        return "number"
    return {type(None): "null", str: "string", bool: "boolean", list: "array"}.get(type(item), "object")


def _entries(items: Items) -> Iterator[dict[str, Any]]:
    for number, item in enumerate(items):
        if not isinstance(item, dict):
            raise PathError("not an object")
        for name, value in item.items():
            yield {"name": name, "value": value, "id": number}


def _converted(method: str, item: Any) -> Any:
    if method == "double" and isinstance(item, str):
        try:
            return float(item)
        except ValueError:
            raise PathError("not a number") from None
    _require_numbers([item])
    match method, item:
        case "double", _:
            return float(item)
        case "abs", _:
            return abs(item)
        case _, int():
            return item
        case _, float():
            if not math.isfinite(item):
                return item
            return float(math.ceil(item) if method == "ceiling" else math.floor(item))
    return item.to_integral_value(ROUND_CEILING if method == "ceiling" else ROUND_FLOOR)


def holds(run: _Run, node: Node) -> bool | None:
    """A predicate's truth; None is unknown. It never fails."""
    match node.kind:
        case "not":
            inner = holds(run, node.operands[0])
            return None if inner is None else not inner
        case "and" | "or":
            decisive = node.kind == "or"
            sides = [holds(run, side) for side in node.operands]
            return decisive if decisive in sides else None if None in sides else not decisive
        case "unknown":
            return holds(run, node.operands[0]) is None
        case "exists":
            try:
                return bool(run.items(node.operands[0]))
            except PathError:
                return None
    return _any_pair(run, node)


def _any_pair(run: _Run, node: Node) -> bool | None:
    """Whether one pair of items fits. In lax mode the first success or error decides."""
    try:
        left, right = (run.unwrapped(side) for side in node.operands)
    except PathError:
        return None
    if node.kind == "starts" and (len(right) != 1 or not isinstance(right[0], str)):
        return None
    test = _starts if node.kind == "starts" else _compared
    found: bool | None = False
    for a in left:
        for b in right:
            fits = test(node.value, a, b)
            if fits is None and not run.is_lax:
                return None
            if fits is None or (fits and run.is_lax):
                return fits
            found = found or fits
    return found


def _starts(sign: Any, a: Any, b: Any) -> bool | None:
    return a.startswith(b) if isinstance(a, str) else None


_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _compared(sign: str, a: Any, b: Any) -> bool | None:
    if a is None or b is None:
        return sign == "==" and a is b
    if isinstance(a, list | dict) or isinstance(b, list | dict):
        return None
    is_same_kind = (is_number(a) and is_number(b)) or type(a) is type(b)
    return bool(_ORDERS[sign](a, b)) if is_same_kind else None


def _passed(run: _Run, node: Node) -> Items:
    return [run.passed[node.value]]


_OPERATIONS: dict[str, Callable[[_Run, Node], Items]] = {
    "context": lambda run, node: [run.context],
    "current": lambda run, node: [run.current],
    "literal": lambda run, node: [node.value],
    "variable": _passed,
    "last": _last,
    "member": _member,
    "members": _members,
    "descendants": _descendants,
    "elements": _elements,
    "filter": _filter,
    "sign": _sign,
    "arithmetic": _arithmetic,
    "method": _method,
}
