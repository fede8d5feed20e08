"""Signed uploads: the one key that was asked for, and no other."""

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from botocore.exceptions import ClientError

from medical_data_pipeline.adapters.aws.aws_clients import aws_client_of_role
from medical_data_pipeline.adapters.aws.s3_links import S3UploadSigner
from medical_data_pipeline.errors import InvalidObjectRef
from medical_data_pipeline.model.query import Actor

ROLE = "arn:aws:iam::123456789012:role/upload"
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


@dataclass
class RememberingSts:
    """Gives any role, and keeps the policies to which each was narrowed."""

    policies: list[dict[str, Any]] = field(default_factory=list)

    def assume_role(self, *, Policy: str, **_: Any) -> dict[str, Any]:
        self.policies.append(json.loads(Policy))
        return {"Credentials": {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c"}}


@pytest.mark.parametrize(
    ("key", "resource"),
    [
        ("labs/a.csv", "labs/a.csv"),
        ("labs/*", "labs/${*}"),
        ("labs/what?.csv", "labs/what${?}.csv"),
        ("${aws:username}.csv", "${$}{aws:username}.csv"),
    ],
)
def test_the_role_is_narrowed_to_the_key_as_it_is_written(
    monkeypatch: pytest.MonkeyPatch, key: str, resource: str
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    sts = RememberingSts()
    signer = S3UploadSigner(sts, partial(aws_client_of_role, "s3"), ROLE, "bucket", lambda: NOON)

    signed = signer.sign(key, 3, b"x" * 32, Actor("ann", "reader"))

    (policy,) = sts.policies
    assert policy["Statement"][0]["Resource"] == f"arn:aws:s3:::bucket/input/{resource}"
    assert signed.fields["key"] == f"input/{key}"


class PackingSts:
    """Finds every policy too large once it is packed."""

    def assume_role(self, **_: Any) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "PackedPolicyTooLarge", "Message": ""}}, "AssumeRole")


def test_a_key_whose_policy_is_too_large_when_packed_is_refused_as_too_long() -> None:
    signer = S3UploadSigner(PackingSts(), partial(aws_client_of_role, "s3"), ROLE, "bucket", lambda: NOON)

    with pytest.raises(InvalidObjectRef, match="too long to be signed"):
        signer.sign("labs/a.csv", 3, b"x" * 32, Actor("ann", "reader"))
