"""Whether a result is what a case expects: exact for exact types, twelve digits for doubles."""

import json
import math
import re
import struct
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

Rows = list[tuple[Any, ...]]


def same_value(got: Any, expected: Any) -> bool:
    is_tagged = isinstance(expected, dict) and any(key.startswith("__") for key in expected)
    if isinstance(expected, dict) and (is_tagged or not isinstance(got, dict)):
        return _same_tagged(got, expected)
    got, expected = (list(side.values()) if isinstance(side, dict) else side for side in (got, expected))
    if expected is None or got is None:
        return got is expected
    if isinstance(expected, list | tuple):
        return _same_items(got, expected)
    return _same_scalar(got, expected)


def _same_items(got: Any, expected: Any) -> bool:
    if not isinstance(got, list | tuple):
        return isinstance(got, str) and _same_json(got, expected)
    if all(isinstance(item, tuple) for item in (*got, *expected)):
        return _same_tagged(got, {"__map__": list(expected)})
    return len(got) == len(expected) and all(map(same_value, got, expected))


def _same_scalar(got: Any, expected: Any) -> bool:
    if isinstance(expected, bool) or isinstance(got, bool):
        return got is expected or (isinstance(got, str) and got == str(expected).lower())
    if isinstance(expected, float) or isinstance(got, float):
        return _same_number(got, expected)
    if isinstance(got, datetime | date | time):
        return str(got) == str(expected) or _timestamp_text(got) == _timestamp_text(expected)
    if isinstance(got, Decimal) and isinstance(expected, int | Decimal):
        return got == expected
    if isinstance(got, str) and isinstance(expected, int):
        return got == str(expected)
    return type(got) is type(expected) and bool(got == expected)


def _same_tagged(got: Any, expected: dict[str, Any]) -> bool:
    if got is None:
        return False
    tag, content = next(iter(expected.items())) if expected else ("", None)
    match tag:
        case "__dec__":
            return isinstance(got, Decimal | int) and Decimal(got) == Decimal(content)
        case "__f32__":
            return isinstance(got, float) and _same_number(_as_real(got), _as_real(float(content)), 1e-6)
        case "__float__":
            return isinstance(got, float) and _same_number(got, float(content))
        case "__bytes__":
            return isinstance(got, bytes) and got == bytes.fromhex(content)
        case "__map__":
            pairs = [tuple(pair) for pair in got] if isinstance(got, list) else []
            rest = list(content)
            for pair in pairs:
                found = next((i for i, other in enumerate(rest) if same_value(list(pair), other)), None)
                if found is None:
                    return False
                rest.pop(found)
            return isinstance(got, list) and not rest
    return isinstance(got, str) and _same_json(got, expected)


def _as_real(value: float) -> float:
    """The nearest number of four bytes."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def _same_json(got: str, expected: Any) -> bool:
    try:
        return bool(json.loads(got) == expected)
    except ValueError:
        return False


def _same_number(got: Any, expected: Any, tolerance: float = 1e-12) -> bool:
    if not isinstance(got, float | int | Decimal) or not isinstance(expected, float | int | Decimal):
        return False
    a, b = float(got), float(expected)
    return (a != a and b != b) or math.isclose(a, b, rel_tol=tolerance, abs_tol=1e-300)


def _timestamp_text(value: Any) -> str:
    text = re.sub(r"(\d)T(\d)", r"\1 \2", str(value))
    text = re.sub(r"( UTC|\+00:00)$", "", text)
    return re.sub(r"\.?0+$", "", text) if "." in text else text


def same_rows(got: Rows, expected: Rows) -> bool:
    """As bags: a query without ORDER BY has no order."""
    rest = list(expected)
    for row in got:
        found = next((i for i, other in enumerate(rest) if same_value(list(row), list(other))), None)
        if found is None:
            return False
        rest.pop(found)
    return not rest


def printed(value: Any) -> str:
    """As Trino's pages print a value."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case dict():
            return "(" + ",".join(printed(item) for item in value.values()) + ")"
        case list() if value and all(isinstance(item, tuple) for item in value):
            return "{" + ",".join(f"{printed(k)}={printed(v)}" for k, v in value) + "}"
        case list():
            return "[" + ",".join(printed(item) for item in value) + "]"
        case datetime():
            return value.isoformat(" ")
        case _:
            return str(value)


def same_print(got: Any, expected: str) -> bool:
    a, b = _plain(printed(got)), _plain(expected)
    if a == b or (got == [] and b in ("{}", "[]")):
        return True
    if isinstance(got, datetime):
        return _timestamp_text(str(got)) == _timestamp_text(expected.split("--")[0].strip())
    try:
        return math.isclose(float(a), float(b), rel_tol=1e-9)
    except ValueError:
        return False


def _plain(text: str) -> str:
    text = re.sub(r"--.*|\(invalid JSON\)|\bROW\b|\bJSON\b", "", text)
    text = re.sub(r"\s*(->|=|:)\s*", "=", text)
    text = re.sub(r"[\s'\"]", "", text).lower()
    return text.replace("\\", "")
