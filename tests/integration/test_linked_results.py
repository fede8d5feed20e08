"""A result that the server gives as a link, as on AWS: the client fetches it, without its token."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from medical_data_pipeline.entrypoints.cli.query import command

PAGE = {"query_id": "q", "columns": [{"name": "n"}], "rows": [[1]], "row_count": 1, "next_page_token": None}


class _Bucket(BaseHTTPRequestHandler):
    """Where the link leads: takes no other authorisation than what is in the link."""

    def do_GET(self) -> None:
        is_fit = self.headers["Authorization"] is None and self.path == "/q.csv?signature=s"
        self.send_response(200 if is_fit else 400)
        self.end_headers()
        self.wfile.write(b"n\n1\n" if is_fit else b"")

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class _Api(_Bucket):
    """The two routes that `mdp query` uses."""

    link = ""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(PAGE).encode())

    def do_GET(self) -> None:
        self.send_response(303)
        self.send_header("Location", self.link)
        self.end_headers()


@contextmanager
def answering(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("path", "is_fit"), [("/q.csv?signature=s", True), ("/gone", False)])
def test_a_result_behind_a_link_is_fetched_and_a_broken_link_leaves_no_file(
    tmp_path: Path, path: str, is_fit: bool
) -> None:
    file = tmp_path / "answer.csv"
    with answering(_Bucket) as bucket:
        linking = type("LinkingApi", (_Api,), {"link": bucket + path})
        with answering(linking) as api:
            arguments = ["SELECT 1", "--format", "csv", "-o", str(file), "--server", api]
            done = CliRunner().invoke(command, arguments, env={"MDP_TOKEN": "t"})

    assert done.exit_code == (0 if is_fit else 1), done.output
    assert [each.read_text(encoding="utf-8") for each in tmp_path.iterdir()] == (["n\n1\n"] if is_fit else [])
