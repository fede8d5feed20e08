"""Queries belong to who asked; no other actor finds them."""

from itertools import count

import pytest

from medical_data_pipeline.errors import InvalidRequest, QueryNotFound, QueryRejected
from medical_data_pipeline.model.query import ResultFormat
from medical_data_pipeline.query.policies import FullAccess
from medical_data_pipeline.query.service import QueryService
from tests.unit.query.catalogs import ALICE, BOB, NOON, CountingEngine, FixedCatalog, asked


@pytest.fixture
def service() -> QueryService:
    numbers = count()
    return QueryService(
        catalog=FixedCatalog(),
        engine=CountingEngine(),
        policy=FullAccess(),
        clock=lambda: NOON,
        database="medical_data_db",
        new_id=lambda: f"q{next(numbers)}",
        owner_key=b"k" * 32,
    )


def test_a_query_is_read_page_by_page(service: QueryService):
    query_id = service.submit(asked("SELECT a FROM allowed_t")).query_id

    first = service.page(query_id, ALICE, 0, 6)
    second = service.page(query_id, ALICE, 6, 6)

    assert [row[0] for row in (*first.rows, *second.rows)] == list(range(10))
    assert (first.next_offset, second.next_offset) == (6, None)


def test_another_actor_finds_no_such_query(service: QueryService):
    query_id = service.submit(asked("SELECT 1")).query_id

    for call in (
        lambda: service.status(query_id, BOB),
        lambda: service.page(query_id, BOB),
        lambda: service.export(query_id, BOB, ResultFormat.CSV),
        lambda: service.cancel(query_id, BOB),
    ):
        with pytest.raises(QueryNotFound):
            call()

    assert service.status(query_id, ALICE).rows == 10


@pytest.mark.parametrize("query_id", ["", "x", "q0", "q0-", "q0-0000000000000000", "-", "é-ü"])
def test_an_id_that_we_never_gave_is_not_found(service: QueryService, query_id: str):
    with pytest.raises(QueryNotFound):
        service.status(query_id, ALICE)


@pytest.mark.parametrize("max_rows", [0, -1, 10_001])
def test_the_size_of_a_page_is_bounded(service: QueryService, max_rows: int):
    query_id = service.submit(asked("SELECT 1")).query_id

    with pytest.raises(InvalidRequest):
        service.page(query_id, ALICE, 0, max_rows)


def test_nothing_starts_when_the_guard_refuses(service: QueryService):
    with pytest.raises(QueryRejected):
        service.submit(asked("DROP TABLE allowed_t"))

    assert isinstance(service.engine, CountingEngine)
    assert service.engine.started == {}


def test_a_cancelled_query_is_stopped(service: QueryService):
    query_id = service.submit(asked("SELECT 1")).query_id

    service.cancel(query_id, ALICE)

    with pytest.raises(QueryNotFound):
        service.status(query_id, ALICE)
