"""What a listing of S3 tells of objects, a page at a time and from any key on."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import translated
from medical_data_pipeline.errors import ObjectNotFound
from medical_data_pipeline.model.objects import ObjectRef


@dataclass(frozen=True)
class ListedObject:
    """An object as a listing has it.

    Its content is known by its SHA-256 where `has_sha256`, which only its head tells, and else by its ETag.
    """

    ref: ObjectRef
    size_bytes: int
    modified_at: datetime
    etag: str
    has_sha256: bool


def listed_pages(
    client: Client, bucket: str, prefix: str, after: str = ""
) -> Iterator[Sequence[ListedObject]]:
    """Every object whose key starts with `prefix` and comes after the key `after`, in key order."""
    start = {"StartAfter": after} if after else {}
    pages = iter(client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, **start))
    while True:
        try:
            with translated():
                page = next(pages, None)
        except ObjectNotFound:
            return  # there is not even the bucket
        if page is None:
            return
        yield [_listed(bucket, entry) for entry in page.get("Contents", ())]


def _listed(bucket: str, entry: Mapping[str, Any]) -> ListedObject:
    return ListedObject(
        ObjectRef(bucket, entry["Key"]),
        entry["Size"],
        entry["LastModified"],
        entry["ETag"].strip('"'),
        "SHA256" in entry.get("ChecksumAlgorithm", ()),
    )
