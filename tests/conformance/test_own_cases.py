"""Every conformance case of our own gives what Trino gives."""

from collections import Counter

import pytest

from medical_data_pipeline.adapters.local.duckdb_sql.aggregates import AGGREGATES
from medical_data_pipeline.adapters.local.duckdb_sql.calls import FUNCTIONS
from medical_data_pipeline.adapters.local.duckdb_sql.windows import WINDOW_FUNCTIONS
from tests.conformance.cases import Case, own_cases
from tests.conformance.checker import Checker, Outcome

SUPPORTED = {*FUNCTIONS, *AGGREGATES, *WINDOW_FUNCTIONS}


@pytest.fixture(scope="module")
def checker() -> Checker:
    return Checker()


@pytest.mark.parametrize("case", list(own_cases()), ids=lambda case: f"{case.group}: {case.sql[:60]}")
def test_the_result_is_trinos(case: Case, checker: Checker):
    outcome, detail = checker.check(case)

    assert outcome is Outcome.PASSED, detail


def test_every_supported_function_has_cases():
    texts = [case.sql.lower() for case in own_cases()]

    counts = Counter({name: sum(f"{name}(" in text for text in texts) for name in SUPPORTED})

    assert {name: count for name, count in counts.items() if count < 3} == {}
