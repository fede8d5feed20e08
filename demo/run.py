"""`make demo`: a made-up hospital's extracts through a real server, and questions a clinician would ask."""

import os
import runpy
import secrets
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
FOLDER = HERE.parent / ".demo"
FINAL = ("committed", "refused", "failed", "superseded")
READY_TIMEOUT_S = 30
LOAD_TIMEOUT_S = 60

console = Console(width=None if sys.stdout.isatty() else 120)


def main() -> None:
    """Run the demonstration from a clean folder; what it made stays for a look."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    extracts = runpy.run_path(str(HERE / "extracts.py"))["write_extracts"](FOLDER / "extracts")
    questions = runpy.run_path(str(HERE / "questions.py"))["QUESTIONS"]
    started = time.monotonic()
    with running_server(FOLDER / "data") as client:
        loads = [upload(client, extract) for extract in extracts]
        loads = [settled(client, load) for load in loads]
        show_loads(loads, extracts)
        show_receipts(client, loads)
        show_quarantine(client, loads)
        for number, question in enumerate(questions, start=1):
            show_answer(client, number, question)
    console.print(f"\nAll of that took {time.monotonic() - started:.0f} s. The server is stopped.")
    console.print("`make serve` keeps one running on http://127.0.0.1:8642; the data made here is in .demo/")


@contextmanager
def running_server(data: Path) -> Iterator[httpx.Client]:
    token = secrets.token_urlsafe(32)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "medical_data_pipeline.entrypoints.cli.main", "serve"]
    command += ["--data-dir", str(data), "--port", str(port)]
    log = FOLDER / "server.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, stdout=output, stderr=output, env={**os.environ, "MDP_TOKEN": token}
        )
    try:
        headers = {"Authorization": f"Bearer {token}"}
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=60) as client:
            wait_ready(client, process, log)
            yield client
    finally:
        process.terminate()
        process.wait(15)


def wait_ready(client: httpx.Client, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if client.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    sys.exit(f"the server did not start; see {log.relative_to(HERE.parent)}")


def upload(client: httpx.Client, extract: Any) -> dict[str, Any]:
    key = extract.key.removeprefix("input/")
    answer = client.put(f"/input/{quote(key)}", content=extract.path.read_bytes())
    answer.raise_for_status()
    load: dict[str, Any] = answer.json()
    return load


def settled(client: httpx.Client, load: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + LOAD_TIMEOUT_S
    while load["state"] not in FINAL and time.monotonic() < deadline:
        time.sleep(0.05)
        load = client.get(f"/loads/{load['load_id']}").json()
    return load


def show_loads(loads: list[dict[str, Any]], extracts: list[Any]) -> None:
    console.rule("Extracts loaded: rows read = rows loaded + rows set aside")
    rows = [
        (
            load["table"],
            extract.note,
            load["state"],
            *(load["rows"][k] for k in ("read", "loaded", "quarantined")),
        )
        for load, extract in zip(loads, extracts, strict=True)
    ]
    total = [sum(row[index] for row in rows) for index in (3, 4, 5)]
    show_table(
        ("table", "the file", "state", "read", "loaded", "set aside"), [*rows, ("all", "", "", *total)]
    )


def show_receipts(client: httpx.Client, loads: list[dict[str, Any]]) -> None:
    console.rule("From the receipts: types, and why columns of digits stayed text")
    found = []
    for load in loads:
        receipt = client.get(f"/loads/{load['load_id']}/receipt").json()
        found += [
            (load["table"], column["name"], column["type"], column["reason"], column["tag"], column["phi"])
            for column in receipt["columns"]
            if column["name"]
            in ("mrn", "zip", "icd9_code", "drg", "ndc11", "collected_on", "admit_date", "paid")
        ]
    show_table(("table", "column", "type", "why", "recognised as", "PHI"), list(dict.fromkeys(found)))


def show_quarantine(client: httpx.Client, loads: list[dict[str, Any]]) -> None:
    console.rule("Rows set aside, and why (a SQL table like any other)")
    rows = []
    for table in sorted({load["table"] for load in loads if load["rows"]["quarantined"]}):
        sql = f"SELECT reason, count(*) AS n, min(line) AS line FROM {table}__quarantine GROUP BY reason"
        rows += [(table, *row) for row in ask(client, sql)["rows"]]
    show_table(("table", "reason", "rows", "first line"), rows)


def show_answer(client: httpx.Client, number: int, question: Any) -> None:
    console.rule(f"Question {number}: {question.title}")
    answer = ask(client, question.sql)
    show_table([column["name"] for column in answer["columns"]], answer["rows"][:12])


def ask(client: httpx.Client, sql: str) -> dict[str, Any]:
    answer = client.post("/queries", json={"sql": sql, "wait_s": 20})
    if answer.status_code != 200:
        sys.exit(f"a question was not answered: {answer.json().get('detail', answer.status_code)}")
    page: dict[str, Any] = answer.json()
    return page


def show_table(columns: Any, rows: Any) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console.print(table)


if __name__ == "__main__":
    main()
