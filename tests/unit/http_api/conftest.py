"""A client of the application over services in memory."""

from collections.abc import Iterator

import pytest

from tests.unit.http_api.http_client import TestClient
from tests.unit.http_api.service_fakes import TOKEN, Backstage


@pytest.fixture
def backstage() -> Backstage:
    return Backstage()


@pytest.fixture
def client(backstage: Backstage) -> Iterator[TestClient]:
    with TestClient(backstage.app(), raise_server_exceptions=False) as client:
        client.headers["Authorization"] = f"Bearer {TOKEN}"
        yield client
