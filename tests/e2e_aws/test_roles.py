"""Each role may do what docs/aws.md says of it and nothing else, as the emulator's IAM decides."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e_aws.callers import curl
from tests.e2e_aws.deployed import Deployed
from tests.e2e_aws.installation import BUCKET, CATALOG, CONVERSION, DATABASE, PROJECT, QUERY
from tests.infrastructure.tools import ROOT

pytestmark = pytest.mark.timeout(900)

FUNCTIONS = {"conversion": CONVERSION, "catalog": CATALOG, "query": QUERY}
PREFIXES = ("input/", "record_folders/", "tables/", "query-results/")
LEDGER = f"{PROJECT}-ledger"
NONE = "\N{EN DASH}"
NOTHING = {"pk": {"S": "nothing"}}
# Fails for another reason where it is allowed, so that it changes nothing.
IF_THERE = {"ConditionExpression": "attribute_exists(pk) AND attribute_not_exists(pk)"}

Clients = Callable[[str], Any]
Try = Callable[[Clients], Any]


def documented() -> Mapping[str, Mapping[str, set[str]]]:
    """The table of roles in docs/aws.md: by stage and place, what the role may do there."""
    page = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8").split("\n## Roles\n", 1)[1]
    head, _, *lines = [line for line in page.split("\n## ", 1)[0].splitlines() if line.startswith("|")]
    places = [cell.strip().strip("`") for cell in head.split("|")[2:-1]]
    found = {}
    for line in lines:
        stage, *cells = [cell.strip() for cell in line.split("|")[1:-1]]
        rights = [set() if cell == NONE else set(cell.split(", ")) for cell in cells]
        found[stage.split(" ")[0]] = dict(zip(places, rights, strict=True))
    return found


def is_denied(deployed: Deployed, function: str, attempt: Try) -> bool:
    key = deployed.key_of(function)
    try:
        attempt(lambda service: deployed.emulator.client(service, key))
    except ClientError as error:
        return error.response["Error"]["Code"] in ("AccessDenied", "AccessDeniedException", "403")
    return False


def on_objects(prefix: str) -> dict[str, Try]:
    where = {"Bucket": BUCKET, "Key": f"{prefix}of-a-test/nothing"}
    return {
        "read": lambda clients: clients("s3").get_object(**where),
        "write": lambda clients: clients("s3").put_object(**where, Body=b"x"),
        "remove": lambda clients: clients("s3").delete_object(**where),
    }


ON_TABLES: dict[str, list[Try]] = {
    "read": [
        lambda clients: clients("glue").get_table(DatabaseName=DATABASE, Name="nothing"),
        lambda clients: clients("glue").get_tables(DatabaseName=DATABASE),
    ],
    # An update of a table that is not there changes nothing.
    "write": [
        lambda clients: clients("glue").update_table(DatabaseName=DATABASE, TableInput={"Name": "nothing"})
    ],
}
ON_LEDGER: dict[str, list[Try]] = {
    "read": [
        lambda clients: clients("dynamodb").get_item(TableName=LEDGER, Key=NOTHING),
        lambda clients: clients("dynamodb").query(
            TableName=LEDGER,
            IndexName="by_kind",
            KeyConditionExpression="kind = :k",
            ExpressionAttributeValues={":k": {"S": "nothing"}},
        ),
    ],
    "write": [
        lambda clients: clients("dynamodb").put_item(TableName=LEDGER, Item=NOTHING, **IF_THERE),
        lambda clients: clients("dynamodb").update_item(TableName=LEDGER, Key=NOTHING, **IF_THERE),
    ],
}


@pytest.mark.parametrize("stage", FUNCTIONS)
@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_role_reaches_objects_as_documented(deployed: Deployed, stage: str, prefix: str) -> None:
    may = documented()[stage][prefix]

    allowed = {
        right
        for right, attempt in on_objects(prefix).items()
        if not is_denied(deployed, FUNCTIONS[stage], attempt)
    }

    deployed.emulator.client("s3").delete_object(Bucket=BUCKET, Key=f"{prefix}of-a-test/nothing")
    assert allowed == may


@pytest.mark.parametrize("stage", FUNCTIONS)
@pytest.mark.parametrize(("place", "attempts"), [("tables in Glue", ON_TABLES), ("ledger", ON_LEDGER)])
def test_a_role_reaches_tables_and_ledger_as_documented(
    deployed: Deployed, stage: str, place: str, attempts: dict[str, list[Try]]
) -> None:
    # Who may write them reads them too.
    may = {right for each in documented()[stage][place] for right in {each, "read"}}

    for right, each in attempts.items():
        denials = {is_denied(deployed, FUNCTIONS[stage], attempt) for attempt in each}
        assert denials == {right not in may}, (stage, right)


NOBODY_MAY: dict[str, Try] = {
    "drop a table": lambda clients: clients("glue").delete_table(DatabaseName=DATABASE, Name="labs"),
    "read another database": lambda clients: clients("glue").get_table(DatabaseName="other", Name="labs"),
    "scan the ledger": lambda clients: clients("dynamodb").scan(TableName=LEDGER),
    "remove from the ledger": lambda clients: clients("dynamodb").delete_item(TableName=LEDGER, Key=NOTHING),
    "change the declarations": lambda clients: clients("s3").put_object(
        Bucket=BUCKET, Key="config/datasets.yaml", Body=b""
    ),
    "change the bucket's policy": lambda clients: clients("s3").delete_bucket_policy(Bucket=BUCKET),
    "list all buckets": lambda clients: clients("s3").list_buckets(),
    "change a function": lambda clients: clients("lambda").update_function_configuration(
        FunctionName=CONVERSION, Timeout=3
    ),
    "invoke a function": lambda clients: clients("lambda").invoke(FunctionName=QUERY, Payload=b"{}"),
    "make a user": lambda clients: clients("iam").create_user(UserName="somebody"),
    "take another role": lambda clients: clients("sts").assume_role(
        RoleArn=f"arn:aws:iam::000000000000:role/{CATALOG}", RoleSessionName="nobody"
    ),
    "ask in another workgroup": lambda clients: clients("athena").start_query_execution(
        QueryString="SELECT 1", WorkGroup="primary"
    ),
    "use the key by itself": lambda clients: clients("kms").generate_data_key(
        KeyId=f"alias/{PROJECT}", KeySpec="AES_256"
    ),
}


@pytest.mark.parametrize("function", FUNCTIONS.values())
@pytest.mark.parametrize("what", NOBODY_MAY)
def test_no_function_may(deployed: Deployed, function: str, what: str) -> None:
    assert is_denied(deployed, function, NOBODY_MAY[what])


def may_send(deployed: Deployed, function: str, stage: str) -> bool:
    # A task that nobody knows is ignored.
    body = json.dumps({"task": "nothing"})
    url = deployed.queue(stage)
    return not is_denied(
        deployed, function, lambda clients: clients("sqs").send_message(QueueUrl=url, MessageBody=body)
    )


def may_read(deployed: Deployed, function: str, stage: str) -> bool:
    url = deployed.queue(stage)

    def attempt(clients: Clients) -> Any:
        return clients("sqs").delete_message(QueueUrl=url, ReceiptHandle="none")

    return not is_denied(deployed, function, attempt)


def test_a_function_sends_where_it_has_something_to_announce_and_reads_its_own_queue(
    deployed: Deployed,
) -> None:
    sends = {
        (stage, queue)
        for stage, function in FUNCTIONS.items()
        for queue in ("conversion", "catalog")
        if may_send(deployed, function, queue)
    }
    reads = {
        (stage, queue)
        for stage, function in FUNCTIONS.items()
        for queue in ("conversion", "catalog")
        if may_read(deployed, function, queue)
    }

    assert sends == {
        ("conversion", "conversion"),
        ("conversion", "catalog"),
        ("catalog", "conversion"),
        ("query", "conversion"),
    }
    assert reads == {("conversion", "conversion"), ("catalog", "catalog")}


def test_only_the_query_function_asks_athena_and_signs_uploads(deployed: Deployed) -> None:
    def ask(clients: Clients) -> Any:
        return clients("athena").start_query_execution(QueryString="SELECT 1", WorkGroup=PROJECT)

    def sign(clients: Clients) -> Any:
        role = f"arn:aws:iam::{deployed.installation.account}:role/{PROJECT}-upload"
        return clients("sts").assume_role(RoleArn=role, RoleSessionName="upload")

    for attempt in (ask, sign):
        allowed = {stage for stage, name in FUNCTIONS.items() if not is_denied(deployed, name, attempt)}
        assert allowed == {"query"}


def test_who_signs_an_upload_can_write_raw_files_and_do_nothing_else(deployed: Deployed) -> None:
    sts = deployed.emulator.client("sts", deployed.key_of(QUERY))
    role = f"arn:aws:iam::{deployed.installation.account}:role/{PROJECT}-upload"
    given = sts.assume_role(RoleArn=role, RoleSessionName="upload")["Credentials"]
    key = {
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }
    s3 = deployed.emulator.client("s3", key)

    found = {prefix: rights for prefix in PREFIXES if (rights := rights_of(s3, prefix))}

    deployed.emulator.client("s3").delete_object(Bucket=BUCKET, Key="input/of-a-test/nothing")
    assert found == {"input/": {"write"}}
    assert {place: may for place, may in documented()["upload"].items() if may} == found


def rights_of(s3: Any, prefix: str) -> set[str]:
    found = set()
    for right, attempt in on_objects(prefix).items():
        try:
            attempt(lambda _: s3)
        except ClientError as error:
            if error.response["Error"]["Code"] == "AccessDenied":
                continue
        found.add(right)
    return found


def test_the_bucket_takes_no_other_encryption_and_no_stranger(deployed: Deployed) -> None:
    s3, key = deployed.emulator.client("s3", deployed.key_of(CONVERSION)), "record_folders/of-a-test/nothing"

    s3.put_object(Bucket=BUCKET, Key=key, Body=b"x")
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x", ServerSideEncryption="AES256")
    stranger = curl(deployed.installation, f"{deployed.emulator.address}/{BUCKET}/{key}")

    assert (
        s3.head_object(Bucket=BUCKET, Key=key)["SSEKMSKeyId"] == deployed.installation.outputs["kms_key_arn"]
    )
    assert stranger.status == 403
    assert re.search(rb"<Code>AccessDenied</Code>", stranger.content)
    deployed.emulator.client("s3").delete_object(Bucket=BUCKET, Key=key)
