"""Queries over HTTP: answers, pages, files, and how each failure reads."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from medical_data_pipeline.http_api.services import HttpLimits
from medical_data_pipeline.model.query import ResultColumn
from tests.unit.http_api.http_client import TestClient
from tests.unit.http_api.service_fakes import OTHER_TOKEN, TOKEN, Backstage

SQL = {"sql": "SELECT 1"}


def test_a_get_with_sql_answers_typed_rows_with_real_nulls(client: TestClient) -> None:
    answer = client.get("/query", params={"query": "SELECT 1"})

    assert answer.status_code == 200
    assert answer.json() == {
        "query_id": "q1",
        "state": "succeeded",
        "row_count": 3,
        "columns": [{"name": "n", "type": "bigint"}],
        "rows": [[1], [None], [9223372036854775807]],
        "truncated": False,
        "next_page_token": None,
    }


def test_every_kind_of_value_keeps_what_it_says(client: TestClient, backstage: Backstage) -> None:
    backstage.queries.rows = (
        (
            Decimal("12345678901234567890.10"),
            float("nan"),
            float("-inf"),
            date(9999, 12, 31),
            datetime(2024, 3, 1, 12, 0, 0, 1, tzinfo=UTC),
            b"\x00\xff",
            [1, None],
            {"a": Decimal("1E+2"), 2: "b"},
            "é\u0000",
            True,
        ),
    )

    rows = client.post("/queries", json=SQL).json()["rows"]

    assert rows == [
        [
            "12345678901234567890.10",
            "NaN",
            "-Infinity",
            "9999-12-31",
            "2024-03-01T12:00:00.000001+00:00",
            "AP8=",
            [1, None],
            {"a": "100", "2": "b"},
            "é\u0000",
            True,
        ]
    ]


def test_pages_follow_each_other_until_there_is_no_token(client: TestClient) -> None:
    first = client.post("/queries", json={**SQL, "max_rows": 2}).json()
    path = f"/queries/{first['query_id']}/results"
    second = client.get(path, params={"page_token": first["next_page_token"], "max_rows": 2}).json()

    assert (first["truncated"], len(first["rows"]), first["row_count"]) == (True, 2, 3)
    assert (second["truncated"], second["rows"], second["next_page_token"]) == (False, [[2**63 - 1]], None)


def test_a_page_ends_at_its_size_in_bytes_and_says_so() -> None:
    backstage = Backstage(limits=HttpLimits(max_page_bytes=100))
    backstage.queries.columns = (ResultColumn("t", "varchar"),)
    backstage.queries.rows = tuple(("x" * 60,) for _ in range(3))
    headers = {"Authorization": f"Bearer {TOKEN}"}
    rows = []

    with TestClient(backstage.app(), headers=headers) as client:
        page = client.post("/queries", json=SQL).json()
        rows += page["rows"]
        while page["next_page_token"]:
            params = {"page_token": page["next_page_token"]}
            page = client.get(f"/queries/{page['query_id']}/results", params=params).json()
            rows += page["rows"]

    assert rows == [["x" * 60]] * 3


def test_a_row_that_no_answer_can_hold_is_a_problem_that_tells_the_other_way() -> None:
    backstage = Backstage(limits=HttpLimits(max_page_bytes=100, max_row_bytes=100))
    backstage.queries.columns = (ResultColumn("t", "varchar"),)
    backstage.queries.rows = (("x" * 60,), ("y" * 101,))

    with TestClient(backstage.app(), headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        first = client.post("/queries", json=SQL).json()
        params = {"page_token": first["next_page_token"]}
        second = client.get(f"/queries/{first['query_id']}/results", params=params)

    assert (len(first["rows"]), second.status_code) == (1, 422)
    assert second.json()["code"] == "QUERY_RESOURCE_LIMIT"
    assert "format=csv" in second.json()["detail"] and "yyy" not in second.text


def test_a_token_somebody_made_up_is_refused(client: TestClient) -> None:
    token = client.post("/queries", json={**SQL, "max_rows": 1}).json()["next_page_token"]
    forged = token[:-2] + ("AA" if token[-2:] != "AA" else "BB")

    answer = client.get("/queries/q1/results", params={"page_token": forged})

    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_PARAMETER")


def test_a_token_of_another_result_finds_nothing(client: TestClient) -> None:
    token = client.post("/queries", json={**SQL, "max_rows": 1}).json()["next_page_token"]
    client.post("/queries", json=SQL)

    answer = client.get("/queries/q2/results", params={"page_token": token})

    assert (answer.status_code, answer.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(
    ("params", "accept", "media_type", "body"),
    [
        ({"format": "csv"}, "*/*", "text/csv; charset=utf-8", "csv file"),
        ({}, "text/csv", "text/csv; charset=utf-8", "csv file"),
        ({}, "application/vnd.apache.parquet", "application/vnd.apache.parquet", "parquet file"),
        ({"format": "arrow"}, "text/csv", "application/vnd.apache.arrow.stream", "arrow file"),
    ],
)
def test_a_result_comes_as_the_file_that_was_asked_for(
    client: TestClient, params: dict[str, str], accept: str, media_type: str, body: str
) -> None:
    answer = client.get("/query", params={"query": "SELECT 1", **params}, headers={"Accept": accept})

    assert (answer.status_code, answer.headers["content-type"], answer.text) == (200, media_type, body)


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0, image/*", "text/html;q=x"])
def test_a_representation_nobody_makes_is_not_acceptable(client: TestClient, accept: str) -> None:
    answer = client.get("/query", params={"query": "SELECT 1"}, headers={"Accept": accept})

    assert (answer.status_code, answer.json()["code"]) == (406, "UNSUPPORTED_MEDIA_TYPE")


def test_a_query_that_runs_on_answers_where_to_ask(client: TestClient) -> None:
    answer = client.post("/queries", json={"sql": "run on", "wait_s": 0})

    assert answer.status_code == 202
    assert answer.headers["location"] == "/queries/q1"
    assert answer.json()["state"] == "running"
    assert client.get("/queries/q1/results").status_code == 202


def test_a_cancelled_query_says_so(client: TestClient) -> None:
    client.post("/queries", json={"sql": "run on", "wait_s": 0})

    assert client.delete("/queries/q1").status_code == 204
    assert client.get("/queries/q1").json()["state"] == "cancelled"
    assert client.get("/queries/q1/results").json()["code"] == "QUERY_CANCELLED"


def test_the_query_of_another_actor_does_not_exist(client: TestClient) -> None:
    client.post("/queries", json=SQL)
    other = {"Authorization": f"Bearer {OTHER_TOKEN}"}

    for path in ("/queries/q1", "/queries/q1/results"):
        assert client.get(path, headers=other).status_code == 404
    assert client.delete("/queries/q1", headers=other).status_code == 404


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("reject SQL_SYNTAX", 400, "SQL_SYNTAX"),
        ("reject SQL_MULTI", 400, "SQL_MULTI"),
        ("reject SQL_NOT_READONLY", 403, "SQL_NOT_READONLY"),
        ("reject SQL_FORBIDDEN_OBJECT", 403, "SQL_FORBIDDEN_OBJECT"),
        ("fail SQL_RUNTIME", 422, "SQL_RUNTIME"),
        ("fail QUERY_RESOURCE_LIMIT", 422, "QUERY_RESOURCE_LIMIT"),
        ("fail QUERY_TIMEOUT", 504, "QUERY_TIMEOUT"),
        ("fail UNAVAILABLE", 503, "UNAVAILABLE"),
        ("fail INSUFFICIENT_STORAGE", 507, "INSUFFICIENT_STORAGE"),
        ("fail INTERNAL", 500, "INTERNAL"),
    ],
)
def test_each_reason_has_its_status(client: TestClient, sql: str, status: int, code: str) -> None:
    for answer in (client.get("/query", params={"query": sql}), client.post("/queries", json={"sql": sql})):
        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_failed_query_is_still_a_state_one_can_ask_for(client: TestClient) -> None:
    client.post("/queries", json={"sql": "fail SQL_RUNTIME"})

    info = client.get("/queries/q1").json()

    assert (info["state"], info["error"]) == ("failed", {"code": "SQL_RUNTIME", "detail": "it failed"})


def test_parameters_arrive_as_they_were_typed(client: TestClient, backstage: Backstage) -> None:
    client.post("/queries", json={"sql": "SELECT ?", "params": ["1", 1, 1.5, True, None, 2**70]})

    assert backstage.queries.requests[0].parameters == ("1", 1, 1.5, True, None, 2**70)
    assert [type(each) for each in backstage.queries.requests[0].parameters[:4]] == [str, int, float, bool]


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "BAD_REQUEST"),
        (b"{", 400, "BAD_REQUEST"),
        (b"\xff{}", 400, "BAD_REQUEST"),
        (b"[]", 400, "BAD_REQUEST"),
        (b"{}", 400, "BAD_REQUEST"),
        (b'{"sql": 1}', 400, "BAD_REQUEST"),
        (b'{"sql": ""}', 400, "BAD_REQUEST"),
        (b'{"sql": "a", "sql": "b"}', 400, "BAD_REQUEST"),
        (b'{"sql": "a", "params": [NaN]}', 400, "BAD_REQUEST"),
        (b'{"sql": "a", "params": [1e400]}', 400, "BAD_REQUEST"),
        (b'{"sql": "\\ud800"}', 400, "BAD_REQUEST"),
        (b"[" * 100_000, 400, "BAD_REQUEST"),
        (b'{"sql": "a", "limit": 3}', 400, "INVALID_PARAMETER"),
        (b'{"sql": "a", "format": "xml"}', 400, "INVALID_PARAMETER"),
        (b'{"sql": "a", "max_rows": 0}', 400, "INVALID_PARAMETER"),
        (b'{"sql": "a", "max_rows": "5"}', 400, "INVALID_PARAMETER"),
        (b'{"sql": "a", "params": [[1]]}', 400, "INVALID_PARAMETER"),
        (b'{"sql": "a", "wait_s": 1e9}', 400, "INVALID_PARAMETER"),
        (json.dumps({"sql": "a" * 65_537}).encode(), 413, "PAYLOAD_TOO_LARGE"),
        (json.dumps({"sql": "é" * 40_000}, ensure_ascii=False).encode(), 413, "PAYLOAD_TOO_LARGE"),
        (b" " * 1_000_001, 413, "PAYLOAD_TOO_LARGE"),
    ],
)
def test_a_body_that_is_not_a_query_is_refused(
    client: TestClient, body: bytes, status: int, code: str
) -> None:
    answer = client.post("/queries", content=body, headers={"Content-Type": "application/json"})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "", "application/json; charset=latin-1"]
)
def test_a_body_that_is_not_json_is_no_query(client: TestClient, media_type: str) -> None:
    answer = client.post("/queries", content=b'{"sql":"a"}', headers={"Content-Type": media_type})

    assert (answer.status_code, answer.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize(
    "query_string",
    ["query=a&limit=3", "query=a&query=b", "query=", "", "query=a&max_rows=x", "query=a&format=xml"],
)
def test_parameters_that_are_not_understood_are_not_ignored(client: TestClient, query_string: str) -> None:
    answer = client.get(f"/query?{query_string}")

    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_PARAMETER")


def test_one_idempotency_key_runs_one_query(client: TestClient, backstage: Backstage) -> None:
    headers = {"Idempotency-Key": "k1"}

    first = client.post("/queries", json=SQL, headers=headers).json()
    again = client.post("/queries", json=SQL, headers=headers).json()
    other = client.post("/queries", json={"sql": "SELECT 2"}, headers=headers)

    assert first == again
    assert len(backstage.queries.requests) == 1
    assert (other.status_code, other.json()["code"]) == (409, "IDEMPOTENCY_CONFLICT")
