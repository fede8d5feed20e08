"""A DuckDB connection made to behave as Trino: its settings, macros and functions."""

import duckdb


def prepare(connection: duckdb.DuckDBPyConnection) -> None:
    """Once for each connection, before settings are locked: what translated statements rely on."""
    connection.execute("SET TimeZone = 'UTC'")
