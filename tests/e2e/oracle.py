"""What must be found after any fault, recounted from the files by Python's own CSV reader."""

import csv
import hashlib
import io
import random
import sqlite3
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e.servers import FINAL, Server

TABLE, WIDTH = "visits", 3
# In every cell that is text; it must be found in the table and nowhere else.
CANARY = "Canaryname"
# A running server merges small files now and then; what a dead one left would stay.
MERGED_WITHIN_S = 30.0

Rows = Counter[tuple[str, ...]]


@dataclass(frozen=True)
class Recount:
    """A file's rows as they must be loaded, and the numbers of those that must be set aside."""

    loaded: Rows
    rejected: tuple[int, ...]

    @classmethod
    def of(cls, content: bytes) -> "Recount":
        rows = list(enumerate(csv.reader(io.StringIO(content.decode())), start=0))[1:]
        return cls(
            Counter((*row, str(number)) for number, row in rows if len(row) == WIDTH),
            tuple(number for number, row in rows if len(row) != WIDTH),
        )


@dataclass
class Journal:
    """What a client sent and what was acknowledged to it, by key and in order."""

    sent: dict[str, list[bytes]] = field(default_factory=lambda: defaultdict(list))
    acknowledged: dict[str, int] = field(default_factory=dict)

    def put(self, server: Server, key: str, content: bytes) -> bool:
        self.sent[key].append(content)
        is_acknowledged = server.put(key, content)
        if is_acknowledged:
            self.acknowledged[key] = len(self.sent[key])
        return is_acknowledged

    def possible(self, key: str) -> list[bytes]:
        """What the table may hold of a file: what was acknowledged last, or anything sent after it."""
        return self.sent[key][max(0, self.acknowledged.get(key, 0) - 1) :]

    def last(self) -> dict[str, bytes]:
        return {key: contents[-1] for key, contents in self.sent.items()}


def make_file(rng: random.Random, number: int, most_rows: int = 400) -> bytes:
    """Codes with leading zeros, a marked name and a number; now and then a field too many."""
    rows = [
        f"{number:04d}{row:04d},{CANARY}{rng.randrange(10**6)},{rng.randrange(1000)}"
        + (",SURPLUS" if rng.random() < 0.02 else "")
        for row in range(rng.randrange(1, most_rows))
    ]
    return b"code,name,v\n" + "\n".join(rows).encode() + b"\n"


def require_acknowledged(server: Server, journal: Journal) -> None:
    """Nothing that was acknowledged is lost, and of every file one version is there as a whole."""
    of_file: dict[str, Rows] = defaultdict(Counter)
    # A file that was stored and never acknowledged may wait for its turn, and its table with it.
    for file, *row in _loaded(server) if TABLE in _tables(server) else ():
        of_file[file.removeprefix("input/")][tuple(row)] += 1
    for key in journal.sent:
        possible = [Recount.of(content).loaded for content in journal.possible(key)]
        if key not in journal.acknowledged:
            possible.append(Counter())
        assert of_file[key] in possible, f"{key} holds rows of no version that it may hold"


def require_kept(server: Server, files: Mapping[str, bytes]) -> None:
    """Conservation, nothing twice, the newest version of each file, nothing left about, nothing leaked."""
    recounts = {f"input/{key}": Recount.of(content) for key, content in files.items()}
    _require_rows(server, recounts)
    _require_ledger(server, recounts)
    require_no_leftovers(server)
    require_no_leak(server)


def _require_rows(server: Server, recounts: Mapping[str, Recount]) -> None:
    expected = Counter({(key, *row): n for key, each in recounts.items() for row, n in each.loaded.items()})
    assert Counter(map(tuple, _loaded(server))) == expected
    distinct = (
        "SELECT count(*), count(DISTINCT _source_file || '/' || CAST(_source_row AS varchar)) FROM visits"
    )
    assert server.ask(distinct) == [[sum(expected.values())] * 2]
    rejected = Counter((key, number) for key, each in recounts.items() for number in each.rejected)
    found: list[list[object]] = []
    if f"{TABLE}__quarantine" in _tables(server):
        found = server.ask(f"SELECT _source_file, _source_row FROM {TABLE}__quarantine")
    assert Counter(map(tuple, found)) == rejected


def _tables(server: Server) -> set[str]:
    return {table["name"] for table in server.client.get("/tables").json()["tables"]}


def _loaded(server: Server) -> list[list[str]]:
    """Every row, as text: file, code, name, v, number of the row in the file."""
    return server.ask(
        f"SELECT _source_file, code, name, CAST(v AS varchar), CAST(_source_row AS varchar) FROM {TABLE}"
    )


def _require_ledger(server: Server, recounts: Mapping[str, Recount]) -> None:
    loads = server.loads()
    assert {load["state"] for load in loads} <= {"committed", "superseded"}
    newest = {}
    for load in loads:
        newest.setdefault(load["key"], load)
    for key, recount in recounts.items():
        counts = {"loaded": sum(recount.loaded.values()), "quarantined": len(recount.rejected)}
        assert newest[key]["state"] == "committed"
        assert newest[key]["rows"] == counts | {"read": sum(counts.values())}


def fingerprint(server: Server) -> str:
    """The same for the same rows, whatever happened on the way: all but when they were loaded."""
    names = "_source_file, _source_row, _load_id"
    parts = [f"SELECT {names}, code, name, v FROM {TABLE}"]
    parts += [f"SELECT {names}, line, reason, raw_text FROM {TABLE}__quarantine"]
    rows = sorted(repr(row) for sql in parts for row in server.ask(sql))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()


def require_no_leftovers(server: Server) -> None:
    """No unfinished file; a load that is over has left none."""
    deadline = time.monotonic() + MERGED_WITHIN_S
    while left := _unfinished(server):
        assert time.monotonic() < deadline, left
        time.sleep(0.2)


def _unfinished(server: Server) -> list[Path]:
    return [
        path
        for path in server.data.rglob("*")
        if path.name.startswith((".part-", ".merged-", ".scratch"))
        or path.parent.name == ".partial"
        or (path.name.endswith(".partial") and path.is_file())
    ]


def require_no_leak(server: Server) -> None:
    """No cell in the log, a metric, a receipt, a manifest or the ledger."""
    with sqlite3.connect(server.data / "ledger.sqlite") as ledger:
        told = ["\n".join(map(repr, ledger.execute("SELECT * FROM loads")))]
    ledger.close()
    told += [server.log.read_text(), server.client.get("/metrics").text]
    told += [path.read_text() for path in (server.data / "record_folders").rglob("*.json")]
    assert [text[:80] for text in told if CANARY in text] == []


def require_all_final(server: Server) -> None:
    assert [load for load in server.loads() if load["state"] not in FINAL] == []
