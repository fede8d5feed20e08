"""`mdp receipt`: what the uploader is told of one load."""

import click

from medical_data_pipeline.entrypoints.cli.client import (
    call,
    connected,
    json_option,
    print_json,
    print_table,
    server_option,
)


@click.command(epilog="\b\nExample:\n  mdp receipt 0123456789abcdef0123456789abcdef")
@click.argument("load")
@server_option
@json_option
def command(load: str, server: str, as_json: bool) -> None:
    """Show the receipt of LOAD: every column's type and why, every row accounted for."""
    with connected(server) as client:
        found = call(client, "GET", f"/loads/{load}/receipt").json()
    if as_json:
        print_json(found)
        return
    rows = found["rows"]
    counts = f"{rows['read']} rows read, {rows['loaded']} loaded, {rows['quarantined']} set aside"
    click.echo(f"{found['table']}: {counts}")
    for warning in found["warnings"]:
        click.echo(f"note: {warning}")
    names = ("name", "type", "reason", "nulls", "tag", "phi")
    print_table(("column", *names[1:]), [[column[name] for name in names] for column in found["columns"]])
