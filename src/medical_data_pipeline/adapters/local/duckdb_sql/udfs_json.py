"""JSON as Trino reads and writes it: canonical text, its path language, and values of other types."""

import json
import math
import re
from decimal import Decimal
from functools import lru_cache
from typing import Any

from medical_data_pipeline.adapters.local.duckdb_sql.python_function import register
from medical_data_pipeline.adapters.local.duckdb_sql.udfs_numbers import double_text


class _Number(str):
    """A number's own text, so that 1.10 and 1e3 stay as they are."""

    __slots__ = ()


def _refuse(constant: str) -> Any:
    raise ValueError("not JSON")


def _loads(text: str) -> Any:
    return json.loads(text, parse_int=_Number, parse_float=_Number, parse_constant=_refuse)


def _read(text: str) -> Any:
    """The value, or _BROKEN: Trino's path functions give null for a text that is no JSON."""
    try:
        return _loads(text)
    except (ValueError, RecursionError):
        return _BROKEN


_BROKEN = object()


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _dump(value: Any) -> str:
    match value:
        case _Number():
            return _number(value)
        case str():
            return _text(value)
        case bool() | None:
            return json.dumps(value)
        case list():
            return "[" + ",".join(map(_dump, value)) + "]"
        case _:
            return "{" + ",".join(f"{_text(k)}:{_dump(v)}" for k, v in sorted(value.items())) + "}"


def _number(value: str) -> str:
    """As Jackson writes a number it has read: whole ones as they are, others as a double."""
    if re.fullmatch(r"-?\d+", value):
        return "0" if value == "-0" else value
    # What is too large for a double stays as it is written.
    return java_double(float(value)) if math.isfinite(float(value)) else value


def java_double(value: float) -> str:
    if 1e-3 <= abs(value) < 1e7 or value == 0:
        return repr(value)
    return double_text(value)


@register("json_double", "DOUBLE -> VARCHAR")
def json_double(value: float) -> str:
    if not math.isfinite(value):
        return _text({True: "NaN"}.get(value != value, "Infinity" if value > 0 else "-Infinity"))
    return java_double(value)


@register("json_text", "VARCHAR -> VARCHAR")
def json_text(value: str) -> str:
    return _text(value)


@register("json_parse", "VARCHAR -> VARCHAR")
def json_parse(text: str) -> str:
    return _dump(_loads(text))


# --- the path language of json_extract

_STEP = re.compile(
    r"""\.([A-Za-z_0-9$:-][\w$:-]*)|\[\s*(\d+)\s*\]|\[\s*"((?:[^"\\]|\\.)*)"\s*\]|\.?\[\s*([A-Za-z_][\w:-]*)\s*\]"""
)


@lru_cache(maxsize=512)
def _path(path: str) -> tuple[str | int, ...]:
    """Raises: ValueError: not a path, or one with wildcards."""
    if not path:
        raise ValueError("invalid JSON path")
    rest = path[1:] if path[0] == "$" else "." + path
    steps: list[str | int] = []
    while rest:
        match = _STEP.match(rest)
        if match is None:
            raise ValueError("invalid JSON path")
        name, index, quoted, bare = match.groups()
        steps.append(
            int(index)
            if index is not None
            else re.sub(r"\\(.)", r"\1", quoted)
            if quoted is not None
            else name or bare
        )
        rest = rest[match.end() :]
    return tuple(steps)


def _follow(text: str, path: str) -> Any:
    steps = _path(path)
    value = _read(text)
    for step in steps:
        if isinstance(value, dict) and (isinstance(step, str) or str(step) in value):
            value = value.get(str(step), _BROKEN)
        elif isinstance(value, list) and (isinstance(step, int) or str(step).isdigit()):
            value = value[int(step)] if int(step) < len(value) else _BROKEN
        else:
            return _BROKEN
    return value


@register("json_extract", "VARCHAR, VARCHAR -> VARCHAR")
def json_extract(text: str, path: str) -> str | None:
    value = _follow(text, path)
    return None if value is _BROKEN else _dump(value)


def _scalar(value: Any) -> str | None:
    match value:
        case _Number():
            return value
        case bool():
            return "true" if value else "false"
        case str():
            return value
    return None


@register("json_extract_scalar", "VARCHAR, VARCHAR -> VARCHAR")
def json_extract_scalar(text: str, path: str) -> str | None:
    found = _scalar(_follow(text, path))
    return None if found is None else str(found)


@register("json_size", "VARCHAR, VARCHAR -> BIGINT")
def json_size(text: str, path: str) -> int | None:
    value = _follow(text, path)
    if value is _BROKEN:
        return None
    return len(value) if isinstance(value, list | dict) else 0


@register("json_array_length", "VARCHAR -> BIGINT")
def json_array_length(text: str) -> int | None:
    value = _read(text)
    return len(value) if isinstance(value, list) else None


