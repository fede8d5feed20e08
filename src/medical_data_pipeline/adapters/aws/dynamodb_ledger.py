"""The ledger in one DynamoDB table: an item a load, and an item a source that names its newest load."""

import random
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import merge
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import error_code, translated
from medical_data_pipeline.adapters.aws.dynamodb_batches import items_by_key
from medical_data_pipeline.adapters.aws.dynamodb_items import (
    LOAD_KIND,
    Item,
    load_item,
    load_key,
    load_of,
    moment,
    number,
    source_key,
    text,
)
from medical_data_pipeline.errors import BackendUnavailable, LoadNotFound
from medical_data_pipeline.model.arrival import Arrival, decide_arrival
from medical_data_pipeline.model.load import FINAL_STATES, Load, LoadState, RowCounts
from medical_data_pipeline.model.objects import ObjectRef, is_older, newest_of
from medical_data_pipeline.ports import Ledger, LoadFilter, Step

_ATTEMPTS = 20
# Longer than any sequencer of S3: what is given here stays below the next one that S3 gives.
_SEQUENCER_WIDTH = 48
# More than one source is ever given in a second: what came in a later one stays above.
_GIVEN_A_SECOND = 1_000_000
_FINAL = {f":final{i}": text(state.value) for i, state in enumerate(sorted(FINAL_STATES))}
_NOT_FINAL = f"NOT #state IN ({', '.join(_FINAL)})"
_NAMES = {"#state": "state"}


