"""`mdp tables`: the tables of the catalog."""

import click

from medical_data_pipeline.entrypoints.cli.client import (
    call,
    connected,
    json_option,
    print_json,
    print_table,
    server_option,
)


@click.command(epilog="\b\nExample:\n  mdp tables --json")
@server_option
@json_option
def command(server: str, as_json: bool) -> None:
    """List the tables."""
    with connected(server) as client:
        found = call(client, "GET", "/tables").json()["tables"]
    if as_json:
        print_json(found)
    else:
        print_table(("table", "columns"), [(table["name"], table["columns"]) for table in found])
