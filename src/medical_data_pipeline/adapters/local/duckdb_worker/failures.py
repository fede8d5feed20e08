"""DuckDB exceptions as our stable reasons; its messages hold cells and paths and go no further."""

import re
from typing import NamedTuple

import duckdb

from medical_data_pipeline.adapters.local.duckdb_worker.messages import Failed

INTERRUPTED = "INTERRUPTED"
UNAVAILABLE = "UNAVAILABLE"
RESOURCE_LIMIT = "QUERY_RESOURCE_LIMIT"
NO_STORAGE = "INSUFFICIENT_STORAGE"

_NO_FIT = "the types of an expression do not fit together"
_NO_COLUMN = "a column of the statement is not known"
_NO_VALUE = "a value could not be converted"
_TOO_MUCH_DISK = "the query needs more disk than it may use"
_NO_ROOM = "there is no room for what the query has to write"
_NOT_BOUND = "the statement and its parameters do not fit together"

_MEMORY = (duckdb.OutOfMemoryException, MemoryError)
_FILES = (duckdb.IOException, OSError)


class ResourceLimit(Exception):
    """A result is over one of the worker's limits; the message says which."""


class _Rule(NamedTuple):
    """What an exception of `kinds` means, if `words` are in the first line of its text."""

    kinds: type[BaseException] | tuple[type[BaseException], ...]
    reason: str
    detail: str
    words: str = ""


# The first that fits is taken.
_RULES = (
    _Rule(duckdb.InterruptException, INTERRUPTED, ""),
    _Rule(_MEMORY, RESOURCE_LIMIT, _TOO_MUCH_DISK, "failed to offload"),
    _Rule(_MEMORY, RESOURCE_LIMIT, "the query needs more memory than it may use"),
    _Rule(_FILES, RESOURCE_LIMIT, _TOO_MUCH_DISK, "file too large"),
    _Rule(_FILES, NO_STORAGE, _NO_ROOM, "no space left"),
    _Rule(_FILES, UNAVAILABLE, "the files of a table could not be read"),
    _Rule(duckdb.PermissionException, "SQL_FORBIDDEN_OBJECT", "the statement reads what it may not"),
    _Rule(duckdb.ConversionException, "SQL_RUNTIME", _NO_VALUE),
    _Rule(duckdb.OutOfRangeException, "SQL_RUNTIME", "a number is out of the range of its type"),
    _Rule(duckdb.ConstraintException, "SQL_RUNTIME", "a value breaks a rule of the statement"),
    _Rule(duckdb.InvalidInputException, "SQL_RUNTIME", "division by zero", "error: division by zero"),
    _Rule(duckdb.InvalidInputException, "SQL_RUNTIME", _NO_VALUE, "could not parse"),
    _Rule(
        duckdb.InvalidInputException,
        "SQL_RUNTIME",
        "a scalar subquery returned several rows",
        "more than one row returned by a subquery",
    ),
    _Rule(duckdb.InvalidInputException, "SQL_PARAMS", _NOT_BOUND, "prepared statement parameters"),
    _Rule(duckdb.InvalidInputException, "SQL_PARAMS", _NOT_BOUND, "excess parameters"),
    _Rule(duckdb.InvalidInputException, "SQL_PARAMS", _NOT_BOUND, "too large for 128-bit"),
    _Rule(duckdb.InvalidInputException, "SQL_RUNTIME", "a function was given an argument it does not take"),
    _Rule((UnicodeError, RuntimeError, duckdb.InvalidTypeException), "SQL_PARAMS", _NOT_BOUND),
    _Rule(duckdb.CatalogException, "SQL_UNKNOWN_OBJECT", "a table or function of the statement is not known"),
    _Rule(duckdb.BinderException, "SQL_UNKNOWN_OBJECT", _NO_COLUMN, "referenced column"),
    _Rule(duckdb.BinderException, "SQL_UNKNOWN_OBJECT", _NO_COLUMN, "does not have a column named"),
    _Rule((duckdb.BinderException, duckdb.TypeMismatchException), "SQL_TYPE", _NO_FIT),
    _Rule(
        (duckdb.ParserException, duckdb.SyntaxException, duckdb.NotImplementedException),
        "SQL_UNSUPPORTED",
        "the statement uses what the engine does not have",
    ),
)

# After the first two the database is unusable, and after a failed write to a spill file every later statement
# that spills fails too; where memory ran out, what was not freed is not known.
_LEAVES_WORKER_UNSOUND = (duckdb.FatalException, duckdb.InternalException, *_FILES, *_MEMORY)


# How DuckDB's text names an error that comes through Arrow's reader, as an OSError, while rows are fetched.
_KIND_BY_NAME: dict[str, type[BaseException]] = {
    "INTERRUPT": duckdb.InterruptException,
    "Out of Memory": duckdb.OutOfMemoryException,
    "IO": duckdb.IOException,
    "Permission": duckdb.PermissionException,
    "Conversion": duckdb.ConversionException,
    "Out of Range": duckdb.OutOfRangeException,
    "Constraint": duckdb.ConstraintException,
    "Invalid Input": duckdb.InvalidInputException,
    "Mismatch Type": duckdb.TypeMismatchException,
    "Not implemented": duckdb.NotImplementedException,
    "FATAL": duckdb.FatalException,
    "INTERNAL": duckdb.InternalException,
}


_CAST_MESSAGE = re.compile(r"CAST\('([A-Za-z]\w*(?: [^']+)+)' AS ")
_QUOTED = re.compile(r"""(?P<mark>['"])(?P<text>.*?)(?P=mark)""")


def own_messages(connection: duckdb.DuckDBPyConnection) -> frozenset[str]:
    """What our macros say when they fail on purpose, which they do by casting the message to another type."""
    macros = (
        "SELECT macro_definition FROM duckdb_functions() WHERE macro_definition IS NOT NULL AND NOT internal"
    )
    definitions = (definition for (definition,) in connection.execute(macros).fetchall())
    return frozenset(message for definition in definitions for message in _CAST_MESSAGE.findall(definition))


def failure_of(error: BaseException, told: frozenset[str] = frozenset()) -> Failed:
    """Why a statement failed, in words that are safe to show; `told` are messages that hold no value."""
    if isinstance(error, ResourceLimit):
        return Failed(RESOURCE_LIMIT, str(error))
    # The lines after the first quote the statement, which may hold any words.
    said = str(error).partition("\n")[0]
    kind = type(error) if isinstance(error, duckdb.Error) else _named_kind(said) or type(error)
    quoted = _QUOTED.search(said)
    if kind is duckdb.ConversionException and quoted and quoted["text"] in told:
        return Failed("SQL_RUNTIME", quoted["text"])
    is_sound = not issubclass(kind, _LEAVES_WORKER_UNSOUND)
    for rule in _RULES:
        if issubclass(kind, rule.kinds) and rule.words in said.lower():
            return Failed(rule.reason, rule.detail, is_sound)
    return Failed("SQL_RUNTIME", "the query failed", is_sound)


def where_room_is_short(failed: Failed) -> Failed:
    """The same failure where the volume has less room than the query was allowed to take of it."""
    if failed.detail != _TOO_MUCH_DISK:
        return failed
    return Failed(NO_STORAGE, _NO_ROOM, failed.is_worker_sound)


def _named_kind(said: str) -> type[BaseException] | None:
    name, found, _ = said.partition(" Error: ")
    return _KIND_BY_NAME.get(name) if found else None
