"""The server as client commands see it: one call, or one plain line that says what is wrong."""

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn, TextIO

import click
import httpx
from rich.console import Console
from rich.table import Table
from rich.text import Text

EXIT_UNREACHABLE = 4
server_option = click.option(
    "--server",
    default="http://127.0.0.1:8642",
    envvar="MDP_SERVER",
    show_default=True,
    help="The server's URL.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def lower_case(context: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    """The name of a table as SQL compares it: written in any case."""
    return None if name is None else name.lower()


def connected(server: str) -> httpx.Client:
    """A client with the token of MDP_TOKEN."""
    if not server.startswith(("http://", "https://")):
        fail(f"--server or MDP_SERVER is a URL: http:// is missing before {server}", EXIT_UNREACHABLE)
    token = os.environ.get("MDP_TOKEN", "")
    if not token:
        fail("set MDP_TOKEN to the token that `mdp serve` showed", EXIT_UNREACHABLE)
    return httpx.Client(base_url=server, headers={"Authorization": f"Bearer {token}"}, timeout=120)


class Unanswered(Exception):
    """What a call got in place of a good answer, as one plain line; `exit_code` says who has to act."""

    def __init__(self, message: str, exit_code: int = 1, code: str = "") -> None:
        super().__init__(message)
        self.exit_code = exit_code
        self.code = code


@contextmanager
def plainly_failing() -> Iterator[None]:
    """The end of the command, with one line, where a call gets no good answer."""
    try:
        yield
    except Unanswered as error:
        fail(str(error), error.exit_code)


def call(client: httpx.Client, method: str, path: str, **arguments: Any) -> httpx.Response:
    """The answer, if it is a good one; else the end of the command."""
    with plainly_failing():
        return asked(client, method, path, **arguments)


def asked(client: httpx.Client, method: str, path: str, **arguments: Any) -> httpx.Response:
    """Raises: Unanswered."""
    try:
        answer = client.request(method, path, **arguments)
    except httpx.TransportError as error:
        where = str(client.base_url).rstrip("/")
        raise Unanswered(
            f"the server at {where} does not answer ({type(error).__name__}): is it running? "
            "--server or MDP_SERVER says where it is",
            EXIT_UNREACHABLE,
        ) from None
    if answer.status_code in (401, 403) and _code(answer) == "UNAUTHENTICATED":
        raise Unanswered("the server does not accept the token", EXIT_UNREACHABLE)
    if answer.is_error:
        said = _problem(answer).get("detail") or _problem(answer).get("title", "")
        raise Unanswered(f"{_code(answer)}: {said}", code=_code(answer))
    return answer


def _problem(answer: httpx.Response) -> dict[str, Any]:
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _code(answer: httpx.Response) -> str:
    return str(_problem(answer).get("code", answer.status_code))


def why(load: Mapping[str, Any]) -> str:
    """The reason and the sentence of a load that was refused or failed; "" of any other."""
    return ": ".join(said for said in (load["reason"], load["detail"]) if said)


def fail(message: str, code: int = 1) -> NoReturn:
    click.echo(f"mdp: {message}", err=True)
    sys.exit(code)


def print_json(value: object, file: TextIO | None = None) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False), file)


def print_table(
    columns: Sequence[str], rows: Sequence[Sequence[object]], null: str = "", file: TextIO | None = None
) -> None:
    """Cells as they are: nothing in them is markup, and nothing in them moves the cursor."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(Text(_printable(column)), overflow="fold")
    for row in rows:
        table.add_row(*(Text(null, style="dim") if value is None else _cell(value) for value in row))
    Console(file=file, width=None if file is None and sys.stdout.isatty() else 160).print(table)


def _cell(value: object) -> Text:
    return Text(str(value).lower() if isinstance(value, bool) else _printable(str(value)))


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() or each in "\n\t" else ascii(each)[1:-1] for each in text)


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
