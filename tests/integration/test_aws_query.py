"""The query function as the gateway calls it, over tables of the other functions."""

import base64
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import duckdb
import pytest
from mangum import Mangum
from sqlglot import exp

from medical_data_pipeline.adapters.aws.aws_clients import aws_client
from medical_data_pipeline.composition.aws_batches import Surroundings
from medical_data_pipeline.composition.aws_query import query_app
from medical_data_pipeline.composition.aws_settings import QuerySettings
from medical_data_pipeline.entrypoints.query_lambda import TEXT, BelowStage
from medical_data_pipeline.model.query import EngineTable
from tests.athena_double import AthenaDouble, in_bucket, served
from tests.aws_bench import BUCKET, AwsBench, aws_bench
from tests.aws_emulator import DATABASE, LEDGER_TABLE, QUERIES_TABLE

ANN = "arn:aws:iam::123456789012:user/ann"
BOB = "arn:aws:iam::123456789012:user/bob"
CSV = "id,name,weight,born\n1,Ann,61.50,2001-02-03\n2,Bob,,1999-12-31\n"


class Api:
    """The function behind a gateway."""

    def __init__(self, aws: AwsBench, address: str, double: AthenaDouble) -> None:
        self.aws, self.address, self.double = aws, address, double
        self.calls: list[str] = []
        self.before_scans: list[Callable[[], None]] = []
        settings = QuerySettings(
            BUCKET,
            LEDGER_TABLE,
            DATABASE,
            QUERIES_TABLE,
            "query",
            "query-results/",
            aws.queues["conversion"],
            "arn:aws:iam::123456789012:role/upload",
        )

        def client(service: str) -> Any:
            where = {"endpoint_url": address} if service == "athena" else {}
            made = boto3.client(service, **where)
            made.meta.events.register(
                "before-call.*",
                lambda event_name, **_: self.calls.append(event_name.partition(".")[2]),
            )
            return made

        around = Surroundings(client, aws.scratch, lambda: datetime.now(UTC), aws.told.append)
        self._handler = Mangum(BelowStage(query_app(settings, around)), lifespan="off", text_mime_types=TEXT)

    def __call__(
        self, method: str, path: str, actor: str = ANN, body: Any = None, **parameters: str
    ) -> dict[str, Any]:
        headers = {"Host": "api", **({"Content-Type": "application/json"} if body is not None else {})}
        event = {
            "resource": path,
            "path": path,
            "httpMethod": method,
            "headers": headers,
            "multiValueHeaders": {name: [value] for name, value in headers.items()},
            "queryStringParameters": parameters or None,
            "multiValueQueryStringParameters": {k: [v] for k, v in parameters.items()} or None,
            "requestContext": {
                "stage": "production",
                "identity": {"userArn": actor},
                "path": "/production" + path,
            },
            "body": None if body is None else json.dumps(body),
            "isBase64Encoded": False,
        }
        answer: dict[str, Any] = self._handler(event, None)
        return answer


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    with aws_bench(tmp_path) as aws:

        def found(name: str) -> EngineTable:
            table = aws.catalog.find(name)
            return EngineTable(name, table.columns, table.metadata_location, None, name)

        def scan(table: EngineTable) -> exp.Expr:
            """The files of the snapshot that is asked for, or of the newest when none is."""
            if api.before_scans:
                api.before_scans.pop(0)()
            loaded = aws.catalog.load(table.name)
            snapshot = loaded.current_snapshot()
            if table.snapshot_id is not None:
                snapshot = loaded.snapshot_by_id(table.snapshot_id)
            paths = []
            for manifest in snapshot.manifests(loaded.io):
                for entry in manifest.fetch_manifest_entry(loaded.io):
                    location = entry.data_file.file_path
                    path = tmp_path / location.removeprefix("s3://").replace("/", "-")
                    with aws.catalog.warehouse.open(location) as file:
                        path.write_bytes(file.read())
                    paths.append(exp.Literal.string(str(path)))
            return exp.Anonymous(this="read_parquet", expressions=[exp.Array(expressions=paths)])

        double = AthenaDouble(duckdb.connect, in_bucket(lambda: aws_client("s3"), BUCKET), found, scan)
        with served(double) as address:
            api = Api(aws, address, double)
            yield api


def document(answer: dict[str, Any]) -> Any:
    return json.loads(answer["body"])


