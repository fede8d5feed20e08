"""`mdp loads`: what was loaded, and what became of it."""

from typing import Any

import click

from medical_data_pipeline.entrypoints.cli.client import (
    connected,
    json_option,
    lower_case,
    plainly_failing,
    print_json,
    print_table,
    server_option,
    why,
)
from medical_data_pipeline.entrypoints.cli.load_list import loads_of
from medical_data_pipeline.model.keys import RAW_PREFIX


@click.command(epilog="\b\nExample:\n  mdp loads --table labs --state refused")
@click.option("--table", callback=lower_case, help="Only loads of this table.")
@click.option("--state", help="Only loads in this state: received, converted, committed, refused, …")
@click.option("--limit", type=click.IntRange(1), default=50, show_default=True, help="How many of them.")
@server_option
@json_option
def command(table: str | None, state: str | None, limit: int, server: str, as_json: bool) -> None:
    """List loads, newest first."""
    with connected(server) as client, plainly_failing():
        found = loads_of(client, table, state, limit)
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
