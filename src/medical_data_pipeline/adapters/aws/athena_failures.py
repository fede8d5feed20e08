"""Why Athena says a query failed, as our stable reasons; its text quotes values and goes no further."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

_NAME = re.compile(r"([A-Z][A-Z_]+)(?::|$)")


class Failure(NamedTuple):
    """A reason of ours and what may be shown of it."""

    reason: str
    detail: str


_NO_VALUE = "a value could not be converted"
_TOO_LARGE = "the query needs more memory than it may use"
_BY_NAME: Mapping[str, Failure] = {
    "DIVISION_BY_ZERO": Failure("SQL_RUNTIME", "division by zero"),
    "INVALID_CAST_ARGUMENT": Failure("SQL_RUNTIME", _NO_VALUE),
    "NUMERIC_VALUE_OUT_OF_RANGE": Failure("SQL_RUNTIME", "a number is out of the range of its type"),
    "SUBQUERY_MULTIPLE_ROWS": Failure("SQL_RUNTIME", "a scalar subquery returned several rows"),
    "INVALID_FUNCTION_ARGUMENT": Failure("SQL_RUNTIME", "a function was given an argument it does not take"),
    "INVALID_ARGUMENTS": Failure("SQL_RUNTIME", "a function was given an argument it does not take"),
    "INVALID_JSON": Failure("SQL_RUNTIME", _NO_VALUE),
    "SYNTAX_ERROR": Failure("SQL_SYNTAX", "the statement cannot be read"),
    "TYPE_MISMATCH": Failure("SQL_TYPE", "the types of an expression do not fit together"),
    "FUNCTION_NOT_FOUND": Failure("SQL_UNKNOWN_OBJECT", "a function of the statement is not known"),
    "COLUMN_NOT_FOUND": Failure("SQL_UNKNOWN_OBJECT", "a column of the statement is not known"),
    "TABLE_NOT_FOUND": Failure("SQL_UNKNOWN_OBJECT", "a table of the statement is not known"),
    "NOT_SUPPORTED": Failure("SQL_UNSUPPORTED", "the statement uses what the engine does not have"),
    "PERMISSION_DENIED": Failure("SQL_FORBIDDEN_OBJECT", "the statement reads what it may not"),
    "EXCEEDED_TIME_LIMIT": Failure("QUERY_TIMEOUT", "the query took longer than it may"),
    "EXCEEDED_LOCAL_MEMORY_LIMIT": Failure("QUERY_RESOURCE_LIMIT", _TOO_LARGE),
    "ICEBERG_INVALID_METADATA": Failure("UNAVAILABLE", "the files of a table could not be read"),
}
_BY_WORDS = (
    ("bytes scanned limit", Failure("QUERY_RESOURCE_LIMIT", "the query reads more than it may")),
    ("exhausted resources", Failure("QUERY_RESOURCE_LIMIT", _TOO_LARGE)),
    ("query timeout", Failure("QUERY_TIMEOUT", "the query took longer than it may")),
    ("division by zero", Failure("SQL_RUNTIME", "division by zero")),
    ("cannot cast", Failure("SQL_RUNTIME", _NO_VALUE)),
)
_SYSTEM = 1


def failure_of(status: Mapping[str, Any]) -> Failure:
    """The failure that a query's status tells of."""
    said = str(status.get("StateChangeReason", ""))
    found = _NAME.search(said)
    if found and found[1] in _BY_NAME:
        return _BY_NAME[found[1]]
    for words, failure in _BY_WORDS:
        if words in said.lower():
            return failure
    if status.get("AthenaError", {}).get("ErrorCategory") == _SYSTEM:
        return Failure("UNAVAILABLE", "the engine failed; the same query may pass later")
    return Failure("SQL_RUNTIME", "the query failed")
