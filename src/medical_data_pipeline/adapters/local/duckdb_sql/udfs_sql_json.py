"""The SQL standard's JSON functions. An outcome is text: its first letter says what became of the path.

`s` text, `b` boolean, `i` integer, `d` double and `c` decimal items, `n` JSON null, `=` JSON text, `t` and
`f` for JSON_EXISTS; `e` nothing was found, `x` an error.
"""

import json
import math
from decimal import Decimal
from typing import Any

from medical_data_pipeline.adapters.local.duckdb_sql import json_path
from medical_data_pipeline.adapters.local.duckdb_sql.json_path_run import PathError, is_number, run
from medical_data_pipeline.adapters.local.duckdb_sql.python_function import register
from medical_data_pipeline.adapters.local.duckdb_sql.udfs_json import java_double

EMPTY, ERROR = "e", "x"
# Wider items are a decimal or a double to Trino.
_BIGINT = range(-(2**63), 2**63)


def _refuse(constant: str) -> Any:
    raise ValueError("not JSON")


def _document(text: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise PathError("not JSON") from None


def _passed(parts: list[str | None]) -> dict[str, Any]:
    """Values by name, from names, kinds and texts one after the other."""
    triples = zip(parts[::3], parts[1::3], parts[2::3], strict=True)
    return {str(name): None if text is None else _value(str(kind), text) for name, kind, text in triples}


def _value(kind: str, text: str) -> Any:
    match kind:
        case "j":
            return _document(text)
        case "b":
            return text == "true"
        case "i":
            return int(text)
        case "d":
            return float(text)
        case "c":
            return Decimal(text)
    return text


def _items(text: str, path: str, parts: list[str | None]) -> list[Any] | None:
    """The items found; None for an error, which is the caller's to handle."""
    try:
        return run(json_path.parsed(path), _document(text), _passed(parts))
    except (PathError, ArithmeticError, RecursionError):
        return None


@register("sql_json_exists", "VARCHAR, VARCHAR, VARCHAR[] -> VARCHAR")
def json_exists(text: str, path: str, parts: list[str | None]) -> str:
    items = _items(text, path, parts)
    return ERROR if items is None else "t" if items else "f"


@register("sql_json_value", "VARCHAR, VARCHAR, VARCHAR[] -> VARCHAR")
def json_value(text: str, path: str, parts: list[str | None]) -> str:
    items = _items(text, path, parts)
    if items is None or len(items) > 1:
        return ERROR
    return _scalar(items[0]) if items else EMPTY


def _scalar(item: Any) -> str:
    match item:
        case None:
            return "n"
        case bool():
            return "btrue" if item else "bfalse"
        case str():
            return "s" + item
        case int():
            return ("i" if item in _BIGINT else "c") + str(item)
        case float():
            return "d" + repr(item)
        case Decimal():
            return f"c{item:f}"
    return ERROR


@register("sql_json_query", "VARCHAR, VARCHAR, VARCHAR[], VARCHAR -> VARCHAR")
def json_query(text: str, path: str, parts: list[str | None], options: str) -> str:
    """`options` are the wrapper's word, and `omit` to leave out the quotes of a text."""
    items = _items(text, path, parts)
    if items is None:
        return ERROR
    if not items:
        return EMPTY
    is_single = len(items) == 1
    is_structure = is_single and isinstance(items[0], list | dict)
    if "unconditional" in options or ("conditional" in options and not is_structure):
        return "=" + written(items)
    if not is_single:
        return ERROR
    if "omit" in options and isinstance(items[0], str):
        return "=" + items[0]
    return "=" + written(items[0])


def written(item: Any) -> str:
    """JSON text without blanks, the keys of an object in their order."""
    match item:
        case bool() | None | str():
            return json.dumps(item, ensure_ascii=False)
        case float():
            return java_double(item) if math.isfinite(item) else json.dumps(str(item))
        case list():
            return "[" + ",".join(map(written, item)) + "]"
        case dict():
            pairs = (f"{json.dumps(k, ensure_ascii=False)}:{written(v)}" for k, v in item.items())
            return "{" + ",".join(pairs) + "}"
    return f"{item:f}" if isinstance(item, Decimal) and is_number(item) else str(item)


@register("sql_json_text", "VARCHAR -> VARCHAR")
def json_text(text: str) -> str:
    """FORMAT JSON: the text must be JSON, and is written without blanks."""
    return written(_document(text))


@register("sql_json_decoded", "BLOB, VARCHAR -> VARCHAR")
def json_decoded(data: bytes, encoding: str) -> str:
    return data.decode({"UTF16": "utf-16-le", "UTF32": "utf-32-le"}.get(encoding, "utf-8"))


@register("sql_json_encoded", "VARCHAR, VARCHAR -> BLOB")
def json_encoded(text: str, encoding: str) -> bytes:
    return text.encode({"UTF16": "utf-16-le", "UTF32": "utf-32-le"}.get(encoding, "utf-8"))


@register("sql_json_object", "VARCHAR[], VARCHAR[], VARCHAR -> VARCHAR")
def json_object(keys: list[str | None], values: list[str | None], options: str) -> str:
    """An object of JSON texts. `options` may be `absent` (nulls are left out) and `unique`."""
    pairs: dict[str, str] = {}
    for key, value in zip(keys, values, strict=True):
        if key is None:
            raise ValueError("null value passed for JSON object key")
        if value is None and "absent" in options:
            continue
        if key in pairs and "unique" in options:
            raise ValueError("duplicate key passed to JSON_OBJECT function")
        pairs[key] = value or "null"
    ordered = sorted(pairs, key=lambda key: _bucket(key, len(pairs)))
    return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{pairs[key]}" for key in ordered) + "}"


def _bucket(key: str, size: int) -> int:
    """Where Java's HashMap keeps a key: Trino writes the keys in that order."""
    units = key.encode("utf-16-be")
    code = 0
    for position in range(0, len(units), 2):
        code = (code * 31 + int.from_bytes(units[position : position + 2], "big")) & 0xFFFFFFFF
    capacity = 16
    while size > capacity * 3 // 4:
        capacity *= 2
    return (code ^ code >> 16) & (capacity - 1)
