"""`mdp quarantine`: the rows of a table that were set aside, and why."""

from urllib.parse import quote

import click
import httpx

from medical_data_pipeline.entrypoints.cli.answers import Rows, finished, rows_of
from medical_data_pipeline.entrypoints.cli.client import (
    Unanswered,
    asked,
    connected,
    json_option,
    lower_case,
    plainly_failing,
    print_json,
    print_table,
    server_option,
)
from medical_data_pipeline.model.quarantine import quarantine_table


@click.command(epilog="\b\nExample:\n  mdp quarantine encounters")
@click.argument("table", callback=lower_case)
@click.option("--limit", default=100, show_default=True, help="How many rows.")
@server_option
@json_option
def command(table: str, limit: int, server: str, as_json: bool) -> None:
    """Show rows of TABLE that were set aside. Their text is patient data."""
    name = '"' + quarantine_table(table).replace('"', '""') + '"'
    sql = (
        f"SELECT _load_id, line, reason, column_name, wanted, raw_text FROM {name} "  # noqa: S608 - quoted name
        f"ORDER BY _load_id, line LIMIT {limit}"
    )
    with connected(server) as client, plainly_failing():
        found = _set_aside(client, table, sql, limit)
    if as_json:
        print_json([dict(zip(found.names, row, strict=True)) for row in found.rows])
    elif found.rows:
        print_table(found.names, found.rows)
    else:
        click.echo("no rows were set aside")


def _set_aside(client: httpx.Client, table: str, sql: str, limit: int) -> Rows:
    """Raises: Unanswered."""
    try:
        return rows_of(client, finished(client, sql), limit)
    except Unanswered as error:
        if error.code != "SQL_UNKNOWN_OBJECT":
            raise
    # Its quarantine is made with the first row that is set aside; the table has to be there.
    asked(client, "GET", f"/tables/{quote(table, safe='')}")
    return Rows([], [], 0)
