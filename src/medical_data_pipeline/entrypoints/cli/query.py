"""`mdp query`: SQL in, a table or a file out."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO, TextIO

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
from medical_data_pipeline.entrypoints.cli.whole_file import whole_file

# More is for no reader, and a table is laid out as a whole.
MAX_SHOWN = 1000
EXAMPLES = """
\b
Examples:
  mdp query 'SELECT count(*) FROM labs'
  mdp query 'SELECT * FROM labs WHERE mrn = ?' --param 00012345 --format csv -o labs.csv
  mdp query 'SELECT * FROM labs WHERE age > CAST(? AS bigint)' --param 65
"""


@click.command(epilog=EXAMPLES)
@click.argument("sql")
@click.option(
    "--param",
    "params",
    multiple=True,
    help="The value of a `?`, in order. Text: beside a number CAST(? AS bigint), beside a date date(?).",
)
@click.option(
    "--format",
    "wanted",
    type=click.Choice(["table", "json", "csv", "arrow", "parquet"]),
    default="table",
    show_default=True,
)
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write to a file, for its user alone.")
@server_option
def command(sql: str, params: tuple[str, ...], wanted: str, output: Path | None, server: str) -> None:
    """Run SQL in Athena's dialect and print the result: as a table its first 1,000 rows, else all of it.

    FILE is written whole or not at all: when something fails, it is as it was before.
    """
    if wanted in ("arrow", "parquet") and output is None:
        raise click.UsageError(f"--format {wanted} needs -o FILE")
    with connected(server) as client, plainly_failing(), _destination(output) as file:
        if wanted == "table":
            found = rows_of(client, finished(client, sql, params, MAX_SHOWN), MAX_SHOWN)
            _print_table(found, file)
        elif wanted == "json":
            _print_json(rows_of(client, finished(client, sql, params)), file)
        else:
            _save(client, finished(client, sql, params, 1)["query_id"], wanted, file)


@contextmanager
def _destination(output: Path | None) -> Iterator[BinaryIO | None]:
    """The file to write; None is standard output. Opened before the query is asked, which may take long."""
    if output is None:
        yield None
        return
    try:
        with whole_file(output) as file:
            yield file
    except OSError as error:
        fail(f"{output} cannot be written: {error.strerror}")


@contextmanager
def _text(file: BinaryIO | None) -> Iterator[TextIO | None]:
    if file is None:
        yield None
        return
    text = TextIOWrapper(file, encoding="utf-8", newline="\n")
    yield text
    text.detach()


def _print_table(found: Rows, file: BinaryIO | None) -> None:
    with _text(file) as text:
        print_table(found.names, found.rows, null="NULL", file=text)
    left = found.row_count - len(found.rows)
    if left > 0:
        said = f"{counted(left, 'more row')}: --format csv, json, arrow or parquet gives all"
        click.echo(f"mdp: {said}", err=True)


def _print_json(found: Rows, file: BinaryIO | None) -> None:
    has_names = len(set(found.names)) == len(found.names)
    rows = [dict(zip(found.names, row, strict=True)) for row in found.rows] if has_names else found.rows
    with _text(file) as text:
        print_json(rows, text)


def _save(client: httpx.Client, query_id: str, wanted: str, file: BinaryIO | None) -> None:
    try:
        _stream(client, query_id, wanted, file or sys.stdout.buffer)
    except httpx.TransportError:
        written = "what was written is not whole" if file is None else "nothing was written"
        fail(f"the server ended its answer before the result did: {written}", EXIT_UNREACHABLE)


def _stream(client: httpx.Client, query_id: str, wanted: str, file: BinaryIO) -> None:
    path = f"/queries/{query_id}/results"
    # On AWS the answer is a link into the bucket; the token is not sent there.
    with client.stream("GET", path, params={"format": wanted}, follow_redirects=True) as answer:
        if answer.is_error:
            fail(f"the server answers {answer.status_code}")
        for chunk in answer.iter_bytes():
            file.write(chunk)
