"""Uploads: streamed, checked, idempotent, and nothing kept of one that fails."""

import base64
import hashlib
import json
from collections.abc import Iterator
from typing import Any

import anyio
import pytest

from medical_data_pipeline.http_api.services import HttpLimits
from medical_data_pipeline.http_api.upload_stream import PIECE_BYTES
from medical_data_pipeline.model.objects import ObjectRef
from tests.unit.http_api.http_client import TestClient
from tests.unit.http_api.service_fakes import TOKEN, Backstage

CSV = b"id,result\n1,2\n"


def digest(name: str, content: bytes) -> str:
    return base64.b64encode(hashlib.new(name, content).digest()).decode()


def test_a_new_file_is_created_and_the_same_again_changes_nothing(
    client: TestClient, backstage: Backstage
) -> None:
    first = client.put("/input/labs/a b+c.csv", content=CSV)
    again = client.put("/input/labs/a b+c.csv", content=CSV)

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["load_id"] == again.json()["load_id"]
    assert first.headers["location"] == "/loads/" + first.json()["load_id"]
    assert first.headers["etag"] == f'"{hashlib.sha256(CSV).hexdigest()}"'
    assert (first.json()["state"], first.json()["table"]) == ("received", "labs")
    with backstage.store.open(ObjectRef("bucket", "input/labs/a b+c.csv")) as stored:
        assert stored.read() == CSV


def test_checksums_that_hold_are_accepted(client: TestClient) -> None:
    headers = {"Content-MD5": digest("md5", CSV), "x-amz-checksum-sha256": digest("sha256", CSV)}

    assert client.put("/input/labs/a.csv", content=CSV, headers=headers).status_code == 201


