"""Run by make e2e-aws, which says where the emulator is; the rest of the tests do without."""

import os
from collections.abc import Iterator

import pytest

from tests.e2e_aws.emulator import Emulator
from tests.e2e_aws.function_doubles import Event, FunctionDoubles
from tests.e2e_aws.installation import PROJECT, Installation, install
from tests.infrastructure.tools import ROOT

PROGRAM = os.environ.get("MDP_E2E_AWS")
collect_ignore_glob = [] if PROGRAM else ["test_*.py"]


def answer_queue(event: Event) -> Event:
    """Everything is done, but for the messages about a file called poison.csv."""
    failed = [record["messageId"] for record in event["Records"] if "poison.csv" in record["body"]]
    return {"batchItemFailures": [{"itemIdentifier": each} for each in failed]}


def answer_query(event: Event) -> Event:
    return {
        "statusCode": 200,
        "headers": {"Content-Type": "application/json"},
        "body": '{"columns": [], "rows": []}',
    }


@pytest.fixture(scope="session")
def functions() -> Iterator[FunctionDoubles]:
    doubles = FunctionDoubles(
        {
            f"{PROJECT}-conversion": answer_queue,
            f"{PROJECT}-glue-catalog": answer_queue,
            f"{PROJECT}-query": answer_query,
        }
    )
    doubles.start()
    yield doubles
    doubles.stop()


@pytest.fixture(scope="session")
def emulator(functions: FunctionDoubles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    emulator = Emulator(str(ROOT / str(PROGRAM)), tmp_path_factory.mktemp("emulator"), functions.urls())
    emulator.start()
    yield emulator
    emulator.stop()


@pytest.fixture(scope="session")
def installation(emulator: Emulator, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return install(emulator, tmp_path_factory.mktemp("installation") / "root")
