"""Tables, loads, receipts, replay, health and metrics over HTTP."""

import pytest

from medical_data_pipeline.model.load import LoadState
from tests.unit.http_api.http_client import TestClient
from tests.unit.http_api.service_fakes import Backstage, Report


def test_only_tables_the_caller_may_see_are_listed(client: TestClient) -> None:
    assert [table["name"] for table in client.get("/tables").json()["tables"]] == ["labs"]


def test_a_table_tells_what_its_columns_mean_and_hides_the_others(client: TestClient) -> None:
    table = client.get("/tables/labs").json()

    assert [column["name"] for column in table["columns"]] == ["patient_id", "result", "_load_id"]
    assert table["columns"][0] == {
        "name": "patient_id",
        "type": "varchar",
        "header": "Patient ID",
        "tag": "mrn",
        "phi": "record_number",
        "reason": "header",
        "in_select_star": True,
    }
    assert table["columns"][2]["in_select_star"] is False
    assert table["snapshots"][0]["snapshot_id"] == 2**62 + 1


def test_a_hidden_table_answers_like_one_that_is_not_there(client: TestClient) -> None:
    hidden, absent = client.get("/tables/salaries").json(), client.get("/tables/nothing").json()

    for answer in (hidden, absent):
        del answer["request_id"], answer["instance"]
    assert hidden == absent


def test_loads_come_newest_first_in_pages(client: TestClient, backstage: Backstage) -> None:
    ids = [backstage.add_load(f"{number}.csv").load_id for number in range(5)]

    first = client.get("/loads", params={"limit": 3}).json()
    second = client.get("/loads", params={"limit": 3, "page_token": first["next_page_token"]}).json()

    listed = [load["load_id"] for load in first["loads"] + second["loads"]]
    assert listed == list(reversed(ids))
    assert second["next_page_token"] is None


def test_loads_are_filtered_by_state(client: TestClient, backstage: Backstage) -> None:
    backstage.add_load("good.csv")
    failed = backstage.add_load("bad.csv", LoadState.FAILED)

    loads = client.get("/loads", params={"state": "failed"}).json()["loads"]

    assert [load["load_id"] for load in loads] == [failed.load_id]
    assert client.get("/loads", params={"state": "lost"}).status_code == 400


def test_a_load_and_its_receipt_can_be_read(client: TestClient, backstage: Backstage) -> None:
    load = backstage.add_load("a.csv")

    info = client.get(f"/loads/{load.load_id}").json()

    assert (info["key"], info["rows"]) == (
        "input/labs/a.csv",
        {"read": 3, "loaded": 2, "quarantined": 1},
    )
    assert client.get(f"/loads/{load.load_id}/receipt").json() == {"rows": {"read": 3}}
    assert client.get("/loads/none/receipt").status_code == 404


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (LoadState.SUPERSEDED, 200),
        (LoadState.REFUSED, 404),
        (LoadState.FAILED, 404),
        (LoadState.RECEIVED, 404),
    ],
)
def test_the_receipt_of_an_earlier_try_is_not_that_of_a_load_that_came_to_nothing(
    client: TestClient, backstage: Backstage, state: LoadState, status: int
) -> None:
    load = backstage.add_load("a.csv", state)

    assert client.get(f"/loads/{load.load_id}/receipt").status_code == status


def test_a_load_can_be_tried_again(client: TestClient, backstage: Backstage) -> None:
    load = backstage.add_load("a.csv", LoadState.FAILED)

    answer = client.post(f"/loads/{load.load_id}/replay")

    assert (answer.status_code, answer.json()["state"]) == (202, "received")
    assert backstage.replayed == [load.load_id]


def test_health_says_only_its_status_to_strangers(client: TestClient, backstage: Backstage) -> None:
    stranger = {"Authorization": ""}

    assert client.get("/health", headers=stranger).json() == {"status": "ready"}
    assert client.get("/health").json() == {"status": "ready", "checks": {"disk": "ok"}}


def test_a_server_that_cannot_work_is_not_ready(client: TestClient, backstage: Backstage) -> None:
    backstage.report = Report(is_ready=False, checks={"disk": "full"})

    stranger = client.get("/health", headers={"Authorization": ""})
    friend = client.get("/health")

    assert (stranger.status_code, stranger.json()["code"]) == (503, "UNAVAILABLE")
    assert "checks" not in stranger.json()
    assert friend.json()["checks"] == {"disk": "full"}
    assert friend.headers["retry-after"]


def test_metrics_count_by_route_and_hold_no_names(client: TestClient, backstage: Backstage) -> None:
    client.put("/input/labs/smith_john.csv", content=b"id\n1\n")
    client.post("/queries", json={"sql": "SELECT 'smith'"})
    client.get("/tables/smith_table")
    client.get("/smith_nowhere")

    text = client.get("/metrics").text

    assert 'mdp_http_requests_total{method="PUT",route="/input/{key:path}",status="201"} 1.0' in text
    assert 'mdp_queries_total{outcome="succeeded"} 1.0' in text
    assert "mdp_upload_bytes_total 5.0" in text
    assert 'mdp_loads{state="committed"} 1.0' in text
    assert "smith" not in text
