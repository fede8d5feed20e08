"""`mdp query` as its user sees it: long queries, and where the answer goes."""

import httpx
import pytest

from medical_data_pipeline.entrypoints.cli.answers import finished
from medical_data_pipeline.entrypoints.cli.client import Unanswered
from tests.e2e.servers import DIGITS, ENDLESS, Server

SLOW = "SELECT count(*) FROM " + ", ".join(DIGITS.format(f"t{number}") for number in range(9))
SHORT_WAIT_S = 0.05


def query_of(answer: httpx.Response) -> str:
    """The id of the query that a call asked about; "" when it was about none."""
    parts = answer.request.url.path.split("/")
    return parts[2] if parts[1:2] == ["queries"] and len(parts) > 2 else ""


def test_a_query_that_takes_longer_than_a_call_may_wait_is_answered(running: Server) -> None:
    asked_again: list[str] = []
    with running.new_client() as client:
        client.event_hooks["response"] = [lambda answer: asked_again.append(query_of(answer))]

        page = finished(client, SLOW, wait_s=SHORT_WAIT_S)

    assert page["rows"] == [[10**9]]
    assert any(asked_again)


def test_a_query_that_waits_for_its_turn_is_answered_once_it_has_run(running: Server) -> None:
    with running.new_client() as client:
        before = [
            client.post("/queries", json={"sql": ENDLESS, "wait_s": 0}).json()["query_id"] for _ in range(3)
        ]
        states: list[str] = []

        def end_the_others(answer: httpx.Response) -> None:
            if answer.request.method == "GET" and not states:
                states.append(answer.read() and answer.json()["state"])
                for query_id in before:
                    running.client.delete(f"/queries/{query_id}")

        client.event_hooks["response"] = [end_the_others]
        page = finished(client, "SELECT 1", wait_s=SHORT_WAIT_S)

    assert (states, page["rows"]) == (["queued"], [[1]])


@pytest.mark.parametrize("ending", [KeyboardInterrupt(), Unanswered("the server is gone")])
def test_a_query_that_nobody_waits_for_any_more_holds_no_worker(
    running: Server, ending: BaseException
) -> None:
    waited_for: list[str] = []

    def end(answer: httpx.Response) -> None:
        if answer.request.method == "GET":
            waited_for.append(query_of(answer))
            raise ending

    with running.new_client() as client:
        client.event_hooks["response"] = [end]
        with pytest.raises(type(ending)):
            finished(client, ENDLESS, wait_s=SHORT_WAIT_S)

    left = running.client.get(f"/queries/{waited_for[0]}", params={"wait_s": 10}).json()
    assert left["state"] == "cancelled"
