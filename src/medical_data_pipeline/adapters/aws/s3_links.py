"""What people fetch from S3 and put into it by themselves: signed for one object and some minutes."""

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import error_code, translated
from medical_data_pipeline.adapters.aws.s3_upload import upload
from medical_data_pipeline.errors import InvalidObjectRef
from medical_data_pipeline.model.keys import RAW_PREFIX, raw_folder
from medical_data_pipeline.model.objects import ObjectRef
from medical_data_pipeline.model.query import Actor
from medical_data_pipeline.model.upload import SignedUpload
from medical_data_pipeline.ports import Clock

LIFETIME = timedelta(minutes=15)
# S3 puts the name of the file that is sent in its place: the key would be the sender's choice.
_FILE_NAME = "${filename}"
# STS takes no longer policy of a session.
_MAX_POLICY = 2048
_TOO_LONG = "the key is too long to be signed: a letter that is not ASCII counts as six"
# What means something in the resource of a policy.
_MEANT = re.compile(r"[*?$]")


@dataclass(frozen=True)
class S3UploadSigner:
    """Signs as a role that may write raw files, narrowed to one key; nobody else here may write them.

    `as_role` makes an S3 client of that role's credentials.
    """

    sts: Client
    as_role: Callable[[dict[str, Any]], Client]
    role_arn: str
    bucket: str
    clock: Clock

    def sign(self, key: str, size_bytes: int, sha256: bytes, actor: Actor) -> SignedUpload:
        """Raises: InvalidObjectRef: the key cannot be used."""
        ref = ObjectRef(self.bucket, RAW_PREFIX + key)
        raw_folder(ref.key)
        if _FILE_NAME in key:
            raise InvalidObjectRef(f"no key has {_FILE_NAME} in it")
        expires_at = self.clock() + LIFETIME
        credentials = self._credentials(_only(ref, self.role_arn.split(":")[1]))
        fields = {
            "x-amz-checksum-algorithm": "SHA256",
            "x-amz-checksum-sha256": base64.b64encode(sha256).decode("ascii"),
        }
        conditions: list[Any] = [{name: value} for name, value in fields.items()]
        made = self.as_role(credentials).generate_presigned_post(
            ref.bucket,
            ref.key,
            Fields=fields,
            Conditions=[*conditions, ["content-length-range", size_bytes, size_bytes]],
            ExpiresIn=int(LIFETIME.total_seconds()),
        )
        return SignedUpload(made["url"], made["fields"], expires_at)

    def _credentials(self, policy: str) -> dict[str, Any]:
        """Those of the role, for as little as the policy leaves of it."""
        if len(policy) > _MAX_POLICY:
            raise InvalidObjectRef(_TOO_LONG)
        with translated():
            try:
                answer = self.sts.assume_role(
                    RoleArn=self.role_arn,
                    RoleSessionName="upload",
                    DurationSeconds=int(LIFETIME.total_seconds()),
                    Policy=policy,
                )
            except ClientError as error:
                # Packed as STS does it, it may be too large all the same.
                if error_code(error) != "PackedPolicyTooLarge":
                    raise
                raise InvalidObjectRef(_TOO_LONG) from None
        credentials: dict[str, Any] = answer["Credentials"]
        return credentials


@dataclass(frozen=True)
class S3ResultLinks:
    """Files under `prefix`, which the bucket's lifecycle removes."""

    client: Client
    bucket: str
    prefix: str

    def link(self, name: str, chunks: Iterator[bytes], media_type: str) -> str:
        """Raises: BackendUnavailable: call again."""
        ref = ObjectRef(self.bucket, f"{self.prefix}files/{name}")
        upload(self.client, ref, chunks)
        asked = {"Bucket": ref.bucket, "Key": ref.key, "ResponseContentType": media_type}
        return str(
            self.client.generate_presigned_url(
                "get_object", Params=asked, ExpiresIn=int(LIFETIME.total_seconds())
            )
        )


def _only(ref: ObjectRef, partition: str) -> str:
    """What is left of the role: to write this one object."""
    key = _MEANT.sub(lambda found: "${" + found[0] + "}", ref.key)
    resource = f"arn:{partition}:s3:::{ref.bucket}/{key}"
    put = {"Effect": "Allow", "Action": "s3:PutObject", "Resource": resource}
    use_key = {"Effect": "Allow", "Action": ["kms:GenerateDataKey", "kms:Decrypt"], "Resource": "*"}
    # STS takes no letter beyond Latin-1 but as an escape.
    return json.dumps({"Version": "2012-10-17", "Statement": [put, use_key]}, separators=(",", ":"))
