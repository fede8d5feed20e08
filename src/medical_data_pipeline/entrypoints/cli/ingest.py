"""`mdp ingest`: files to the server, with progress, until they can be queried."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import httpx
from rich.console import Console
from rich.progress import Progress

from medical_data_pipeline.entrypoints.cli.client import (
    EXIT_UNREACHABLE,
    Unanswered,
    asked,
    call,
    connected,
    counted,
    fail,
    plainly_failing,
    print_table,
    server_option,
    why,
)
from medical_data_pipeline.entrypoints.cli.receipt import find_receipt
from medical_data_pipeline.model.keys import is_hidden

_CHUNK = 1 << 20
_FINAL = frozenset({"committed", "refused", "failed", "superseded"})
_GOOD = frozenset({"committed", "superseded"})
EXIT_USAGE = 2
EXAMPLES = """
\b
Examples:
  mdp ingest labs/*.csv --table labs
  mdp ingest extracts/
"""


@dataclass(frozen=True)
class Upload:
    """A file, its name below the table, and its key below `input/`."""

    file: Path
    name: str
    key: str


@dataclass(frozen=True)
class Outcome:
    """What became of an upload: the load, or why there is none."""

    upload: Upload
    load: dict[str, Any] | None = None
    problem: str = ""
    was_loaded: bool = False

    def state(self) -> str:
        """As the user is told it."""
        if self.load is None:
            return "not sent"
        return "already loaded" if self.was_loaded else str(self.load["state"])

    def trouble(self) -> str:
        """Why it is not loaded, as one line."""
        if self.load is None:
            return self.problem
        return why(self.load) or str(self.load["state"])


class SameKey(Exception):
    """Two files would get one key, and the later would take the place of the earlier."""


class FileChanged(Exception):
    """A file has not the size it had when its upload began."""


@click.command(epilog=EXAMPLES)
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--table", help="The table; without it a folder below PATHS names it, else the default table.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the files are loaded.")
@server_option
def command(paths: tuple[Path, ...], table: str | None, wait: bool, server: str) -> None:
    """Upload the files PATHS, and of folders all files below them by their names there.

    A file that is refused is named, and the others are loaded. Exit code 1: not all were.
    """
    try:
        uploads = plan_uploads(paths, table)
    except SameKey as same:
        fail(str(same), EXIT_USAGE)
    with connected(server) as client, Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("uploading", total=sum(_size_bytes(upload.file) for upload in uploads))
        outcomes = [sent(client, upload, lambda size: progress.advance(task, size)) for upload in uploads]
        if table is None and any(path.is_dir() for path in paths):
            _tell_tables(outcomes)
        if wait:
            outcomes = [_settled(client, outcome) for outcome in outcomes]
        notes = list(_notes(client, outcomes)) if wait else []
    print_table(
        ("file", "table", "state", "read", "loaded", "set aside", "reason"), list(map(_row, outcomes))
    )
    for note in notes:
        click.echo(note, err=True)
    sys.exit(_report(outcomes, _GOOD if wait else _FINAL | {"received", "converted"}))


def plan_uploads(paths: Sequence[Path], table: str | None) -> list[Upload]:
    """Which file gets which key: below a given folder its path there, else its name.

    Raises:
        SameKey: two would get the same.
    """
    planned: dict[str, Upload] = {}
    for file, name in (each for path in paths for each in _named(path)):
        key = f"{table}/{name}" if table else name
        other = planned.setdefault(key, Upload(file, name, key)).file
        if other.resolve() != file.resolve():
            raise SameKey(
                f"{other} and {file} would both be {key}, and one would take the other's place: "
                "rename one, or give the folder that both are in. Nothing was sent"
            )
    return list(planned.values())


def _named(path: Path) -> list[tuple[Path, str]]:
    if not path.is_dir():
        return [(path, path.name)]
    found = sorted(file for file in path.rglob("*") if file.is_file())
    named = [(file, file.relative_to(path).as_posix()) for file in found]
    return [(file, name) for file, name in named if not is_hidden(name)]


def _size_bytes(file: Path) -> int:
    return file.stat().st_size if file.is_file() else 0


def sent(client: httpx.Client, upload: Upload, advance: Callable[[int], object]) -> Outcome:
    """What the server said of one file; that no server answers is the end of the command."""
    if not upload.file.is_file():
        return Outcome(upload, problem="UNREADABLE: not a file, or no longer there")
    try:
        size_bytes = _size_bytes(upload.file)
        headers = {"Content-Length": str(size_bytes)}
        content = _chunks(upload.file, size_bytes, advance)
        answer = asked(client, "PUT", f"/input/{quote(upload.key)}", content=content, headers=headers)
    except FileChanged:
        return Outcome(
            upload, problem="CHANGED: it changed while it was sent; send it again when it is whole"
        )
    except OSError as error:
        return Outcome(upload, problem=f"UNREADABLE: {error.strerror}")
    except Unanswered as error:
        if error.exit_code == EXIT_UNREACHABLE:
            fail(f"{upload.file} and what follows it was not sent: {error}", EXIT_UNREACHABLE)
        return Outcome(upload, problem=str(error))
    load = answer.json()
    return Outcome(upload, load, was_loaded=answer.status_code == 200 and load["state"] in _GOOD)


def _chunks(file: Path, size_bytes: int, advance: Callable[[int], object]) -> Iterator[bytes]:
    """Raises: FileChanged, before the last byte where that can be seen."""
    left_bytes = size_bytes
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            left_bytes -= len(chunk)
            if left_bytes < 0:
                raise FileChanged
            yield chunk
            advance(len(chunk))
    if left_bytes:
        raise FileChanged


def _settled(client: httpx.Client, outcome: Outcome) -> Outcome:
    load = outcome.load
    while load is not None and load["state"] not in _FINAL:
        time.sleep(0.1)
        load = call(client, "GET", f"/loads/{load['load_id']}").json()
    return replace(outcome, load=load)


def _tell_tables(outcomes: Sequence[Outcome]) -> None:
    tables = sorted({str(outcome.load["table"]) for outcome in outcomes if outcome.load is not None})
    if tables:
        click.echo(f"mdp: no --table: into {', '.join(tables)}", err=True)


def _row(outcome: Outcome) -> tuple[object, ...]:
    load = outcome.load
    if load is None:
        return (outcome.upload.name, "", outcome.state(), "", "", "", outcome.problem.partition(":")[0])
    rows = load["rows"]
    counts = (rows["read"], rows["loaded"], rows["quarantined"])
    return (outcome.upload.name, load["table"], outcome.state(), *counts, load["reason"])


def _report(outcomes: Sequence[Outcome], good: frozenset[str]) -> bool:
    """Name what was not loaded, and say whether there is any."""
    bad = [outcome for outcome in outcomes if outcome.load is None or outcome.load["state"] not in good]
    for outcome in bad:
        click.echo(f"mdp: {outcome.upload.file}: {outcome.trouble()}", err=True)
    if bad:
        click.echo(f"mdp: {len(bad)} of {counted(len(outcomes), 'file')} not loaded", err=True)
    return bool(bad)


def _notes(client: httpx.Client, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """What the receipts of the files that are loaded have to say, a line each."""
    for outcome in outcomes:
        if outcome.load is None or outcome.load["state"] != "committed":
            continue
        with plainly_failing():
            receipt = find_receipt(client, outcome.load["load_id"])
        for warning in receipt["warnings"] if receipt else ():
            yield f"mdp: {outcome.upload.file}: note: {warning}"
