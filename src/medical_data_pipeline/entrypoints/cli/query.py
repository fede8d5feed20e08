"""`mdp query`: SQL in, a table or a file out."""

import sys
from pathlib import Path

import click
import httpx

from medical_data_pipeline.entrypoints.cli.client import (
    call,
    connected,
    fail,
    print_json,
    print_table,
    server_option,
)

_POLL_S = 20
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
    """Run SQL in Athena's dialect and print the whole result."""
    if wanted in ("arrow", "parquet") and output is None:
        raise click.UsageError(f"--format {wanted} needs -o FILE")
    with connected(server) as client:
        answer = call(client, "POST", "/queries", json={"sql": sql, "params": list(params), "wait_s": 25})
        answer = _finished(client, answer)
        if wanted in ("table", "json"):
            _print_rows(client, answer, wanted)
        else:
            _save(client, answer.json()["query_id"], wanted, output)


def _finished(client: httpx.Client, answer: httpx.Response) -> httpx.Response:
    while answer.status_code == 202:
        query_id = answer.json()["query_id"]
        answer = call(client, "GET", f"/queries/{query_id}/results", params={"wait_s": _POLL_S})
    return answer


def _print_rows(client: httpx.Client, answer: httpx.Response, wanted: str) -> None:
    page = answer.json()
    names = [column["name"] for column in page["columns"]]
    rows = list(page["rows"])
    while page["next_page_token"]:
        path = f"/queries/{page['query_id']}/results"
        page = call(client, "GET", path, params={"page_token": page["next_page_token"]}).json()
        rows += page["rows"]
    if wanted == "json":
        print_json(
            [dict(zip(names, row, strict=True)) for row in rows] if len(set(names)) == len(names) else rows
        )
    else:
        print_table(names, rows)


def _save(client: httpx.Client, query_id: str, wanted: str, output: Path | None) -> None:
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