@dataclass(frozen=True)
class DynamoDbLedger(Ledger):
    """Every change is one conditional write, or one transaction of them.

    What a call reads by id or source is up to date; listings come from indexes, which follow within moments.
    """

    client: Client
    table: str

    def receive(self, load: Load) -> Load:
        if not load.sequencer:
            load = replace(load, sequencer=self.next_sequencer(load.source))
        for number_of_try in range(_ATTEMPTS):
            view = self._view(load)
            writes = _writes_of_arrival(view, load, _arrival_now(load.load_id))
            if not writes or self._is_written(writes):
                return self.find(load.load_id)
            time.sleep(random.uniform(0, min(1.0, 0.01 * 2**number_of_try)))  # noqa: S311 - spreads retries
        raise BackendUnavailable("the ledger's items of one source change all the time")

    def advance(  # noqa: PLR0913 - as the port has it
        self,
        load_id: str,
        to: LoadState,
        *,
        rows: RowCounts | None = None,
        reason: str = "",
        detail: str = "",
        now: datetime,
        sequencer: str = "",
        prefix: str = "",
    ) -> bool:
        step = Step(load_id, to, now, rows, reason, detail, sequencer, prefix)
        # An answer can get lost after the change: the mark tells our own change from another's.
        mark = uuid.uuid4().hex
        with translated():
            try:
                self.client.update_item(TableName=self.table, **_advance(step, mark))
            except ClientError as error:
                if error_code(error) != "ConditionalCheckFailedException":
                    raise
                return bool(self._item(load_id).get("mark") == text(mark))
        return True

    def advance_many(self, steps: Sequence[Step]) -> Sequence[bool]:
        for step in steps:
            self._item(step.load_id)
        return super().advance_many(steps)

    def find(self, load_id: str) -> Load:
        return load_of(self._item(load_id))

    def find_many(self, load_ids: Sequence[str]) -> dict[str, Load]:
        keys = {load_key(load_id)["pk"]["S"]: load_id for load_id in load_ids}
        items = items_by_key(self.client, self.table, keys)
        return {load_id: load_of(items[key]) for key, load_id in keys.items() if key in items}

    def latest(self, source: ObjectRef) -> Load | None:
        named = self._get(source_key(source)).get("newest")
        return None if named is None else self.find(named["S"])

    def list(self, wanted: LoadFilter) -> Sequence[Load]:
        before = None
        if wanted.before is not None:
            before = self._get(load_key(wanted.before)).get("arrival", text(""))["S"]
        found = self._listed(wanted, before)
        return [load_of(item) for item in islice(found, wanted.limit)]

    def unfinished(self) -> Sequence[Load]:
        states = (LoadState.RECEIVED, LoadState.CONVERTED)
        found = (self._queried("by_state", "state", state.value, is_oldest_first=True) for state in states)
        return [load_of(item) for item in merge(*found, key=lambda item: item["arrival"]["S"])]

    def next_sequencer(self, source: ObjectRef, after: str = "", came_at: datetime | None = None) -> str:
        with translated():
            answer = self.client.update_item(
                TableName=self.table,
                Key=source_key(source),
                UpdateExpression="ADD given :one",
                ExpressionAttributeValues={":one": number(1)},
                ReturnValues="ALL_NEW",
            )
        item = answer["Attributes"]
        newest = newest_of((item.get("sequencer", text(""))["S"], after))
        of_store, given = newest[:_SEQUENCER_WIDTH], int(newest[_SEQUENCER_WIDTH:] or 0)
        least = 0 if came_at is None else int(came_at.timestamp()) * _GIVEN_A_SECOND
        return f"{of_store.ljust(_SEQUENCER_WIDTH, '0')}{max(given, least) + int(item['given']['N']):016d}"

    def _view(self, load: Load) -> "_View":
        source = self._get(source_key(load.source))
        known = self._get(load_key(load.load_id))
        named = source.get("newest", text(""))["S"]
        newest = known if named == load.load_id else self._get(load_key(named)) if named else {}
        return _View(self.table, source, known, newest)

    def _is_written(self, writes: Sequence[dict[str, Any]]) -> bool:
        """False, with nothing changed, when one of the items is no longer as it was read."""
        with translated():
            try:
                self.client.transact_write_items(TransactItems=writes)
            except ClientError as error:
                if error_code(error) not in ("TransactionCanceledException", "TransactionConflictException"):
                    raise
                return False
        return True

    def _get(self, key: dict[str, Any]) -> Item:
        with translated():
            answer = self.client.get_item(TableName=self.table, Key=key, ConsistentRead=True)
        item: Item = answer.get("Item", {})
        return item

    def _item(self, load_id: str) -> Item:
        item = self._get(load_key(load_id))
        if not item:
            raise LoadNotFound("the ledger has no load of this id")
        return item

    def _listed(self, wanted: LoadFilter, before: str | None) -> Iterator[Item]:
        if wanted.table is not None:
            found = self._queried("by_table", "table_name", wanted.table, before)
        elif wanted.state is not None:
            found = self._queried("by_state", "state", wanted.state.value, before)
        else:
            found = self._queried("by_kind", "kind", LOAD_KIND, before)
        return (item for item in found if wanted.state in (None, item["state"]["S"]))

    def _queried(
        self, index: str, name: str, value: str, before: str | None = None, *, is_oldest_first: bool = False
    ) -> Iterator[Item]:
        condition, values = "#name = :value", {":value": text(value)}
        if before is not None:
            condition, values = condition + " AND arrival < :before", values | {":before": text(before)}
        pages = iter(
            self.client.get_paginator("query").paginate(
                TableName=self.table,
                IndexName=index,
                KeyConditionExpression=condition,
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues=values,
                ScanIndexForward=is_oldest_first,
            )
        )
        while True:
            with translated():
                page = next(pages, None)
            if page is None:
                return
            yield from page["Items"]


@dataclass(frozen=True)
class _View:
    """What the ledger knew of a source when one of its loads arrived; an item that is not there is empty."""

    table: str
    source: Item
    known: Item
    newest: Item

    def decision(self, load: Load) -> Arrival:
        known = load_of(self.known) if self.known else None
        newest = load_of(self.newest) if self.newest else None
        return decide_arrival(known, newest, load)


def _writes_of_arrival(view: _View, load: Load, arrival: str) -> list[dict[str, Any]]:
    """The transaction that records what was decided, if the items are still as they were read."""
    match view.decision(load):
        case Arrival.RECEIVE:
            superseded = _superseded(view, load)
            recorded = _recorded(view, load, LoadState.RECEIVED, arrival)
            return [_as_newest(view, load), recorded, *superseded]
        case Arrival.SUPERSEDE:
            return [_unchanged(view), _recorded(view, load, LoadState.SUPERSEDED, arrival)]
        case Arrival.RENEW:
            renewed = {
                "TableName": view.table,
                "Key": load_key(load.load_id),
                "UpdateExpression": "SET sequencer = :new",
                **_as_it_was(view.known, {":new": text(load.sequencer)}),
            }
            return [_as_newest(view, load), {"Update": renewed}]
        case Arrival.KEEP:
            return []


