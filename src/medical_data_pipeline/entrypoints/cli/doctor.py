"""`mdp doctor`: whether this machine and a data folder are fit for work."""

import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import click
import duckdb
import duckdb_extension_iceberg
import pyarrow

from medical_data_pipeline.adapters.local.iceberg_table_catalog import CATALOG_FILE
from medical_data_pipeline.adapters.local.sqlite_schema import CATALOG, LEDGER
from medical_data_pipeline.adapters.local.sqlite_versions import Schema, require_known
from medical_data_pipeline.adapters.local.token_file import TOKEN_FILE
from medical_data_pipeline.composition.local import LEDGER_FILE
from medical_data_pipeline.entrypoints.cli.client import print_json

_FREE_BYTES = 1 << 30


@click.command(epilog="\b\nExample:\n  mdp doctor --data-dir data")
@click.option(
    "--data-dir", type=click.Path(path_type=Path), default="data", envvar="MDP_DATA_DIR", show_default=True
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(data_dir: Path, as_json: bool) -> None:
    """Check versions, extensions, disk, permissions and databases. Exit code 1: something is wrong."""
    checks: dict[str, Callable[[], str]] = {
        "python": lambda: sys.version.split()[0],
        "pyarrow": lambda: str(pyarrow.__version__),
        "duckdb with iceberg": _duckdb,
        "disk": lambda: _disk(data_dir),
        "data folder": lambda: _permissions(data_dir),
        "ledger": lambda: _database(data_dir / LEDGER_FILE, LEDGER),
        "catalog": lambda: _database(data_dir / CATALOG_FILE, CATALOG),
    }
    results = {name: _result(check) for name, check in checks.items()}
    if as_json:
        print_json(results)
    else:
        for name, (verdict, detail) in results.items():
            click.echo(f"{verdict:5} {name}: {detail}")
    sys.exit(any(verdict == "wrong" for verdict, _ in results.values()))


def _result(check: Callable[[], str]) -> tuple[str, str]:
    try:
        return "ok", check()
    except Exception as error:
        return "wrong", str(error).splitlines()[0] if str(error) else type(error).__name__


def _duckdb() -> str:
    wheel = Path(next(iter(duckdb_extension_iceberg.__path__)))
    if not list(wheel.glob(f"extensions/v{duckdb.__version__}/iceberg.duckdb_extension")):
        raise RuntimeError(f"no iceberg extension for DuckDB {duckdb.__version__}")
    return str(duckdb.__version__)


def _disk(data_dir: Path) -> str:
    free = shutil.disk_usage(data_dir if data_dir.exists() else Path()).free
    if free < _FREE_BYTES:
        raise RuntimeError(f"only {free >> 20} MB free")
    return f"{free >> 30} GB free"


def _permissions(data_dir: Path) -> str:
    if not data_dir.is_dir():
        raise RuntimeError("there is no such data folder; the first mdp serve makes it")
    if data_dir.stat().st_mode & 0o077:
        raise RuntimeError("others can look into the data folder: chmod 700")
    for name in (TOKEN_FILE, LEDGER_FILE, CATALOG_FILE):
        file = data_dir / name
        if file.exists() and file.stat().st_mode & 0o077:
            raise RuntimeError(f"others may read {name}: chmod 600")
    return "private"


def _database(file: Path, schema: Schema) -> str:
    if not file.exists():
        return "not there yet"
    require_known(file, schema)
    connection = sqlite3.connect(file)
    try:
        (verdict,) = connection.execute("PRAGMA quick_check").fetchone()
    finally:
        connection.close()
    if verdict != "ok":
        raise RuntimeError("the database is damaged")
    return "whole"
