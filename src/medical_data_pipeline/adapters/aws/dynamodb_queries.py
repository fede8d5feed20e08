"""Queries that were started, in a DynamoDB table, until their results expire."""

import json
import os
from dataclasses import dataclass
from datetime import timedelta

from botocore.exceptions import ClientError

from medical_data_pipeline.adapters.aws.athena_types import AthenaColumn
from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import error_code, translated
from medical_data_pipeline.adapters.aws.dynamodb_items import number, text
from medical_data_pipeline.errors import QueryNotFound
from medical_data_pipeline.ports import Clock


@dataclass(frozen=True)
class StartedQuery:
    """A query of ours as Athena knows it. `columns` have no type where Athena alone knows it."""

    execution_id: str
    columns: tuple[AthenaColumn, ...] | None
    json_columns: frozenset[int]


@dataclass(frozen=True)
class Place:
    """Where in Athena's pages a row is: the token of a page, and the first row that it gives."""

    token: str
    first_row: int


@dataclass(frozen=True)
class DynamoDbQueries:
    """Every item but the key goes by itself at its `expires_at`."""

    client: Client
    table: str
    clock: Clock
    lifetime: timedelta

    def put(self, query_id: str, query: StartedQuery) -> None:
        columns = query.columns and [[column.name, column.type, column.exact] for column in query.columns]
        content = [query.execution_id, columns, sorted(query.json_columns)]
        self._put(f"query#{query_id}", json.dumps(content))

    def find(self, query_id: str) -> StartedQuery | None:
        content = self._get(f"query#{query_id}")
        if not content:
            return None
        execution_id, columns, json_columns = json.loads(content)
        named = columns and tuple(AthenaColumn(*column) for column in columns)
        return StartedQuery(execution_id, named, frozenset(json_columns))

    def require(self, query_id: str) -> StartedQuery:
        """Raises: QueryNotFound: no such query, or its result has expired."""
        found = self.find(query_id)
        if found is None:
            raise QueryNotFound("no such query, or its result has expired")
        return found

    def put_place(self, query_id: str, row: int, place: Place) -> None:
        """Remember where to go on from `row`, which is where somebody was told the next page begins."""
        self._put(f"place#{query_id}#{row}", json.dumps([place.token, place.first_row]))

    def place(self, query_id: str, row: int) -> Place | None:
        content = self._get(f"place#{query_id}#{row}")
        return Place(*json.loads(content)) if content else None

    def signing_key(self) -> bytes:
        """The key that all instances sign page tokens with, made by the first one that needs it."""
        present = self._get("signing-key")
        if present:
            return bytes.fromhex(present)
        made = os.urandom(32).hex()
        with translated():
            try:
                self.client.put_item(
                    TableName=self.table,
                    Item={"pk": text("signing-key"), "content": text(made)},
                    ConditionExpression="attribute_not_exists(pk)",
                )
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
        return bytes.fromhex(self._get("signing-key"))

    def _put(self, key: str, content: str) -> None:
        expires_at = int((self.clock() + self.lifetime).timestamp())
        item = {"pk": text(key), "content": text(content), "expires_at": number(expires_at)}
        with translated():
            self.client.put_item(TableName=self.table, Item=item)

    def _get(self, key: str) -> str:
        with translated():
            answer = self.client.get_item(TableName=self.table, Key={"pk": text(key)}, ConsistentRead=True)
        item = answer.get("Item", {})
        expires_at = int(item.get("expires_at", {}).get("N", 0))
        # DynamoDB removes what expired within days, not at once.
        is_expired = bool(expires_at) and expires_at < self.clock().timestamp()
        return "" if is_expired else str(item.get("content", {}).get("S", ""))
