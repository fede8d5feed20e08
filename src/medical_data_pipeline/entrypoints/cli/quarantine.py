"""`mdp quarantine`: the rows of a table that were set aside, and why."""

import click

from medical_data_pipeline.entrypoints.cli.client import (
    call,
    connected,
    json_option,
    print_json,
    print_table,
    server_option,
)
from medical_data_pipeline.model.quarantine import quarantine_table


@click.command(epilog="\b\nExample:\n  mdp quarantine encounters")
@click.argument("table")
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
    with connected(server) as client:
        found = call(client, "POST", "/queries", json={"sql": sql, "wait_s": 25}).json()
    names = [column["name"] for column in found["columns"]]
    if as_json:
        print_json([dict(zip(names, row, strict=True)) for row in found["rows"]])
    else:
        print_table(names, found["rows"])
