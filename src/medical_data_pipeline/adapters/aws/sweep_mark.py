"""How far the sweep of the bucket has come, kept in the ledger's table from one night to another."""

from dataclasses import dataclass

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import translated
from medical_data_pipeline.adapters.aws.dynamodb_items import text

_KEY = {"pk": text("sweep")}


@dataclass(frozen=True)
class SweepMark:
    """The key after which the next sweep begins; "" for the first one there is."""

    dynamodb: Client
    table: str

    def after(self) -> str:
        with translated():
            answer = self.dynamodb.get_item(TableName=self.table, Key=_KEY, ConsistentRead=True)
        return str(answer.get("Item", {}).get("after", text(""))["S"])

    def put(self, after: str) -> None:
        with translated():
            self.dynamodb.put_item(TableName=self.table, Item={**_KEY, "after": text(after)})
