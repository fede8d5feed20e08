"""Hostile statements to a real server: refused with a stable code or harmless, and the next query answers."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from medical_data_pipeline.adapters.local.duckdb_worker.messages import WorkerLimits
from tests.e2e.servers import Nursery, Server

ATTACKS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "attacks.jsonl").read_text("utf-8").splitlines()
]
CONTROL = "SELECT count(*) FROM patients"
MRN = "00123-CANARY"
# The most the server itself may grow, whatever it is asked.
SERVER_GROWTH_BYTES = 200 << 20
# A worker's limit is on what it may write to; its libraries are mapped besides.
WORKER_BYTES = WorkerLimits().memory_bytes + (400 << 20)
CODES = {
    400: {"SQL_SYNTAX", "SQL_MULTI", "SQL_UNKNOWN_OBJECT", "SQL_TYPE", "SQL_PARAMS", "SQL_UNSUPPORTED"},
    403: {"SQL_NOT_READONLY", "SQL_FORBIDDEN_OBJECT"},
    413: {"PAYLOAD_TOO_LARGE"},
    422: {"SQL_RUNTIME", "QUERY_RESOURCE_LIMIT"},
    504: {"QUERY_TIMEOUT"},
}


@pytest.fixture(scope="module")
def attacked(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("attacked") / "data", nursery) as server:
        server.start_ready()
        assert server.put("patients/a.csv", f"mrn,name\n{MRN},Ada\n".encode())
        deadline = time.monotonic() + 60
        while _asked(server, CONTROL).status_code != 200:
            assert time.monotonic() < deadline, "the table never came"
            time.sleep(0.2)
        yield server


def _asked(server: Server, sql: str, wait_s: float = 3.0) -> Any:
    return server.client.post("/queries", json={"sql": sql, "wait_s": wait_s})


def _bytes(pid: int, field: str) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith(field)), 0)


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack['class']}: {attack['sql'][:50]}")
def test_an_attack_is_refused_with_a_stable_code_or_does_no_harm(attack: dict[str, str], attacked: Server):
    before = _bytes(attacked.pid, "VmRSS")

    answer = _asked(attacked, attack["sql"])

    peak = max((_bytes(child, "VmHWM") for child in _children(attacked.pid)), default=0)
    if answer.status_code == 202:
        attacked.client.delete(f"/queries/{answer.json()['query_id']}")
    assert answer.status_code in (200, 202) or answer.json()["code"] in CODES[answer.status_code]
    assert answer.status_code not in (200, 202) or "harmless" in attack
    assert MRN not in answer.text
    assert attack["sql"][:400] not in answer.text
    assert _bytes(attacked.pid, "VmRSS") - before < SERVER_GROWTH_BYTES
    assert peak < WORKER_BYTES
    assert _asked(attacked, CONTROL, 25.0).json()["rows"] == [[1]]