@register("json_array_get", "VARCHAR, BIGINT -> VARCHAR")
def json_array_get(text: str, index: int) -> str | None:
    value = _read(text)
    if not isinstance(value, list) or not -len(value) <= index < len(value):
        return None
    found = value[index]
    if isinstance(found, list | dict):
        return _dump(found)
    return _scalar(found)


@register("is_json_scalar", "VARCHAR -> BOOLEAN")
def is_json_scalar(text: str) -> bool:
    return not isinstance(_loads(text), list | dict)


@register("json_array_contains", "VARCHAR, VARCHAR, VARCHAR -> BOOLEAN")
def json_array_contains(text: str, kind: str, wanted: str) -> bool | None:
    value = _read(text)
    if not isinstance(value, list):
        return None
    return any(_is(item, kind, wanted) for item in value)


def _is(item: Any, kind: str, wanted: str) -> bool:
    match kind:
        case "boolean":
            return isinstance(item, bool) and item == (wanted == "true")
        case "varchar":
            return isinstance(item, str) and not isinstance(item, _Number) and item == wanted
        case "bigint":
            return (
                isinstance(item, _Number)
                and re.fullmatch(r"-?\d+", item) is not None
                and int(item) == int(wanted)
            )
    is_fraction = isinstance(item, _Number) and re.fullmatch(r"-?\d+", item) is None
    return is_fraction and float(item) == float(wanted) and math.isfinite(float(item))


# --- values of other types


def _casting(text: str) -> Any:
    value = _loads(text)
    if isinstance(value, list | dict):
        raise ValueError("an array or object is no scalar")
    return value


@register("json_to_text", "VARCHAR -> VARCHAR")
def json_to_text(text: str) -> str | None:
    value = _casting(text)
    if isinstance(value, _Number) and not re.fullmatch(r"-?\d+", value):
        return double_text(float(value))
    return _number(value) if isinstance(value, _Number) else _scalar(value)


@register("json_to_boolean", "VARCHAR -> BOOLEAN")
def json_to_boolean(text: str) -> bool | None:
    value = _casting(text)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, _Number):
        if re.fullmatch(r"-?\d+", value) and not -(2**63) <= int(value) < 2**63:
            raise ValueError("not a boolean")
        return float(value) != 0
    if value.lower() not in ("true", "false", "t", "f", "1", "0"):
        raise ValueError("not a boolean")
    return value.lower() in ("true", "t", "1")


@register("json_to_bigint", "VARCHAR -> BIGINT")
def json_to_bigint(text: str) -> int | None:
    value = _casting(text)
    if value is None or isinstance(value, bool):
        return None if value is None else int(value)
    if isinstance(value, _Number) and not re.fullmatch(r"-?\d+", value):
        return int(math.floor(abs(float(value)) + 0.5) * math.copysign(1, float(value)))
    if not re.fullmatch(r"[+-]?\d+", value, re.ASCII) or not -(2**63) <= int(value) < 2**63:
        raise ValueError("not a bigint")
    return int(value)


@register("json_to_double", "VARCHAR -> DOUBLE")
def json_to_double(text: str) -> float | None:
    value = _casting(text)
    if value is None or isinstance(value, bool):
        return None if value is None else float(value)
    if value in ("Infinity", "-Infinity", "NaN"):
        return float(value)
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value, re.ASCII):
        raise ValueError("not a double")
    return float(value)


@register("json_to_decimal", "VARCHAR -> VARCHAR")
def json_to_decimal(text: str) -> str | None:
    value = _casting(text)
    if value is None or isinstance(value, bool):
        return None if value is None else str(int(value))
    return f"{Decimal(value):f}"


def _items(text: str, kind: type) -> Any:
    value = _loads(text)
    if value is not None and not isinstance(value, kind):
        raise ValueError("not of this structure")
    return value


@register("json_items", "VARCHAR -> VARCHAR[]")
def json_items(text: str) -> list[str] | None:
    value = _items(text, list)
    return None if value is None else [_dump(item) for item in value]


@register("json_keys", "VARCHAR -> VARCHAR[]")
def json_keys(text: str) -> list[str] | None:
    value = _items(text, dict)
    return None if value is None else [_text(key) for key in value]


@register("json_values", "VARCHAR -> VARCHAR[]")
def json_values(text: str) -> list[str] | None:
    value = _items(text, dict)
    return None if value is None else [_dump(item) for item in value.values()]


@register("json_fields", "VARCHAR, VARCHAR[] -> VARCHAR[]")
def json_fields(text: str, names: list[str]) -> list[str] | None:
    value = _loads(text)
    if value is None:
        return None
    if isinstance(value, list):
        if len(value) != len(names):
            raise ValueError("an array of another length than the row")
        return [_dump(item) for item in value]
    if not isinstance(value, dict):
        raise ValueError("neither an array nor an object")
    lower = {key.lower(): item for key, item in value.items()}
    return [_dump(lower.get(name)) for name in names]