def test_rows_come_with_the_embedded_servers_types_and_real_nulls(api: Api) -> None:
    api.aws.load("input/patients/a.csv", CSV)

    answer = api("GET", "/query", query="SELECT id, name, weight, born FROM patients ORDER BY id")

    assert answer["statusCode"] == 200, answer["body"]
    said = document(answer)
    assert [column["type"] for column in said["columns"]] == ["bigint", "varchar", "decimal(18,2)", "date"]
    assert said["rows"] == [[1, "Ann", "61.50", "2001-02-03"], [2, "Bob", None, "1999-12-31"]]
    assert (said["row_count"], said["next_page_token"]) == (2, None)


def test_athena_is_asked_for_a_pinned_state_with_parameters_and_an_earlier_result_of_it(api: Api) -> None:
    api.aws.load("input/patients/a.csv", CSV)
    snapshot = api.aws.catalog.find("patients").snapshots[-1].snapshot_id

    body = {
        "sql": "SELECT name FROM patients WHERE name = ? AND id > ?",
        "params": ["A'nn", 1.5],
        "wait_s": 20,
    }
    assert api("POST", "/queries", body=body)["statusCode"] == 200

    ((_, asked),) = [each for each in api.double.asked if each[0] == "StartQueryExecution"]
    assert f'"awsdatacatalog"."{DATABASE}"."patients" FOR VERSION AS OF {snapshot}' in asked["QueryString"]
    assert asked["ExecutionParameters"] == ["'A''nn'", "1.5E0"]
    assert asked["ResultReuseConfiguration"]["ResultReuseByAgeConfiguration"]["Enabled"] is True
    assert 32 <= len(asked["ClientRequestToken"]) <= 128


TWICE = "SELECT 1, id, name FROM patients UNION ALL SELECT 2, id, name FROM patients ORDER BY 1, 2"
OLD_TWICE = [[1, 1, "Ann"], [1, 2, "Bob"], [2, 1, "Ann"], [2, 2, "Bob"]]
NEW_TWICE = [[1, 2, "Robert"], [1, 3, "Cy"], [2, 2, "Robert"], [2, 3, "Cy"]]


def replace_patients(api: Api) -> None:
    """The file is replaced, and whatever may go then goes."""
    api.aws.load("input/patients/a.csv", "id,name,weight,born\n2,Robert,,1999-12-31\n3,Cy,,\n")
    assert api.aws.commit({"task": "maintain"}) == []


@pytest.mark.parametrize("readings_before", [0, 1])
def test_a_query_during_which_a_file_is_replaced_sees_one_content_of_it_only(
    api: Api, readings_before: int
) -> None:
    api.aws.load("input/patients/a.csv", CSV)
    api.before_scans = [*[lambda: None] * readings_before, lambda: replace_patients(api)]

    answer = document(api("GET", "/query", query=TWICE))

    assert api.before_scans == []
    assert answer["rows"] == OLD_TWICE
    assert document(api("GET", "/query", query=TWICE))["rows"] == NEW_TWICE


def test_a_query_that_waits_in_the_queue_while_a_file_is_replaced_sees_one_content_of_it_only(
    api: Api,
) -> None:
    api.aws.load("input/patients/a.csv", CSV)
    api.double.has_room.clear()
    begun = document(api("POST", "/queries", body={"sql": TWICE, "wait_s": 0}))
    replace_patients(api)
    api.double.has_room.set()

    assert document(api("GET", f"/queries/{begun['query_id']}", wait_s="20"))["state"] == "succeeded"
    rows = document(api("GET", f"/queries/{begun['query_id']}/results"))["rows"]
    assert rows == OLD_TWICE
    assert document(api("GET", "/query", query=TWICE))["rows"] == NEW_TWICE


def test_glue_is_asked_once_for_a_table_of_a_statement(api: Api) -> None:
    api.aws.load("input/patients/a.csv", CSV)
    api.calls.clear()

    assert (
        api("GET", "/query", query="SELECT a.id FROM patients a JOIN patients b ON a.id = b.id")["statusCode"]
        == 200
    )

    assert api.calls.count("glue.GetTable") == 1


def test_a_statement_that_is_not_lasting_is_never_answered_from_before(api: Api) -> None:
    assert api("GET", "/query", query="SELECT year(now()) > 2000")["statusCode"] == 200

    ((_, asked),) = [each for each in api.double.asked if each[0] == "StartQueryExecution"]
    assert "ResultReuseConfiguration" not in asked


