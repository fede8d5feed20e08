"""A DuckDB connection made to behave as Trino: its settings, macros and functions."""

from importlib.resources import files

import duckdb

from medical_data_pipeline.adapters.local.duckdb_sql import udfs
from medical_data_pipeline.adapters.local.duckdb_sql.udfs import Function

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
    macros = files("medical_data_pipeline.adapters.local.duckdb_sql").joinpath("macros.sql").read_text("utf-8")
    connection.execute(macros)


def _register(connection: duckdb.DuckDBPyConnection, name: str, function: Function) -> None:
    connection.create_function(
        "py_" + name,
        function.null_safe(),
        [connection.type(kind) for kind in function.parameters],
        connection.type(function.result),
        # Otherwise DuckDB refuses a result that is null.
        null_handling="special",
    )
