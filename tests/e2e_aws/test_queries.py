"""What is asked over API Gateway is answered by the real query handler, as the embedded server answers it."""

import base64
import hashlib
import io
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from tests.athena_double import AthenaDouble
from tests.e2e.servers import Nursery, Server
from tests.e2e_aws.callers import Answer, curl, new_user
from tests.e2e_aws.deployed import Deployed
from tests.unit.http_api.service_fakes import Backstage

pytestmark = pytest.mark.timeout(900)

KEY = "labs/2024.csv"
LABS = (
    "mrn,code,value,taken,at,ok,note\n"
    "00012345,E11.9,61.50,2024-01-31,2024-01-31 10:11:12,true,plain\n"
    '00098765,0042,7.25,2023-12-01,2023-12-01 00:00:00,false,"a ""word"", and more"\n'
    "00000001,12E4,,1999-01-01,1999-01-01 23:59:59.5,true,\n"
    "00000002,007,0.05,2024-02-29,2024-02-29 12:00:00,,µ\n"
    "00000003,1,2,3,4,5,6,7,8,9\n"
).encode()
QUESTIONS = (
    "SELECT * FROM labs ORDER BY mrn",
    "SELECT count(*) AS n, sum(value) AS total, avg(value) AS mean, min(taken), max(at) FROM labs",
    "SELECT code, date_trunc('month', taken) AS month FROM labs WHERE value > 1 ORDER BY code",
    "SELECT line, reason, raw_text FROM labs__quarantine",
    "SELECT ARRAY[1, 2] AS a, MAP(ARRAY['k'], ARRAY[1.5]) AS m, DATE '2024-01-31' + INTERVAL '1' MONTH AS d",
)


@pytest.fixture(scope="module")
def labs(deployed: Deployed) -> Deployed:
    deployed.put(LABS, f"input/{KEY}")
    deployed.wait_for_load(f"input/{KEY}")
    return deployed


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of one's own, with the same file."""
    nursery = Nursery()
    with Server(tmp_path_factory.mktemp("embedded") / "data", nursery) as server:
        server.start_ready()
        assert server.put(KEY, LABS)
        server.wait_settled()
        yield server
    nursery.close()


@pytest.mark.parametrize("question", QUESTIONS)
def test_columns_types_and_rows_are_those_of_the_embedded_server(
    labs: Deployed, embedded: Server, question: str
) -> None:
    here = embedded.client.get("/query", params={"query": question})
    there = labs.analyst.get("query", query=question)

    assert (here.status_code, there.status) == (200, 200), (here.text, there.content)
    told = ("columns", "rows", "row_count", "state", "truncated")
    assert {name: there.document[name] for name in told} == {name: here.json()[name] for name in told}


def test_the_contract_is_that_of_the_embedded_server(deployed: Deployed) -> None:
    local, there = Backstage().app().openapi(), deployed.analyst.get("openapi.json").document

    only_local = {path for path in local["paths"] if path.startswith(("/input/", "/metrics"))}
    assert len(only_local) == 2
    assert there["paths"].pop("/uploads")
    assert there["paths"] == {path: each for path, each in local["paths"].items() if path not in only_local}
    shared = there["components"]["schemas"].keys() & local["components"]["schemas"].keys()
    assert "QueryResults" in shared
    for name in shared:
        assert there["components"]["schemas"][name] == local["components"]["schemas"][name]


@pytest.mark.parametrize(
    ("sql", "status", "code"),
    [
        ("SELECT 1 / 0", 422, "SQL_RUNTIME"),
        ("DROP TABLE labs", 403, "SQL_NOT_READONLY"),
        ("SELEC 1", 400, "SQL_SYNTAX"),
        ("SELECT * FROM nowhere", 400, "SQL_UNKNOWN_OBJECT"),
        ("SELECT nothing FROM labs", 400, "SQL_UNKNOWN_OBJECT"),
    ],
)
def test_errors_are_the_same_problems(
    labs: Deployed, embedded: Server, sql: str, status: int, code: str
) -> None:
    here, there = embedded.client.get("/query", params={"query": sql}), labs.analyst.get("query", query=sql)

    require_problem(there, status, code)
    assert (here.status_code, here.json()["code"]) == (status, code)


def require_problem(answer: Answer, status: int, code: str) -> dict[str, Any]:
    assert answer.status == status, answer.content
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.document
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] and problem["type"].startswith("urn:medical-data-pipeline:problem:")
    return problem


def test_what_the_gateway_itself_refuses_reads_like_the_rest(deployed: Deployed) -> None:
    require_problem(deployed.analyst.get("query"), 400, "INVALID_PARAMETER")
    require_problem(deployed.analyst.get("queries/none"), 404, "NOT_FOUND")


def test_a_result_as_a_file_is_fetched_from_a_signed_address(labs: Deployed) -> None:
    question = "SELECT mrn, value FROM labs WHERE value IS NOT NULL ORDER BY mrn"
    files = {}
    for wanted in ("csv", "parquet"):
        answer = labs.analyst.get("query", query=question, format=wanted)
        assert answer.status == 303, answer.content
        # No signature but the one in the address.
        files[wanted] = curl(labs.installation, answer.headers["location"]).content

    assert files["csv"] == b"mrn,value\r\n00000002,0.05\r\n00012345,61.50\r\n00098765,7.25\r\n"
    rows = pq.read_table(io.BytesIO(files["parquet"])).to_pylist()
    assert [(row["mrn"], str(row["value"])) for row in rows] == [
        ("00000002", "0.05"),
        ("00012345", "61.50"),
        ("00098765", "7.25"),
    ]


