"""The HTTP contract: what /openapi.json says holds for whatever is sent."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis import checks

from medical_data_pipeline.http_api.problem import Problem
from tests.unit.http_api.http_client import TestClient
from tests.unit.http_api.service_fakes import TOKEN, Backstage, Report

AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
APP = Backstage().app()
DOCUMENT = APP.openapi()
OPERATIONS = [
    (method, path) for path, item in DOCUMENT["paths"].items() for method in item if method != "parameters"
]
PUBLIC = {("get", "/health")}
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.response_headers_conformance,
]
schema = schemathesis.openapi.from_asgi("/openapi.json", APP)


@schema.parametrize()
@settings(
    max_examples=12, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
)
def test_every_answer_is_one_the_document_names(case: Any) -> None:
    case.call_and_validate(headers=AUTHORIZED, checks=CHECKS)


def test_the_parameters_that_a_route_knows_are_those_of_the_document() -> None:
    documented = {
        (method.upper(), parameter["name"])
        for item in DOCUMENT["paths"].values()
        for method, operation in item.items()
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    }
    known = {(each.method, name) for each in APP.state.operations for name in each.query_parameters}

    assert len(APP.state.operations) == len(OPERATIONS)
    assert documented and known == documented


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    with TestClient(APP) as client:
        yield client


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic YTpi", "Bearer", "bearer"])
def test_no_route_answers_without_a_token(
    client: TestClient, method: str, path: str, authorization: str | None
) -> None:
    headers = {} if authorization is None else {"Authorization": authorization}

    answer = client.request(method, path.replace("{", "").replace("}", ""), headers=headers)

    if (method, path) in PUBLIC:
        assert answer.status_code == 200
        return
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    _require_problem(answer)


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE"])
@pytest.mark.parametrize("path", sorted(DOCUMENT["paths"]))
def test_a_method_a_path_does_not_have_is_refused_with_those_it_has(
    client: TestClient, method: str, path: str
) -> None:
    allowed = {name.upper() for name in DOCUMENT["paths"][path]}
    if method in allowed:
        return

    answer = client.request(method, path.replace("{", "").replace("}", ""), headers=AUTHORIZED)

    assert answer.status_code == 405
    assert {name.strip() for name in answer.headers["allow"].split(",")} == allowed


def test_no_problem_and_no_log_line_repeats_what_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "medical_data_pipeline")
    canary = "CANARYSMITH"
    backstage = Backstage(report=Report(is_ready=False))

    def broken(*_: object) -> None:
        raise RuntimeError(canary)

    app = backstage.app(replay=broken)
    with TestClient(app, headers=AUTHORIZED, raise_server_exceptions=False) as client:
        answers = [
            client.get("/query", params={"query": "SELECT 1", canary: canary}),
            client.get("/query", params={"query": "SELECT 1", "format": canary}),
            client.get("/query", params={"query": "SELECT 1", "max_rows": canary}),
            client.post("/queries", json={"sql": f"reject SQL_SYNTAX {canary}"}),
            client.post("/queries", json={"sql": "a", canary: canary}),
            client.post("/queries", json={"sql": {canary: canary}}),
            client.post("/queries", json={"sql": "a", "format": canary}),
            client.post("/queries", content=f'{{"{canary}'.encode(), headers={"Content-Type": canary}),
            client.get(f"/queries/{canary}"),
            client.get(f"/tables/{canary}"),
            client.get(f"/loads/{canary}"),
            client.get("/loads", params={"page_token": canary}),
            client.get(f"/{canary}"),
            client.post(f"/loads/{canary}/replay"),
            client.put(f"/input/{canary}%00", content=b"x"),
            client.put(f"/input/{canary}", content=b"x", headers={"Content-MD5": canary}),
            client.get("/health"),
        ]

    for answer in answers:
        assert answer.status_code >= 400
        assert canary not in answer.text
        assert canary not in str(answer.headers)
        _require_problem(answer)
    logged = "".join(str(record.__dict__) for record in caplog.records if "medical" in record.name)
    assert "answered" in logged
    assert canary not in logged


def test_the_log_has_the_code_that_the_caller_was_told(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "medical_data_pipeline")
    with TestClient(APP, headers=AUTHORIZED) as client:
        told = client.get("/tables/nowhere").json()
        client.get("/tables")

    logged = [record.__dict__ for record in caplog.records if record.getMessage() == "answered"]
    refused = next(each for each in logged if each["request_id"] == told["request_id"])
    assert refused["code"] == told["code"] == "NOT_FOUND"
    assert "code" not in logged[-1]


def test_every_answer_has_safe_headers_and_an_id() -> None:
    with TestClient(APP, headers=AUTHORIZED) as client:
        for path in ("/health", "/tables", "/nowhere", "/openapi.json"):
            headers = client.get(path).headers
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["x-request-id"]
            assert "access-control-allow-origin" not in headers


def test_there_is_no_page_that_runs_scripts() -> None:
    with TestClient(APP, headers=AUTHORIZED) as client:
        assert [client.get(path).status_code for path in ("/docs", "/redoc")] == [404, 404]


def _require_problem(answer: Any) -> None:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate(answer.json())
    assert problem.status == answer.status_code
    assert problem.request_id == answer.headers["x-request-id"]
