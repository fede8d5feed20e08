"""`mdp loads`: what was loaded, and what became of it."""

from typing import Any

import click

from medical_data_pipeline.entrypoints.cli.client import (
    call,
    connected,
    json_option,
    print_json,
    print_table,
    server_option,
    why,
)
from medical_data_pipeline.model.keys import RAW_PREFIX


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
        ("load", "file", "table", "state", "read", "loaded", "set aside", "reason"), list(map(_row, found))
    )


def _row(load: dict[str, Any]) -> tuple[object, ...]:
    rows = load["rows"]
    counts = (rows["read"], rows["loaded"], rows["quarantined"])
    return (
        load["load_id"],
        load["key"].removeprefix(RAW_PREFIX),
        load["table"],
        load["state"],
        *counts,
        why(load),
    )
