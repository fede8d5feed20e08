"""`mdp replay`: load a file once more after its cause was mended."""

import re
from typing import Any

import click
import httpx

from medical_data_pipeline.entrypoints.cli.client import (
    asked,
    connected,
    counted,
    plainly_failing,
    server_option,
)
from medical_data_pipeline.entrypoints.cli.load_list import loads_of


@click.command(epilog="\b\nExamples:\n  mdp replay encounters\n  mdp replay 0123456789abcdef0123456789abcdef")
@click.argument("target")
@server_option
def command(target: str, server: str) -> None:
    """Load again TARGET: one load by its id, or a table's loads with rows set aside, refused or failed."""
    with connected(server) as client, plainly_failing():
        ids = [target] if re.fullmatch("[0-9a-f]{32}", target) else _unsettled(client, target.lower())
        for load_id in ids:
            asked(client, "POST", f"/loads/{load_id}/replay")
    click.echo(f"{counted(len(ids), 'load')} will be loaded again")


def _unsettled(client: httpx.Client, table: str) -> list[str]:
    """Raises: Unanswered, also when there is no such table."""
    newest: dict[str, dict[str, Any]] = {}
    for load in loads_of(client, table):
        newest.setdefault(load["key"], load)
    return [
        str(load["load_id"])
        for load in newest.values()
        if load["state"] in ("refused", "failed") or load["rows"]["quarantined"]
    ]
