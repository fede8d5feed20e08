"""AWS in this process (moto), made to refuse what AWS refuses where moto does not."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from threading import RLock
from typing import Any

import boto3
import botocore.session
from botocore.loaders import Loader
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT
from moto.core.exceptions import JsonRESTError
from moto.dynamodb.responses import DynamoHandler
from moto.glue.responses import GlueResponse
from moto.s3.models import s3_backends
from moto.sts.exceptions import STSValidationError
from moto.sts.responses import TokenResponse

from medical_data_pipeline.adapters.aws.aws_clients import aws_client

_LOADER = Loader()
REGION = "eu-central-1"
DATABASE = "medical_data_db"
LEDGER_TABLE = "medical-data-pipeline-ledger"
QUERIES_TABLE = "medical-data-pipeline-queries"
LEDGER_INDEXES = {"by_kind": "kind", "by_table": "table_name", "by_state": "state"}


# Making a client takes a tenth of a second, and they are all alike.
shared_client = cache(aws_client)


@contextmanager
def emulated_aws(bucket: str) -> Iterator[None]:
    """An account with one bucket, one Glue database and the tables of the ledger and the queries."""
    region = os.environ.get("AWS_DEFAULT_REGION")
    os.environ["AWS_DEFAULT_REGION"] = REGION
    try:
        with (
            mock_aws(),
            glue_that_checks_versions(),
            sts_that_measures_policies(),
            one_dynamodb_call_at_a_time(),
        ):
            # Reading the services' descriptions is what takes the time, and they are always the same.
            session = botocore.session.get_session()
            session.register_component("data_loader", _LOADER)
            boto3.setup_default_session(botocore_session=session)
            make_resources(bucket)
            yield
    finally:
        if region is None:
            del os.environ["AWS_DEFAULT_REGION"]
        else:
            os.environ["AWS_DEFAULT_REGION"] = region


def make_resources(bucket: str) -> None:
    s3 = aws_client("s3")
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    make_catalog_and_ledger()
    aws_client("dynamodb").create_table(
        TableName=QUERIES_TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
    )


def lose_catalog_and_ledger() -> None:
    """As when an installation was destroyed and made again, and its bucket had data in it."""
    aws_client("glue").delete_database(Name=DATABASE)
    aws_client("dynamodb").delete_table(TableName=LEDGER_TABLE)
    make_catalog_and_ledger()


def date_object(bucket: str, key: str, at: datetime) -> None:
    """Have an object be as old as one that came at that time."""
    s3_backends[ACCOUNT]["aws"].buckets[bucket].keys[key].last_modified = at.replace(tzinfo=None)


def make_catalog_and_ledger() -> None:
    aws_client("glue").create_database(DatabaseInput={"Name": DATABASE})
    aws_client("dynamodb").create_table(
        TableName=LEDGER_TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[
            {"AttributeName": name, "AttributeType": "S"}
            for name in ("pk", "arrival", *LEDGER_INDEXES.values())
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": index,
                "KeySchema": [
                    {"AttributeName": name, "KeyType": "HASH"},
                    {"AttributeName": "arrival", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for index, name in LEDGER_INDEXES.items()
        ],
    )


@contextmanager
def _instead(owner: type, method: str, other: Callable[..., Any]) -> Iterator[None]:
    original = getattr(owner, method)
    setattr(owner, method, other)
    try:
        yield
    finally:
        setattr(owner, method, original)


@contextmanager
def one_dynamodb_call_at_a_time() -> Iterator[None]:
    """Stock moto checks a condition and writes without a lock around both."""
    original, lock = DynamoHandler.call_action, RLock()

    def call_action(handler: Any) -> Any:
        with lock:
            return original(handler)

    with _instead(DynamoHandler, "call_action", call_action):
        yield


@contextmanager
def sts_that_measures_policies() -> Iterator[None]:
    """Stock moto takes a policy of any length, and of any letters."""
    original = TokenResponse.assume_role

    def assume_role(response: Any) -> Any:
        if not re.fullmatch("[\t\n\r\x20-\xff]{1,2048}", response._get_param("Policy") or "-"):
            raise STSValidationError("1 validation error detected: Value at 'policy' failed to satisfy it")
        return original(response)

    with _instead(TokenResponse, "assume_role", assume_role):
        yield


@contextmanager
def glue_that_checks_versions() -> Iterator[None]:
    """Stock moto takes any VersionId, and updates get lost."""
    original, lock = GlueResponse.update_table, RLock()

    def update_table(response: Any) -> Any:
        with lock:
            wanted = response.parameters.get("VersionId")
            name = response.parameters["TableInput"]["Name"]
            table = response.glue_backend.get_table(response.parameters["DatabaseName"], name)
            if wanted not in (None, str(table.as_dict()["VersionId"])):
                raise JsonRESTError("ConcurrentModificationException", "the table was changed meanwhile")
            return original(response)

    with _instead(GlueResponse, "update_table", update_table):
        yield
