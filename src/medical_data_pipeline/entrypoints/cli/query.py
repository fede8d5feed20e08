"""`mdp query`: SQL in, a table or a file out."""

import sys
from pathlib import Path

import click
import httpx

from medical_data_pipeline.entrypoints.cli.answers import Rows, finished, rows_of
from medical_data_pipeline.entrypoints.cli.client import (
    EXIT_UNREACHABLE,
    connected,
    counted,
    fail,
    plainly_failing,
    print_json,
    print_table,
    server_option,
)

# More is for no reader, and a table is laid out as a whole.
MAX_SHOWN = 1000
EXAMPLES = """
\b
Examples:
  mdp query 'SELECT count(*) FROM labs'
  mdp query 'SELECT * FROM labs WHERE mrn = ?' --param 00012345 --format csv -o labs.csv
"""


@click.command(epilog=EXAMPLES)
@click.argument("sql")
@click.option("--param", "params", multiple=True, help="The value of a `?`, in order; text.")
@click.option(
    "--format",
    "wanted",
    type=click.Choice(["table", "json", "csv", "arrow", "parquet"]),
    default="table",
    show_default=True,
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to a file.")
@server_option
def command(sql: str, params: tuple[str, ...], wanted: str, output: Path | None, server: str) -> None:
    """Run SQL in Athena's dialect and print the result: as a table its first 1,000 rows, else all of it."""
    if wanted in ("arrow", "parquet") and output is None:
        raise click.UsageError(f"--format {wanted} needs -o FILE")
    with connected(server) as client, plainly_failing():
        if wanted == "table":
            _print_table(rows_of(client, finished(client, sql, params, MAX_SHOWN), MAX_SHOWN))
        elif wanted == "json":
            _print_json(rows_of(client, finished(client, sql, params)))
        else:
            _save(client, finished(client, sql, params, 1)["query_id"], wanted, output)


def _print_table(found: Rows) -> None:
    print_table(found.names, found.rows, null="NULL")
    left = found.row_count - len(found.rows)
    if left > 0:
        said = f"{counted(left, 'more row')}: --format csv, json, arrow or parquet gives all"
        click.echo(f"mdp: {said}", err=True)


def _print_json(found: Rows) -> None:
    has_names = len(set(found.names)) == len(found.names)
    print_json([dict(zip(found.names, row, strict=True)) for row in found.rows] if has_names else found.rows)


def _save(client: httpx.Client, query_id: str, wanted: str, output: Path | None) -> None:
    try:
        _stream(client, query_id, wanted, output)
    except httpx.TransportError:
        fail(
            "the server ended its answer before the result did: what was written is not whole",
            EXIT_UNREACHABLE,
        )


def _stream(client: httpx.Client, query_id: str, wanted: str, output: Path | None) -> None:
    with client.stream("GET", f"/queries/{query_id}/results", params={"format": wanted}) as answer:
        if answer.is_error:
            fail(f"the server answers {answer.status_code}")
        if output is None:
            for chunk in answer.iter_bytes():
                sys.stdout.buffer.write(chunk)
            return
        with output.open("wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)
