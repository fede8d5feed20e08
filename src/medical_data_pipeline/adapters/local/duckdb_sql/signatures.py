"""Function signatures as text, `array(T), T -> bigint`, and how a call's arguments meet one."""

import re
from dataclasses import dataclass
from functools import cache

from medical_data_pipeline.adapters.local.duckdb_sql import sql_type as t
from medical_data_pipeline.adapters.local.duckdb_sql.bound import Typed
from medical_data_pipeline.adapters.local.duckdb_sql.coercing import converted
from medical_data_pipeline.adapters.local.duckdb_sql.coercion import can_coerce, common_type
from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import SqlType

VARIABLES = frozenset("TKVU")
_SIMPLE = {
    "boolean": t.BOOLEAN,
    "tinyint": t.TINYINT,
    "smallint": t.SMALLINT,
    "integer": t.INTEGER,
    "bigint": t.BIGINT,
    "real": t.REAL,
    "double": t.DOUBLE,
    "varchar": t.VARCHAR,
    "varbinary": t.VARBINARY,
    "json": t.JSON,
    "date": t.DATE,
    "interval": t.DAY_TIME,
    "months": t.YEAR_MONTH,
}


@dataclass(frozen=True)
class Pattern:
    """One parameter or result: a type, a variable (T, K, V, U), or array/map/row of patterns."""

    name: str
    items: tuple["Pattern", ...] = ()


@dataclass(frozen=True)
class Signature:
    """Parameters and result. With `is_variadic` the last parameter may come again any number of times."""

    parameters: tuple[Pattern, ...]
    result: Pattern
    is_variadic: bool = False


@cache
def parse(written: str) -> Signature:
    """`varchar, bigint -> varchar`; a last parameter with `*` may be repeated."""
    left, _, result = written.partition("->")
    is_variadic = left.rstrip().endswith("*")
    tokens = re.findall(r"\w+|[(),]", left.replace("*", ""))
    parameters: list[Pattern] = []
    while tokens:
        parameters.append(_pattern(tokens))
        if tokens:
            tokens.pop(0)
    return Signature(tuple(parameters), _pattern(re.findall(r"\w+|[(),]", result)), is_variadic)


def _pattern(tokens: list[str]) -> Pattern:
    name = tokens.pop(0)
    items: list[Pattern] = []
    if tokens and tokens[0] == "(":
        while tokens.pop(0) != ")":
            items.append(_pattern(tokens))
    return Pattern(name, tuple(items))


def match(signature: Signature, arguments: list[Typed]) -> tuple[list[Typed], SqlType] | None:
    """The arguments as the parameters' types, and the result's type; None when they do not fit."""
    parameters = signature.parameters
    if signature.is_variadic and len(arguments) > len(parameters):
        parameters += (parameters[-1],) * (len(arguments) - len(parameters))
    if len(arguments) != len(parameters):
        return None
    bound: dict[str, SqlType] = {}
    for parameter, argument in zip(parameters, arguments, strict=True):
        if not _unify(parameter, argument.type, bound):
            return None
    converted_arguments = []
    for parameter, argument in zip(parameters, arguments, strict=True):
        target = _resolved(parameter, bound, argument.type)
        if not can_coerce(argument.type, target):
            return None
        converted_arguments.append(converted(argument, target))
    return converted_arguments, _resolved(signature.result, bound, t.UNKNOWN)


def _unify(parameter: Pattern, argument: SqlType, bound: dict[str, SqlType]) -> bool:
    if parameter.name in VARIABLES:
        known = bound.get(parameter.name)
        common = argument if known is None else common_type(known, argument)
        if common is None or common.name == "function":
            return False
        bound[parameter.name] = common
        return True
    if parameter.name in ("array", "map", "row"):
        if argument.name == "unknown":
            return all(_unify(item, t.UNKNOWN, bound) for item in parameter.items)
        if argument.name != parameter.name or len(argument.items) != len(parameter.items):
            return False
        return all(_unify(p, a, bound) for p, a in zip(parameter.items, argument.items, strict=True))
    if parameter.name == "decimal":
        return argument.name == "decimal"
    if parameter.name in ("timestamp", "instant", "time"):
        return argument.name == _NAMED[parameter.name]
    if parameter.name == "char":
        return argument.name == "char"
    if parameter.name == "number":
        return argument.name in (*t.INTEGERS, "decimal", *t.FLOATS)
    return can_coerce(argument, _SIMPLE[parameter.name])


_NAMED = {"timestamp": "timestamp", "instant": "timestamp with time zone", "time": "time"}


def _resolved(pattern: Pattern, bound: dict[str, SqlType], given: SqlType) -> SqlType:
    if pattern.name in VARIABLES:
        return bound[pattern.name]
    if pattern.name in ("array", "map", "row"):
        items = tuple(_resolved(item, bound, t.UNKNOWN) for item in pattern.items)
        if pattern.name == "row":
            return t.row(items, given.names if given.name == "row" else ())
        return SqlType(pattern.name, items=items)
    if pattern.name in ("decimal", "char", "number", *_NAMED):
        return given
    return _SIMPLE[pattern.name]
