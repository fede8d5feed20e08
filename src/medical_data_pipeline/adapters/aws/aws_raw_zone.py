"""The raw zone in S3, what the ledger's table has noted of it, and how far it was looked through."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from botocore.exceptions import ClientError

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import error_code, translated
from medical_data_pipeline.adapters.aws.dynamodb_batches import items_by_key
from medical_data_pipeline.adapters.aws.dynamodb_items import Item, moment, source_key, text
from medical_data_pipeline.adapters.aws.s3_listing import ListedObject, listed_pages
from medical_data_pipeline.model.keys import RAW_PREFIX
from medical_data_pipeline.model.objects import load_id

_PASS_KEY = {"pk": text("raw-pass")}


@dataclass(frozen=True)
class RawPass:
    """One look through the raw zone, at what was modified at `since` or later.

    `after` is the key that it has come to, `has_failed` whether it left a file out. `whole_at` is when
    the last pass began that looked at everything, which may be this one.
    """

    began_at: datetime
    since: datetime
    whole_at: datetime
    after: str = ""
    has_failed: bool = False
    is_through: bool = False


@dataclass(frozen=True)
class AwsRawZone:
    """The raw zone of one bucket. What is noted of an object is kept in the ledger's item of its source."""

    s3: Client
    dynamodb: Client
    bucket: str
    table: str

    def pages(self, after: str) -> Iterator[Sequence[ListedObject]]:
        """Every object after the key `after`, in key order."""
        return listed_pages(self.s3, self.bucket, RAW_PREFIX, after)

    def unknown(self, listed: Sequence[ListedObject]) -> list[ListedObject]:
        """Those that the ledger has to be asked about one by one.

        Of the others it knew a moment ago that what lies there is the content of the source's newest load.
        """
        keys = {each.ref: source_key(each.ref)["pk"]["S"] for each in listed}
        items = items_by_key(self.dynamodb, self.table, keys.values(), is_consistent=False)
        return [each for each in listed if not _is_known(each, items.get(keys[each.ref], {}))]

    def note(self, listed: ListedObject, newest: str) -> None:
        """Remember that what lies there is the content of the load `newest`, for as long as that is so."""
        with translated():
            try:
                self.dynamodb.update_item(
                    TableName=self.table,
                    Key=source_key(listed.ref),
                    UpdateExpression="SET seen = :seen",
                    ConditionExpression="newest = :newest",
                    ExpressionAttributeValues={":seen": _seen(listed, newest), ":newest": text(newest)},
                )
            except ClientError as error:
                # A newer load has come meanwhile: there is nothing to remember.
                if error_code(error) != "ConditionalCheckFailedException":
                    raise

    def last_pass(self) -> RawPass | None:
        with translated():
            answer = self.dynamodb.get_item(TableName=self.table, Key=_PASS_KEY, ConsistentRead=True)
        item: Item = answer.get("Item", {})
        if not item:
            return None
        began_at, since, whole_at = (
            datetime.fromisoformat(item[name]["S"]) for name in ("began_at", "since", "whole_at")
        )
        has_failed, is_through = (item[name]["BOOL"] for name in ("has_failed", "is_through"))
        return RawPass(began_at, since, whole_at, item["after"]["S"], has_failed, is_through)

    def put_pass(self, done: RawPass) -> None:
        """Remember how far a pass is. Of two that go on at once, one is forgotten and does its work again."""
        item = {
            **_PASS_KEY,
            "began_at": moment(done.began_at),
            "since": moment(done.since),
            "whole_at": moment(done.whole_at),
            "after": text(done.after),
            "has_failed": {"BOOL": done.has_failed},
            "is_through": {"BOOL": done.is_through},
        }
        with translated():
            self.dynamodb.put_item(TableName=self.table, Item=item)


def _is_known(listed: ListedObject, source: Item) -> bool:
    newest = source.get("newest", text(""))["S"]
    is_its_load = not listed.has_sha256 and newest == load_id(listed.ref, listed.etag)
    return is_its_load or source.get("seen") == _seen(listed, newest)


def _seen(listed: ListedObject, newest: str) -> dict[str, str]:
    # With the load, since the same object may lie there again after other content was loaded.
    return text(f"{newest} {listed.etag}")
