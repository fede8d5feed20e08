"""`mdp describe`: a table's columns, what they mean, and why we say so."""

from urllib.parse import quote

import click

from medical_data_pipeline.entrypoints.cli.client import (
    call,
    connected,
    json_option,
    lower_case,
    print_json,
    print_table,
    server_option,
)


@click.command(epilog="\b\nExample:\n  mdp describe patients")
@click.argument("table", callback=lower_case)
@server_option
@json_option
def command(table: str, server: str, as_json: bool) -> None:
    """Show the columns of TABLE with type, meaning and PHI class."""
    with connected(server) as client:
        found = call(client, "GET", f"/tables/{quote(table, safe='')}").json()
    if as_json:
        print_json(found)
        return
    names = ("name", "type", "header", "tag", "phi", "reason")
    print_table(("column", *names[1:]), [[column[name] for name in names] for column in found["columns"]])