@pytest.mark.parametrize(
    ("headers", "content", "status", "code"),
    [
        ({"Content-MD5": digest("md5", b"other")}, CSV, 400, "CHECKSUM_MISMATCH"),
        ({"x-amz-checksum-sha256": digest("sha256", b"other")}, CSV, 400, "CHECKSUM_MISMATCH"),
        ({"Content-MD5": "not base64"}, CSV, 400, "INVALID_PARAMETER"),
        ({"Content-MD5": "AAAA"}, CSV, 400, "INVALID_PARAMETER"),
        ({"If-None-Match": '"etag"'}, CSV, 400, "INVALID_PARAMETER"),
        ({"Content-Encoding": "br"}, CSV, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"Content-Type": "multipart/form-data; boundary=x"}, CSV, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({"Content-Type": "Multipart/Mixed; boundary=x"}, CSV, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ({}, b"", 400, "EMPTY_FILE"),
    ],
)
def test_an_upload_that_is_not_what_it_says_leaves_nothing(
    client: TestClient, backstage: Backstage, headers: dict[str, str], content: bytes, status: int, code: str
) -> None:
    answer = client.put("/input/labs/a.csv", content=content, headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert backstage.keys() == []


def test_a_form_is_told_how_to_send_the_file_itself(client: TestClient, backstage: Backstage) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n'
    form = head + CSV + b"\r\n--x--\r\n"

    answer = client.put(
        "/input/labs/a.csv", content=form, headers={"Content-Type": "multipart/form-data; boundary=x"}
    )

    assert "send the file itself (curl -T FILE" in answer.json()["detail"]
    assert backstage.keys() == []


@pytest.mark.parametrize("media_type", ["text/csv", "application/x-www-form-urlencoded", "application/gzip"])
def test_a_file_is_taken_under_any_other_media_type(client: TestClient, media_type: str) -> None:
    answer = client.put("/input/labs/a.csv", content=CSV, headers={"Content-Type": media_type})

    assert answer.status_code == 201


def test_an_object_that_is_there_is_kept_when_asked(client: TestClient) -> None:
    client.put("/input/labs/a.csv", content=CSV)

    answer = client.put("/input/labs/a.csv", content=b"x", headers={"If-None-Match": "*"})

    assert (answer.status_code, answer.json()["code"]) == (412, "PRECONDITION_FAILED")


@pytest.mark.parametrize(
    ("key", "status", "code"),
    [
        ("labs/%00.csv", 400, "BAD_KEY"),
        ("labs/%ff.csv", 400, "BAD_KEY"),
        (
            "labs/.a.csv.Zz9",
            400,
            "BAD_KEY",
        ),  # what is dropped into the folder under such a name is not loaded
        (".partial/a.csv", 400, "BAD_KEY"),
        ("labs/%0A.csv", 404, "NOT_FOUND"),  # a path with a line end is no route's path
    ],
)
def test_a_key_that_no_file_should_have_is_refused(
    client: TestClient, key: str, status: int, code: str
) -> None:
    answer = client.put(f"/input/{key}", content=CSV)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_the_etag_of_a_file_that_was_loaded_again_is_still_that_of_its_bytes(
    client: TestClient, backstage: Backstage
) -> None:
    first = client.put("/input/labs/a.csv", content=CSV)
    backstage.app().state.services.intake.replay(backstage.ledger.find(first.json()["load_id"]))

    again = client.put("/input/labs/a.csv", content=CSV)
    other = client.put("/input/labs/a.csv", content=b"x", headers={"If-Match": again.headers["etag"]})

    assert again.headers["etag"] == first.headers["etag"]
    assert other.status_code == 201


@pytest.mark.parametrize("is_chunked", [True, False])
def test_a_file_over_the_limit_is_refused_and_not_kept(is_chunked: bool) -> None:
    backstage = Backstage(limits=HttpLimits(max_upload_bytes=10))
    content: Any = iter([b"x" * 6, b"x" * 6]) if is_chunked else b"x" * 12

    with TestClient(backstage.app(), headers={"Authorization": f"Bearer {TOKEN}"}) as client:
        answer = client.put("/input/labs/a.csv", content=content)

    assert (answer.status_code, answer.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert answer.headers["connection"] == "close"
    assert backstage.keys() == []


def test_a_body_without_a_length_is_refused(backstage: Backstage) -> None:
    sent = anyio.run(_put, backstage.app(), [])

    assert sent[0]["status"] == 411


def test_a_sender_that_leaves_halfway_leaves_nothing(backstage: Backstage) -> None:
    half = {"type": "http.request", "body": b"id,res", "more_body": True}

    sent = anyio.run(_put, backstage.app(), [half], (b"content-length", b"100"))

    assert sent == []
    assert backstage.keys() == []


@pytest.mark.parametrize("sent_before", [b"", b"x", b"x" * PIECE_BYTES])
def test_a_sender_that_says_nothing_any_more_does_not_keep_its_turn(sent_before: bytes) -> None:
    backstage = Backstage(limits=HttpLimits(stall_s=0.05))
    sent: list[Any] = []
    body = [{"type": "http.request", "body": sent_before, "more_body": True}]

    async def receive() -> Any:
        return body.pop() if body else await anyio.sleep_forever()

    async def send(message: Any) -> None:
        sent.append(message)

    anyio.run(backstage.app(), _scope((b"content-length", b"9000000")), receive, send)

    assert sent[0]["status"] == 408
    assert json.loads(sent[1]["body"])["code"] == "UPLOAD_STALLED"
    assert backstage.keys() == []


def test_a_large_body_is_never_in_memory_as_a_whole(backstage: Backstage) -> None:
    pieces = []

    class Intake:
        def put(self, key: str, chunks: Iterator[bytes], *_: object) -> Any:
            pieces.extend(len(chunk) for chunk in chunks)
            raise MemoryError

    body = [{"type": "http.request", "body": b"x" * 65_536, "more_body": True} for _ in range(64)]
    body.append({"type": "http.request", "body": b"x", "more_body": False})

    anyio.run(_put, backstage.app(intake=Intake()), body, (b"transfer-encoding", b"chunked"))

    assert (sum(pieces), max(pieces)) == (64 * 65_536 + 1, 1 << 20)


async def _put(app: Any, body: list[Any], *headers: tuple[bytes, bytes]) -> list[Any]:
    """One PUT straight to the application; when `body` is at its end the sender is gone."""
    sent = []

    async def receive() -> Any:
        return body.pop(0) if body else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(_scope(*headers), receive, send)
    return sent


def _scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {
        "type": "http",
        "method": "PUT",
        "path": "/input/labs/a.csv",
        "raw_path": b"/input/labs/a.csv",
        "query_string": b"",
        "headers": [(b"authorization", f"Bearer {TOKEN}".encode()), *headers],
    }