def test_a_query_that_waits_has_an_id_is_nobody_elses_and_is_stopped_in_athena(
    deployed: Deployed, athena_double: AthenaDouble
) -> None:
    stranger = new_user(deployed.installation, "stranger", "*")
    athena_double.has_room.clear()
    begun = deployed.analyst.post("queries", {"sql": "SELECT 1", "wait_s": 0})
    place = f"queries/{begun.document['query_id']}"

    waiting = deployed.analyst.get(place)
    elsewhere = stranger.get(place)
    stopped = deployed.analyst.send("DELETE", place)
    athena_double.has_room.set()

    assert begun.status == 202
    assert begun.headers["location"] == f"/production/{place}"
    assert waiting.document["state"] == "queued"
    require_problem(elsewhere, 404, "NOT_FOUND")
    assert stopped.status == 204
    assert deployed.analyst.get(place).document["state"] == "cancelled"
    assert "StopQueryExecution" in [operation for operation, _ in athena_double.asked]
    assert deployed.analyst.get(f"{place}/results").document["code"] == "QUERY_CANCELLED"


def test_an_upload_that_was_allowed_is_loaded_and_no_other_is_taken(deployed: Deployed) -> None:
    content = b"mrn,n\n0001,1\n0002,2\n"
    asked = {"key": "sent/a.csv", "size_bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}

    answer = deployed.analyst.post("uploads", asked)

    assert answer.status == 201, answer.content
    allowed = answer.document
    assert send(deployed, allowed, content + b"0003,3\n").status == 400
    assert send(deployed, allowed, content, key="input/sent/b.csv").status == 403
    assert send(deployed, allowed, content).status == 204
    deployed.wait_for_load("input/sent/a.csv")
    assert deployed.analyst.rows("SELECT mrn, n FROM sent ORDER BY mrn") == [["0001", 1], ["0002", 2]]
    policy = json.loads(base64.b64decode(allowed["fields"]["policy"]))
    checksum = base64.b64encode(hashlib.sha256(content).digest()).decode()
    # S3 compares it with the bytes; the emulator does not.
    assert {"x-amz-checksum-sha256": checksum} in policy["conditions"]


def send(deployed: Deployed, allowed: dict[str, Any], content: bytes, **changes: str) -> Answer:
    file = deployed.installation.terraform.folder / "upload.csv"
    file.write_bytes(content)
    fields = [f"{name}={value}" for name, value in {**allowed["fields"], **changes}.items()]
    form = [part for each in [*fields, f"file=@{file}"] for part in ("--form", each)]
    return curl(deployed.installation, *form, allowed["url"])


def test_a_load_is_replayed_on_demand(labs: Deployed) -> None:
    load = labs.loads(f"input/{KEY}")[-1]

    answer = labs.analyst.post(f"loads/{load['load_id']}/replay", {})

    assert answer.status == 202, answer.content
    labs.wait_for_load(f"input/{KEY}", number=2)
    assert labs.analyst.rows("SELECT count(*) FROM labs") == [[4]]


def test_what_the_readme_says_to_use_it_works_as_typed(deployed: Deployed) -> None:
    # The first question comes before the first file has been loaded.
    deployed.installation.run_readme("use")
    deployed.wait_for_load("input/your-data.csv")

    answer = deployed.installation.run_readme("use")

    document = json.loads(answer.splitlines()[-1])
    assert document["rows"] == [[1]]
    assert document["columns"] == [{"name": "id", "type": "bigint"}]


@pytest.mark.parametrize("path", ["query?query=SELECT%201", "tables", "loads/1234", "health", "openapi.json"])
def test_a_request_without_a_signature_is_refused_as_a_problem(deployed: Deployed, path: str) -> None:
    asked = len(deployed.functions.each["medical-data-pipeline-query"].events)

    answer = curl(deployed.installation, f"{deployed.installation.outputs['api_base_url']}/{path}")

    require_problem(answer, 401, "UNAUTHENTICATED")
    assert len(deployed.functions.each["medical-data-pipeline-query"].events) == asked


def test_who_may_not_invoke_a_route_is_refused(deployed: Deployed) -> None:
    limited = new_user(deployed.installation, "limited", "GET/tables")

    assert limited.get("tables").status == 200
    assert limited.get("query", query="SELECT 1").status == 403
    assert limited.post("queries", {"sql": "SELECT 1"}).status == 403


def test_the_scripts_that_a_user_has_installed_are_the_ones_that_ran(deployed: Deployed) -> None:
    """A stand-in that answered for AWS's own command line would prove nothing."""
    done = subprocess.run(["aws", "--version"], capture_output=True, text=True, check=True)

    assert Path(deployed.installation.programs / "aws").exists() is False
    assert done.stdout.startswith("aws-cli/")
