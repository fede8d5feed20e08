"""`mdp replay`: load a file once more after its cause was mended."""

import re

import click

from medical_data_pipeline.entrypoints.cli.client import call, connected, counted, server_option


@click.command(epilog="\b\nExamples:\n  mdp replay encounters\n  mdp replay 0123456789abcdef0123456789abcdef")
@click.argument("target")
@server_option
def command(target: str, server: str) -> None:
    """Load again TARGET: one load by its id, or a table's loads with rows set aside, refused or failed."""
    with connected(server) as client:
        ids = [target] if re.fullmatch("[0-9a-f]{32}", target) else _unsettled(client, target)
        for load_id in ids:
            call(client, "POST", f"/loads/{load_id}/replay")
    click.echo(f"{counted(len(ids), 'load')} will be loaded again")


def _unsettled(client, table: str) -> list[str]:  # type: ignore[no-untyped-def]
    loads = call(client, "GET", "/loads", params={"table": table, "limit": 1000}).json()["loads"]
    newest: dict[str, dict[str, object]] = {}
    for load in loads:
        newest.setdefault(load["key"], load)
    return [
        str(load["load_id"])
        for load in newest.values()
        if load["state"] in ("refused", "failed") or load["rows"]["quarantined"]  # type: ignore[index]
    ]