def _recorded(view: _View, load: Load, state: LoadState, arrival: str) -> dict[str, Any]:
    fresh = replace(load, state=state, rows=RowCounts(), reason="", detail="", attempts=0, prefix="")
    condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
    if view.known:
        condition = _as_it_was(view.known, {})
    return {"Put": {"TableName": view.table, "Item": load_item(fresh, arrival), **condition}}


def _superseded(view: _View, load: Load) -> list[dict[str, Any]]:
    """All older loads of a source but its newest came to an end when that one arrived."""
    if not view.newest or view.newest["load_id"]["S"] == load.load_id:
        return []
    newest = load_of(view.newest)
    if newest.state in FINAL_STATES or not is_older(newest.sequencer, load.sequencer):
        return []
    values = {":superseded": text(LoadState.SUPERSEDED.value), ":now": moment(load.received_at)}
    update = {
        "TableName": view.table,
        "Key": load_key(newest.load_id),
        "UpdateExpression": "SET #state = :superseded, updated_at = :now",
        **_as_it_was(view.newest, values),
    }
    return [{"Update": update}]


def _as_newest(view: _View, load: Load) -> dict[str, Any]:
    values = {":id": text(load.load_id), ":sequencer": text(load.sequencer), ":one": number(1)}
    update = {
        "TableName": view.table,
        "Key": source_key(load.source),
        "UpdateExpression": "SET newest = :id, sequencer = :sequencer ADD revision :one",
        "ConditionExpression": _same_revision(view),
        "ExpressionAttributeValues": values | _revision(view),
    }
    return {"Update": update}


def _unchanged(view: _View) -> dict[str, Any]:
    check = {
        "TableName": view.table,
        "Key": {"pk": view.source["pk"]},
        "ConditionExpression": _same_revision(view),
        "ExpressionAttributeValues": _revision(view),
    }
    return {"ConditionCheck": check}


def _same_revision(view: _View) -> str:
    return "revision = :revision" if "revision" in view.source else "attribute_not_exists(revision)"


def _revision(view: _View) -> dict[str, Any]:
    return {":revision": view.source["revision"]} if "revision" in view.source else {}


def _as_it_was(item: Item, values: dict[str, Any]) -> dict[str, Any]:
    """The condition that a load is still in the state, and of the arrival, in which it was read."""
    return {
        "ConditionExpression": "#state = :was AND sequencer = :of",
        "ExpressionAttributeNames": _NAMES,
        "ExpressionAttributeValues": values | {":was": item["state"], ":of": item["sequencer"]},
    }


def _advance(step: Step, mark: str) -> dict[str, Any]:
    changes = "#state = :state, updated_at = :now, reason = :reason, detail = :detail, mark = :mark"
    values = {
        ":state": text(step.to.value),
        ":now": moment(step.now),
        ":reason": text(step.reason),
        ":detail": text(step.detail),
        ":mark": text(mark),
        **_FINAL,
    }
    condition = f"attribute_exists(pk) AND {_NOT_FINAL} AND (attribute_not_exists(mark) OR mark <> :mark)"
    if step.rows is not None:
        changes += ", rows_read = :read, rows_loaded = :loaded, rows_quarantined = :quarantined"
        counts = {"read": step.rows.read, "loaded": step.rows.loaded, "quarantined": step.rows.quarantined}
        values |= {f":{name}": number(count) for name, count in counts.items()}
    if step.to is LoadState.RECEIVED:
        changes += ", attempts = attempts + :one"
        values[":one"] = number(1)
    if step.prefix:
        changes += ", made_under = :prefix"
        values[":prefix"] = text(step.prefix)
    if step.sequencer:
        condition += " AND sequencer = :sequencer"
        values[":sequencer"] = text(step.sequencer)
    return {
        "Key": load_key(step.load_id),
        "UpdateExpression": f"SET {changes}",
        "ConditionExpression": condition,
        "ExpressionAttributeNames": _NAMES,
        "ExpressionAttributeValues": values,
    }


def _arrival_now(load_id: str) -> str:
    # Only listings go by it: which content is newer is said by sequencers, never by a clock.
    return f"{time.time_ns():020d}#{load_id}"
