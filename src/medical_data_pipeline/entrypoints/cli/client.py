"""The server as client commands see it: one call, or one plain line that says what is wrong."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click
import httpx
from rich.console import Console
from rich.table import Table

EXIT_UNREACHABLE = 4
server_option = click.option(
    "--server",
    default="http://127.0.0.1:8642",
    envvar="MDP_SERVER",
    show_default=True,
    help="The server's URL.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def connected(server: str) -> httpx.Client:
    """A client with the token of MDP_TOKEN."""
    token = os.environ.get("MDP_TOKEN", "")
    if not token:
        fail("set MDP_TOKEN to the token that `mdp serve` showed", EXIT_UNREACHABLE)
    return httpx.Client(base_url=server, headers={"Authorization": f"Bearer {token}"}, timeout=120)


def call(client: httpx.Client, method: str, path: str, **arguments: Any) -> httpx.Response:
    """The answer, if it is a good one; else the end of the command."""
    try:
        answer = client.request(method, path, **arguments)
    except httpx.TransportError as error:
        fail(f"the server does not answer: {type(error).__name__}", EXIT_UNREACHABLE)
    if answer.status_code in (401, 403) and _code(answer) == "UNAUTHENTICATED":
        fail("the server does not accept the token", EXIT_UNREACHABLE)
    if answer.is_error:
        fail(f"{_code(answer)}: {_problem(answer).get('detail') or _problem(answer).get('title', '')}")
    return answer


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _code(answer: httpx.Response) -> str:
    return str(_problem(answer).get("code", answer.status_code))


def fail(message: str, code: int = 1) -> NoReturn:
    click.echo(f"mdp: {message}", err=True)
    sys.exit(code)


def print_json(value: object) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
