"""A DuckDB connection made to behave as Trino: its settings, macros and functions."""

from importlib.resources import files

import duckdb

from medical_data_pipeline.adapters.local.duckdb_sql import udfs
from medical_data_pipeline.adapters.local.duckdb_sql.python_function import Body, Function

_SETTINGS = (
    "SET TimeZone = 'UTC'",
    "SET default_null_order = 'nulls_last'",
    "SET scalar_subquery_error_on_multiple_rows = true",
    "SET ieee_floating_point_ops = true",
    "SET integer_division = false",
)


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Once for each connection, before settings are locked: what translated statements rely on."""
    for setting in _SETTINGS:
        connection.execute(setting)
    for name, function in udfs.ALL.items():
        _register(connection, name, function)
    macros = (
        files("medical_data_pipeline.adapters.local.duckdb_sql").joinpath("macros.sql").read_text("utf-8")
    )
    connection.execute(macros)


def _register(connection: duckdb.DuckDBPyConnection, name: str, function: Function) -> None:
    result = "VARCHAR" if function.is_float else function.result
    body = function.null_safe()
    connection.create_function(  # type: ignore[call-overload]
        ("text_" if function.is_float else "py_") + name,
        _as_text(body) if function.is_float else body,
        [connection.type(kind) for kind in function.parameters],
        connection.type(result),
        # Otherwise DuckDB refuses a result that is null.
        null_handling="special",
    )
    if function.is_float:
        names = ", ".join("abcd"[: len(function.parameters)])
        macro = f"py_{name}({names}) AS CAST(text_{name}({names}) AS {function.result})"
        connection.execute(f"CREATE OR REPLACE TEMP MACRO {macro}")


def _as_text(body: Body) -> Body:
    def as_text(value: float | None) -> str | None:
        return None if value is None else repr(value)

    # DuckDB counts a function's parameters, so each number of them is written out.
    by_count: dict[int, Body] = {
        1: lambda a: as_text(body(a)),
        2: lambda a, b: as_text(body(a, b)),
        3: lambda a, b, c: as_text(body(a, b, c)),
        4: lambda a, b, c, d: as_text(body(a, b, c, d)),
    }
    return by_count[body.__code__.co_argcount]
