"""`mdp receipt`: what the uploader is told of one load."""

from typing import Any

import click
import httpx

from medical_data_pipeline.entrypoints.cli.client import (
    Unanswered,
    asked,
    connected,
    counted,
    json_option,
    plainly_failing,
    print_json,
    print_table,
    server_option,
    why,
)

_DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space"}


@click.command(epilog="\b\nExample:\n  mdp receipt 0123456789abcdef0123456789abcdef")
@click.argument("load")
@server_option
@json_option
def command(load: str, server: str, as_json: bool) -> None:
    """Show the receipt of LOAD: every column's type and why, every row accounted for."""
    with connected(server) as client, plainly_failing():
        found = find_receipt(client, load)
        if found is None:
            load_found = asked(client, "GET", f"/loads/{load}").json()
            _print_load(load_found, as_json)
        elif as_json:
            print_json(found)
        else:
            _print_receipt(found)


def find_receipt(client: httpx.Client, load: str) -> dict[str, Any] | None:
    """None when there is none, as of a refused file. Raises: Unanswered."""
    try:
        found: dict[str, Any] = asked(client, "GET", f"/loads/{load}/receipt").json()
    except Unanswered as error:
        if error.code != "NOT_FOUND":
            raise
        return None
    return found


def _print_load(load: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(load)
        return
    said = why(load)
    click.echo(f"{load['table']}: {load['state']}{f' ({said})' if said else ''}; there is no receipt")


def _print_receipt(found: dict[str, Any]) -> None:
    rows, dialect = found["rows"], found["dialect"]
    counts = f"{rows['read']} rows read, {rows['loaded']} loaded, {rows['quarantined']} set aside"
    click.echo(f"{found['table']}: {counts}")
    click.echo(f"read as: {_dialect(dialect)}")
    for warning in found["warnings"]:
        click.echo(f"note: {warning}")
    names = ("name", "type", "reason", "nulls", "tag", "phi")
    print_table(("column", *names[1:]), [[column[name] for name in names] for column in found["columns"]])


def _dialect(dialect: dict[str, Any]) -> str:
    delimiter = _DELIMITERS.get(dialect["delimiter"], dialect["delimiter"])
    header = "with a header" if dialect["header"] else "without a header"
    skipped = f" after {counted(dialect['skip_lines'], 'line')}" if dialect["skip_lines"] else ""
    packed = "" if dialect.get("compression", "none") == "none" else f"{dialect['compression']}, "
    return f"{packed}{dialect['encoding']}, delimiter {delimiter}, {header}{skipped}"
