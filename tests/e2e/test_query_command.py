"""`mdp query` as its user sees it: long queries, and where the answer goes."""

import json
import stat
from pathlib import Path

import httpx
import pytest

from medical_data_pipeline.entrypoints.cli.answers import finished
from medical_data_pipeline.entrypoints.cli.client import Unanswered
from tests.e2e.commands import mdp
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


def test_the_help_says_how_a_parameter_is_compared_with_a_number_and_it_works(running: Server) -> None:
    told = " ".join(mdp(None, "query", "--help").stdout.split())
    sql = "SELECT n FROM (VALUES 4, 5) AS t (n) WHERE n = {}"

    as_text = mdp(running, "query", sql.format("?"), "--param", "5")
    as_number = mdp(running, "query", sql.format("CAST(? AS bigint)"), "--param", "5")

    assert "Text: beside a number CAST(? AS bigint), beside a date date(?)." in told
    assert (as_text.returncode, as_number.returncode, as_number.stdout.split()) == (1, 0, ["n", "5"])


@pytest.mark.parametrize("wanted", ["table", "json", "csv", "arrow", "parquet"])
def test_an_answer_that_goes_to_a_file_is_there_for_its_user_alone_and_not_on_the_terminal(
    running: Server, tmp_path: Path, wanted: str
) -> None:
    file = tmp_path / "answer"
    file.write_text("an earlier answer", encoding="utf-8")
    file.chmod(0o644)

    done = mdp(running, "query", "SELECT 'Müller' AS name", "--format", wanted, "-o", str(file))

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert "Müller".encode() in file.read_bytes()
    assert b"an earlier answer" not in file.read_bytes()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_holds_what_would_have_been_printed(running: Server, tmp_path: Path) -> None:
    sql = "SELECT n, 'x' AS code FROM (VALUES 1, 2) AS t (n) ORDER BY n"
    for wanted in ("table", "json", "csv"):
        printed = mdp(running, "query", sql, "--format", wanted)
        mdp(running, "query", sql, "--format", wanted, "-o", str(tmp_path / wanted))

        assert (tmp_path / wanted).read_text(encoding="utf-8") == printed.stdout

    assert json.loads((tmp_path / "json").read_text(encoding="utf-8"))[1] == {"n": 2, "code": "x"}


@pytest.mark.parametrize("wanted", ["json", "csv"])
def test_a_query_that_fails_leaves_the_file_as_it_was(running: Server, tmp_path: Path, wanted: str) -> None:
    file = tmp_path / "answer"
    file.write_text("an earlier answer", encoding="utf-8")

    done = mdp(running, "query", "SELECT n FROM nosuch", "--format", wanted, "-o", str(file))

    assert (done.returncode, file.read_text(encoding="utf-8")) == (1, "an earlier answer")
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_that_cannot_be_written_is_one_line(running: Server, tmp_path: Path) -> None:
    file = tmp_path / "nosuch" / "answer"

    done = mdp(running, "query", "SELECT 1", "-o", str(file))

    assert (done.returncode, done.stderr) == (
        1,
        f"mdp: {file} cannot be written: No such file or directory\n",
    )
    to_a_device = mdp(running, "query", "SELECT 1", "--format", "csv", "-o", "/dev/stdout")
    assert (to_a_device.returncode, to_a_device.stdout.split()) == (0, ["_col0", "1"])