def test_arrays_maps_and_rows_come_as_json_of_their_types(api: Api) -> None:
    sql = "SELECT ARRAY[1, NULL, 3] AS a, MAP(ARRAY['k'], ARRAY[DATE '2024-01-31']) AS m, 'x' AS t"

    said = document(api("GET", "/query", query=sql))

    assert [column["type"] for column in said["columns"]] == [
        "array(integer)",
        "map(varchar, date)",
        "varchar",
    ]
    assert said["rows"] == [[[1, None, 3], {"k": "2024-01-31"}, "x"]]


def test_pages_join_to_the_whole_result_whichever_instance_answers(api: Api) -> None:
    sql = "SELECT n FROM UNNEST(sequence(1, 2500)) t (n) ORDER BY n"
    begun = document(api("POST", "/queries", body={"sql": sql, "max_rows": 700, "wait_s": 20}))
    rows, token, query_id = begun["rows"], begun["next_page_token"], begun["query_id"]

    while token:
        page = document(api("GET", f"/queries/{query_id}/results", page_token=token, max_rows="700"))
        rows += page["rows"]
        token = page["next_page_token"]

    assert rows == [[n] for n in range(1, 2501)]
    assert begun["row_count"] == 2500


def test_no_answer_is_larger_than_lambda_takes_however_large_a_row_is(api: Api) -> None:
    answer = api("GET", "/query", query="""SELECT replace(rpad('x', 1000000, 'a'), 'a', 'bbbb"') AS t""")

    assert len(json.dumps(answer)) < 6 << 20
    assert (answer["statusCode"], document(answer)["code"]) == (422, "QUERY_RESOURCE_LIMIT")


def test_a_result_as_a_file_is_fetched_from_a_signed_address(api: Api) -> None:
    answer = api("GET", "/query", query="SELECT 1 AS n, '' AS t", format="csv")

    assert answer["statusCode"] == 303
    location = answer["headers"].get("location") or answer["multiValueHeaders"]["location"][0]
    key = urlsplit(location).path.lstrip("/").removeprefix(BUCKET + "/")
    content = aws_client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read()
    assert content == b'n,t\r\n1,""\r\n'


def test_a_file_of_any_length_is_read_in_one_piece_from_where_athena_put_it(api: Api) -> None:
    answer = api("GET", "/query", query="SELECT n FROM UNNEST(sequence(1, 5000)) t (n)", format="csv")

    assert answer["statusCode"] == 303
    asked = [operation for operation, _ in api.double.asked]
    assert asked.count("GetQueryResults") == 1


def test_a_file_of_a_result_that_has_expired_is_not_found(api: Api) -> None:
    query_id = document(api("GET", "/query", query="SELECT 1"))["query_id"]
    s3 = aws_client("s3")
    for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix="query-results/")["Contents"]:
        s3.delete_object(Bucket=BUCKET, Key=entry["Key"])

    answer = api("GET", f"/queries/{query_id}/results", format="csv")

    assert answer["statusCode"] == 404


def test_a_page_of_a_result_that_has_expired_is_not_found(api: Api) -> None:
    query_id = document(api("GET", "/query", query="SELECT 1"))["query_id"]
    api.double.have_results_expired = True
    another_instance = Api(api.aws, api.address, api.double)

    answer = another_instance("GET", f"/queries/{query_id}/results")

    assert (answer["statusCode"], document(answer)["code"]) == (404, "NOT_FOUND")


def test_another_persons_query_is_not_there_and_nobody_is_nobody(api: Api) -> None:
    query_id = document(api("GET", "/query", query="SELECT 1"))["query_id"]

    assert api("GET", f"/queries/{query_id}")["statusCode"] == 200
    assert api("GET", f"/queries/{query_id}", actor=BOB)["statusCode"] == 404
    assert api("GET", "/tables", actor="")["statusCode"] == 401


def test_errors_are_the_same_problems(api: Api) -> None:
    failed = api("GET", "/query", query="SELECT 1 / 0")
    refused = api("GET", "/query", query="DROP TABLE patients")
    answers = {answer["statusCode"]: document(answer)["code"] for answer in (failed, refused)}

    assert answers == {422: "SQL_RUNTIME", 403: "SQL_NOT_READONLY"}
    assert "application/problem+json" in str(failed["headers"]) + str(failed.get("multiValueHeaders"))


