"""What every run of the tests says of itself."""

import gc

import pytest

from tests.e2e.faults import FAULTS

pytest.register_assert_rewrite("tests.e2e.oracle", "tests.e2e.servers")


def pytest_report_header() -> str:
    return f"faults: {FAULTS.kills} kills, MDP_FAULTS_SEED={FAULTS.seed}"


def pytest_collection_finish() -> None:
    """Thousands of collected tests are there to the end: no search for garbage needs to go through them."""
    gc.collect()
    gc.freeze()
