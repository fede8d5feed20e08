"""One conversion by one peer, run as a process of its own: `conversion_peers.py TOOL CSV OUT`."""

import sys
from pathlib import Path


def _duckdb(source: Path, target: Path) -> None:
    import duckdb

    target.mkdir(parents=True, exist_ok=True)
    duckdb.sql(
        f"COPY (FROM read_csv('{source}')) TO '{target}/part.parquet' (FORMAT parquet, COMPRESSION zstd)"
    )


def _polars(source: Path, target: Path) -> None:
    import polars

    target.mkdir(parents=True, exist_ok=True)
    polars.scan_csv(source, try_parse_dates=True).sink_parquet(target / "part.parquet", compression="zstd")


def _pyarrow(source: Path, target: Path) -> None:
    from pyarrow import csv, parquet

    target.mkdir(parents=True, exist_ok=True)
    options = csv.ParseOptions(newlines_in_values=True)
    parquet.write_table(
        csv.read_csv(source, parse_options=options), target / "part.parquet", compression="zstd"
    )


def _pandas(source: Path, target: Path) -> None:
    import pandas

    target.mkdir(parents=True, exist_ok=True)
    pandas.read_csv(source).to_parquet(target / "part.parquet", compression="zstd")


PEERS = {"duckdb": _duckdb, "polars": _polars, "pyarrow": _pyarrow, "pandas": _pandas}

if __name__ == "__main__":
    PEERS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3]))
