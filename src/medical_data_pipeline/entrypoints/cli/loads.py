"""`mdp loads`: what was loaded, and what became of it."""

import click

from medical_data_pipeline.entrypoints.cli.client import (
    call,
    connected,
    json_option,
    print_json,
    print_table,
    server_option,
)


@click.command(epilog="\b\nExample:\n  mdp loads --table labs --state refused")
@click.option("--table", help="Only loads of this table.")
@click.option("--state", help="Only loads in this state: received, converted, committed, refused, …")
@click.option("--limit", default=50, show_default=True, help="How many, newest first.")
@server_option
@json_option
def command(table: str | None, state: str | None, limit: int, server: str, as_json: bool) -> None:
    """List loads, newest first."""
    wanted = {"table": table, "state": state, "limit": limit}
    with connected(server) as client:
        found = call(
            client,
            "GET",
            "/loads",
            params={name: value for name, value in wanted.items() if value is not None},
        ).json()["loads"]
    if as_json:
        print_json(found)
        return
    print_table(
        ("load", "table", "state", "read", "loaded", "set aside", "reason"),
        [
            (
                load["load_id"],
                load["table"],
                load["state"],
                load["rows"]["read"],
                load["rows"]["loaded"],
                load["rows"]["quarantined"],
                load["reason"],
            )
            for load in found
        ],
    )
