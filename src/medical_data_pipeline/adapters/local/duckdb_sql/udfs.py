"""Every Python function of a session, by name."""

from collections.abc import Mapping

from medical_data_pipeline.adapters.local.duckdb_sql import (
    udfs_bytes,
    udfs_dates,
    udfs_format,
    udfs_json,
    udfs_numbers,
    udfs_regexp,
    udfs_sql_json,
    udfs_text,
)
from medical_data_pipeline.adapters.local.duckdb_sql.python_function import TABLE, Function

__all__ = ["ALL", "Function"]
REGISTERED = (
    udfs_bytes,
    udfs_dates,
    udfs_format,
    udfs_json,
    udfs_numbers,
    udfs_regexp,
    udfs_sql_json,
    udfs_text,
)
ALL: Mapping[str, Function] = TABLE
