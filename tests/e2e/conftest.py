"""Servers for the scenarios: one a test, or one a module where nobody hurts it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.servers import Nursery, Server


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def server(tmp_path: Path, nursery: Nursery) -> Iterator[Server]:
    """Not started yet."""
    with Server(tmp_path / "data", nursery) as server:
        yield server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, nursery: Nursery) -> Iterator[Server]:
    """One server for all tests of a module."""
    with Server(tmp_path_factory.mktemp("running") / "data", nursery) as server:
        server.start_ready()
        yield server
