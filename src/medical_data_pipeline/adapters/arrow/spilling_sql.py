"""SQL over Parquet files in little memory: what does not fit is sorted and grouped on disk."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlglot import exp

from medical_data_pipeline.errors import StorageFull

if TYPE_CHECKING:
    import duckdb

MEMORY = "192MB"
_THREADS = 2


@contextmanager
def spilling_connection(scratch: Path) -> "Iterator[duckdb.DuckDBPyConnection]":
    """A database of its own that spills into `scratch`.

    Raises:
        StorageFull: neither memory nor disk is enough.
    """
    # Most conversions need none of this, and it takes time to load.
    import duckdb  # noqa: PLC0415

    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY,
        "threads": _THREADS,
        "temp_directory": str(scratch),
    }
    with duckdb.connect(config=settings) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        try:
            yield connection
        except duckdb.OutOfMemoryException:
            raise StorageFull("no room left to bring the converted rows in order") from None


def parquet_rows(paths: Sequence[Path]) -> exp.Table:
    """All rows of these files as a relation."""
    listed = exp.Array(expressions=[exp.Literal.string(str(path)) for path in paths])
    return exp.Table(this=exp.Anonymous(this="read_parquet", expressions=[listed]))
