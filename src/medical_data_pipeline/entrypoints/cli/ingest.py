"""`mdp ingest`: files to the server, with progress, until they can be queried."""

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import httpx
from rich.console import Console
from rich.progress import Progress

from medical_data_pipeline.entrypoints.cli.client import call, connected, print_table, server_option

_CHUNK = 1 << 20
_FINAL = frozenset({"committed", "refused", "failed", "superseded"})


@click.command(epilog="\b\nExamples:\n  mdp ingest labs/*.csv --table labs\n  mdp ingest extracts/")
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--table", help="The table; the default table without it.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Wait until the files are loaded.")
@server_option
def command(paths: tuple[Path, ...], table: str | None, wait: bool, server: str) -> None:
    """Upload the files PATHS (folders with all files in them). Exit code 1: not all were loaded."""
    files = [file for path in paths for file in _files(path)]
    with connected(server) as client, Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("uploading", total=sum(file.stat().st_size for file in files))
        loads = [_uploaded(client, file, table, lambda size: progress.advance(task, size)) for file in files]
        if wait:
            loads = [_settled(client, load) for load in loads]
    rows = [
        (file.name, load["table"], load["state"], *_counts(load), load["reason"])
        for file, load in zip(files, loads, strict=True)
    ]
    print_table(("file", "table", "state", "read", "loaded", "set aside", "reason"), rows)
    sys.exit(wait and any(load["state"] not in ("committed", "superseded") for load in loads))


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]


def _uploaded(client: httpx.Client, file: Path, table: str | None, advance: Any) -> dict[str, Any]:
    key = f"{table}/{file.name}" if table else file.name
    headers = {"Content-Length": str(file.stat().st_size)}
    answer = call(client, "PUT", f"/input/{quote(key)}", content=_chunks(file, advance), headers=headers)
    return _load(client, answer.json()["load_id"])


def _chunks(file: Path, advance: Any) -> Iterator[bytes]:
    with file.open("rb") as content:
        while chunk := content.read(_CHUNK):
            yield chunk
            advance(len(chunk))


def _load(client: httpx.Client, load_id: str) -> dict[str, Any]:
    found: dict[str, Any] = call(client, "GET", f"/loads/{load_id}").json()
    return found


def _settled(client: httpx.Client, load: dict[str, Any]) -> dict[str, Any]:
    while load["state"] not in _FINAL:
        time.sleep(0.1)
        load = _load(client, load["load_id"])
    return load


def _counts(load: dict[str, Any]) -> tuple[int, int, int]:
    rows = load["rows"]
    return rows["read"], rows["loaded"], rows["quarantined"]
