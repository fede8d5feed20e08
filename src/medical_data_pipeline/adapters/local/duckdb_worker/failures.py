"""DuckDB exceptions as our stable reasons; its messages hold cells and paths and go no further."""

import duckdb

from medical_data_pipeline.adapters.local.duckdb_worker.messages import Failed

INTERRUPTED = "INTERRUPTED"
UNAVAILABLE = "UNAVAILABLE"
RESOURCE_LIMIT = "QUERY_RESOURCE_LIMIT"


class ResourceLimit(Exception):
    """A result is over one of the worker's limits; the message says which."""


# The first that fits is taken: a subclass stands before its parent.
_BY_TYPE: tuple[tuple[type[BaseException] | tuple[type[BaseException], ...], str, str], ...] = (
    (duckdb.InterruptException, INTERRUPTED, ""),
    (
        (duckdb.OutOfMemoryException, MemoryError),
        RESOURCE_LIMIT,
        "the query needs more memory than it may use",
    ),
    (duckdb.ConversionException, "SQL_RUNTIME", "a value could not be converted"),
    (duckdb.TypeMismatchException, "SQL_TYPE", "the types of an expression do not fit together"),
    (duckdb.OutOfRangeException, "SQL_RUNTIME", "a number is out of the range of its type"),
    (duckdb.ConstraintException, "SQL_RUNTIME", "a value breaks a rule of the statement"),
    (duckdb.PermissionException, "SQL_FORBIDDEN_OBJECT", "the statement reads what it may not"),
    (
        (duckdb.HTTPException, duckdb.IOException, OSError),
        UNAVAILABLE,
        "the files of a table could not be read",
    ),
    (duckdb.CatalogException, "SQL_UNKNOWN_OBJECT", "a table or function of the statement is not known"),
    (duckdb.BinderException, "SQL_TYPE", "the types of an expression do not fit together"),
    ((duckdb.ParserException, duckdb.SyntaxException), "SQL_UNSUPPORTED", "the statement cannot be run"),
    (duckdb.NotImplementedException, "SQL_UNSUPPORTED", "the statement uses what the engine does not have"),
    (duckdb.InvalidInputException, "SQL_RUNTIME", "a function was given an argument it does not take"),
    (
        (UnicodeError, RuntimeError, duckdb.InvalidTypeException),
        "SQL_PARAMS",
        "a parameter could not be bound",
    ),
)

# What our own macros and DuckDB's functions say, in words that hold no value.
_BY_TEXT: tuple[tuple[str, str, str], ...] = (
    ("division by zero", "SQL_RUNTIME", "division by zero"),
    ("divide by zero", "SQL_RUNTIME", "division by zero"),
    ("overflow", "SQL_RUNTIME", "a number is out of the range of its type"),
    ("more than one row returned by a subquery", "SQL_RUNTIME", "a scalar subquery returned several rows"),
    ("could not parse", "SQL_RUNTIME", "a value could not be converted"),
    ("referenced column", "SQL_UNKNOWN_OBJECT", "a column of the statement is not known"),
    ("does not have a column named", "SQL_UNKNOWN_OBJECT", "a column of the statement is not known"),
    ("prepared statement parameters", "SQL_PARAMS", "the statement and its parameters do not fit together"),
    ("excess parameters", "SQL_PARAMS", "the statement and its parameters do not fit together"),
    ("file too large", RESOURCE_LIMIT, "the query needs more disk than it may use"),
    ("no space left", RESOURCE_LIMIT, "the query needs more disk than there is"),
    ("too large for 128-bit", "SQL_PARAMS", "a parameter could not be bound"),
)
_TEXT_IS_TRUSTED = (
    duckdb.BinderException,
    duckdb.InvalidInputException,
    duckdb.IOException,
    duckdb.OutOfRangeException,
    OSError,
)
# The database is unusable after the first two, may be short of memory after the next two, and after a failed
# write to a spill file every later statement that spills fails too.
_LEAVES_WORKER_UNSOUND = (
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.OutOfMemoryException,
    MemoryError,
    duckdb.IOException,
    OSError,
)


def failure_of(error: BaseException) -> Failed:
    """Why a statement failed, in words that are safe to show."""
    if isinstance(error, ResourceLimit):
        return Failed(RESOURCE_LIMIT, str(error))
    is_sound = not isinstance(error, _LEAVES_WORKER_UNSOUND)
    if isinstance(error, _TEXT_IS_TRUSTED):
        said = _first_line(error).lower()
        for words, reason, detail in _BY_TEXT:
            if words in said:
                return Failed(reason, detail, is_sound)
    for kinds, reason, detail in _BY_TYPE:
        if isinstance(error, kinds):
            return Failed(reason, detail, is_sound)
    return Failed("SQL_RUNTIME", "the query failed", is_sound)


def _first_line(error: BaseException) -> str:
    # The lines after it quote the statement, which may hold any of the words we look for.
    return str(error).partition("\n")[0]