def test_a_query_is_stopped_in_athena(api: Api) -> None:
    digits = "(VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9))"
    many = f"SELECT count(*) FROM {', '.join(f'{digits} t{i} (n)' for i in range(11))} WHERE t0.n < 0 - t1.n"
    begun = api("POST", "/queries", body={"sql": many, "wait_s": 0})
    assert begun["statusCode"] == 202
    query_id = document(begun)["query_id"]

    assert api("DELETE", f"/queries/{query_id}")["statusCode"] == 204

    assert document(api("GET", f"/queries/{query_id}", wait_s="2"))["state"] == "cancelled"
    assert "StopQueryExecution" in [operation for operation, _ in api.double.asked]


def test_an_upload_is_signed_for_exactly_its_key_its_size_and_its_bytes(api: Api) -> None:
    asked = {"key": "labs/a.csv", "size_bytes": 12, "sha256": "ab" * 32}

    said = document(api("POST", "/uploads", body=asked))

    policy = json.loads(base64.b64decode(said["fields"]["policy"]))
    assert said["fields"]["key"] == "input/labs/a.csv"
    assert ["content-length-range", 12, 12] in policy["conditions"]
    assert {"key": "input/labs/a.csv"} in policy["conditions"]
    checksum = base64.b64encode(bytes.fromhex("ab" * 32)).decode()
    assert {"x-amz-checksum-sha256": checksum} in policy["conditions"]
    assert datetime.fromisoformat(said["expires_at"]) <= datetime.now(UTC) + timedelta(minutes=15)


@pytest.mark.parametrize("key", ["../etc", "a/../../b\n", "", "labs/", "labs/${filename}"])
def test_an_upload_of_a_key_that_cannot_be_is_not_signed(api: Api, key: str) -> None:
    answer = api("POST", "/uploads", body={"key": key, "size_bytes": 1, "sha256": "ab" * 32})

    assert answer["statusCode"] == 400


def test_a_key_is_signed_as_long_as_sts_takes_it_and_else_the_answer_says_why(api: Api) -> None:
    answers = {}
    for letter, length in [("a", 1000), ("\u00e9", 280), ("\u00e9", 400), ("\u4e2d", 333)]:
        body = {"key": letter * length, "size_bytes": 1, "sha256": "ab" * 32}
        answers[letter, length] = api("POST", "/uploads", body=body)

    said = {asked: answer["statusCode"] for asked, answer in answers.items()}
    assert said == {("a", 1000): 201, ("\u00e9", 280): 201, ("\u00e9", 400): 400, ("\u4e2d", 333): 400}
    problem = document(answers["\u4e2d", 333])
    assert problem["code"] == "BAD_KEY"
    assert problem["detail"].startswith("the key is too long to be signed")


def test_loads_receipts_and_replays_are_those_of_the_ledger(api: Api) -> None:
    api.aws.load("input/patients/a.csv", CSV)
    (load,) = document(api("GET", "/loads"))["loads"]

    receipt = document(api("GET", f"/loads/{load['load_id']}/receipt"))
    replayed = api("POST", f"/loads/{load['load_id']}/replay")

    assert load["state"] == "committed"
    assert receipt["rows"]["read"] == 2
    assert replayed["statusCode"] == 202
    assert api.aws.queued("conversion") == [{"task": "replay", "load_id": load["load_id"]}]


def test_content_that_has_been_replaced_is_not_replayed(api: Api) -> None:
    api.aws.load("input/patients/a.csv", CSV)
    (load,) = document(api("GET", "/loads"))["loads"]
    api.aws.load("input/patients/a.csv", "id,name\n9,Zoe\n")

    answer = api("POST", f"/loads/{load['load_id']}/replay")

    assert (answer["statusCode"], document(answer)["code"]) == (412, "PRECONDITION_FAILED")
    assert api.aws.queued("conversion") == []


def test_a_table_that_is_not_there_is_told_in_our_words(api: Api) -> None:
    answer = api("GET", "/tables/nothing")

    assert (answer["statusCode"], document(answer)["detail"]) == (404, "no such table")


def test_the_place_of_a_query_is_told_below_the_stage(api: Api) -> None:
    answer = api("POST", "/queries", body={"sql": "SELECT 1", "wait_s": 0})

    if answer["statusCode"] == 202:
        assert "/production/queries/" in str(answer)
    assert api("GET", "/health")["statusCode"] == 200
