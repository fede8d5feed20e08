"""Somebody who asks the API as the README says: by curl, which signs with the key of an IAM user."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tests.e2e_aws.emulator import REGION
from tests.e2e_aws.installation import Installation


@dataclass(frozen=True)
class Answer:
    """What came back. `headers` have lower-case names."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.content)


@dataclass(frozen=True)
class Caller:
    """One IAM user."""

    installation: Installation
    access_key: str
    secret_key: str

    def get(self, path: str, **parameters: str) -> Answer:
        written = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(parameters.items()))
        return self.send("GET", f"{path}?{written}" if written else path)

    def post(self, path: str, body: Any) -> Answer:
        return self.send("POST", path, "-H", "Content-Type: application/json", "--data-raw", json.dumps(body))

    def send(self, method: str, path: str, *options: str) -> Answer:
        signed = (
            "--aws-sigv4",
            f"aws:amz:{REGION}:execute-api",
            "--user",
            f"{self.access_key}:{self.secret_key}",
        )
        url = f"{self.installation.outputs['api_base_url']}/{path}"
        return curl(self.installation, *signed, "-X", method, *options, url)

    def rows(self, sql: str) -> list[list[Any]]:
        """Every row of an answer, page after page."""
        answer = self.post("queries", {"sql": sql, "wait_s": 20, "max_rows": 1000})
        assert answer.status == 200, answer.content
        document = answer.document
        rows: list[list[Any]] = document["rows"]
        place = f"queries/{document['query_id']}/results"
        while document["next_page_token"]:
            document = self.get(place, page_token=document["next_page_token"], max_rows="1000").document
            rows += document["rows"]
        return rows


def curl(installation: Installation, *arguments: str) -> Answer:
    """By the curl that the shell of the installation has."""
    done = subprocess.run(
        [str(installation.programs / "curl"), "--include", "--http1.1", *arguments],
        env=installation.environ(),
        capture_output=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    while head.startswith(b"HTTP/1.1 100"):
        head, _, content = content.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    named = (line.partition(":") for line in lines)
    return Answer(int(first.split()[1]), {name.lower(): value.strip() for name, _, value in named}, content)


def new_user(installation: Installation, name: str, *invokable: str) -> Caller:
    """Somebody who may invoke what is named, as `METHOD/path` below the stage; `*` stands for anything."""
    iam = installation.emulator.client("iam")
    iam.create_user(UserName=name)
    if invokable:
        stage = f"arn:aws:execute-api:{REGION}:{installation.account}:*/production"
        resources = [f"{stage}/{each}" for each in invokable]
        statement = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resources}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="asks", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Caller(installation, key["AccessKeyId"], key["SecretAccessKey"])
