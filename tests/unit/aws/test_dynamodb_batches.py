"""Items asked for in batches: all that there are, however few the table gives at a time."""

from collections.abc import Iterator
from typing import Any

import pytest

from medical_data_pipeline.adapters.aws.aws_clients import Client, aws_client
from medical_data_pipeline.adapters.aws.dynamodb_batches import items_by_key
from medical_data_pipeline.adapters.aws.dynamodb_items import text
from medical_data_pipeline.errors import BackendUnavailable
from tests.aws_emulator import LEDGER_TABLE, emulated_aws

KEYS = [f"load#{number}" for number in range(230)]


@pytest.fixture
def table() -> Iterator[Client]:
    with emulated_aws("batches"):
        client = aws_client("dynamodb")
        for key in KEYS:
            client.put_item(TableName=LEDGER_TABLE, Item={"pk": text(key)})
        yield client


def giving(most: int, asked: list[int]) -> Any:
    """What a busy table does: it gives `most` items and names the keys of the others."""

    def answer(parsed: dict[str, Any], **_: Any) -> None:
        found = parsed["Responses"][LEDGER_TABLE]
        asked.append(len(found))
        parsed["Responses"] = {LEDGER_TABLE: found[:most]} if most else {}
        left = [{"pk": item["pk"]} for item in found[most:]]
        if left:
            parsed["UnprocessedKeys"] = {LEDGER_TABLE: {"Keys": left, "ConsistentRead": True}}

    return answer


def test_what_a_busy_table_did_not_give_is_asked_for_again(table: Client) -> None:
    asked: list[int] = []
    table.meta.events.register("after-call.dynamodb.BatchGetItem", giving(40, asked))

    found = items_by_key(table, LEDGER_TABLE, [*KEYS, "load#unknown", KEYS[0]])

    assert sorted(found) == sorted(KEYS)
    assert asked == [100, 60, 20, 100, 60, 20, 30]


def test_a_table_that_gives_nothing_is_asked_a_few_times_only(table: Client) -> None:
    asked: list[int] = []
    table.meta.events.register("after-call.dynamodb.BatchGetItem", giving(0, asked))

    with pytest.raises(BackendUnavailable):
        items_by_key(table, LEDGER_TABLE, KEYS[:3])

    assert asked == [3] * 8


def test_no_keys_are_no_call(table: Client) -> None:
    asked: list[int] = []
    table.meta.events.register("after-call.dynamodb.BatchGetItem", giving(0, asked))

    assert items_by_key(table, LEDGER_TABLE, []) == {}
    assert asked == []
