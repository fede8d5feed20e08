"""Many items of a DynamoDB table in few calls."""

import random
import time
from collections.abc import Iterable, Sequence

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import translated
from medical_data_pipeline.adapters.aws.dynamodb_items import Item, text
from medical_data_pipeline.errors import BackendUnavailable

# What DynamoDB takes in one call.
MOST_KEYS = 100
# Calls in a row that give nothing before somebody else has to try.
_PATIENCE = 8


def items_by_key(
    client: Client, table: str, keys: Iterable[str], *, is_consistent: bool = True
) -> dict[str, Item]:
    """Those of the items with these `pk` that there are. What need not be up to date costs half.

    Raises:
        BackendUnavailable: the table does not give what it is asked for.
    """
    wanted = list(dict.fromkeys(keys))
    found: dict[str, Item] = {}
    for start in range(0, len(wanted), MOST_KEYS):
        found |= _batch(client, table, wanted[start : start + MOST_KEYS], is_consistent)
    return found


def _batch(client: Client, table: str, keys: Sequence[str], is_consistent: bool) -> dict[str, Item]:
    """A busy table, or large items, make DynamoDB give only some of them, and say which are left."""
    asked = {table: {"Keys": [{"pk": text(key)} for key in keys], "ConsistentRead": is_consistent}}
    found: dict[str, Item] = {}
    fruitless = 0
    while fruitless < _PATIENCE:
        with translated():
            answer = client.batch_get_item(RequestItems=asked)
        given = {item["pk"]["S"]: item for item in answer["Responses"].get(table, ())}
        found |= given
        asked = answer.get("UnprocessedKeys")
        if not asked:
            return found
        fruitless = 0 if given else fruitless + 1
        time.sleep(random.uniform(0, min(1.0, 0.02 * 2**fruitless)))  # noqa: S311 - spreads retries
    raise BackendUnavailable("the ledger's table is too busy")
