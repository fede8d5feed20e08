"""A load as an item of the ledger's table, and back."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from medical_data_pipeline.model.load import Load, LoadState, RowCounts
from medical_data_pipeline.model.objects import ObjectRef, source_mark

Item = Mapping[str, Any]
"""Attributes as DynamoDB has them: `{"S": text}` or `{"N": digits}`."""

LOAD_KIND = "load"


def load_key(load_id: str) -> dict[str, Any]:
    return {"pk": text(f"load#{load_id}")}


def source_key(source: ObjectRef) -> dict[str, Any]:
    return {"pk": text(f"source#{source_mark(source)}")}


def text(value: str) -> dict[str, str]:
    return {"S": value}


def number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def moment(time: datetime) -> dict[str, str]:
    return text(time.astimezone(UTC).isoformat(timespec="microseconds"))


def load_item(load: Load, arrival: str) -> dict[str, Any]:
    """`arrival` is where the load stands in every listing."""
    return {
        **load_key(load.load_id),
        "kind": text(LOAD_KIND),
        "arrival": text(arrival),
        "load_id": text(load.load_id),
        "table_name": text(load.table),
        "bucket": text(load.source.bucket),
        "source_key": text(load.source.key),
        "version": text(load.version),
        "sequencer": text(load.sequencer),
        "size_bytes": number(load.size_bytes),
        "state": text(load.state.value),
        "received_at": moment(load.received_at),
        "updated_at": moment(load.updated_at),
        "rows_read": number(load.rows.read),
        "rows_loaded": number(load.rows.loaded),
        "rows_quarantined": number(load.rows.quarantined),
        "reason": text(load.reason),
        "detail": text(load.detail),
        "attempts": number(load.attempts),
        "made_under": text(load.prefix),
    }


def load_of(item: Item) -> Load:
    def words(name: str) -> str:
        return str(item[name]["S"])

    def count(name: str) -> int:
        return int(item[name]["N"])

    return Load(
        load_id=words("load_id"),
        table=words("table_name"),
        source=ObjectRef(words("bucket"), words("source_key")),
        version=words("version"),
        sequencer=words("sequencer"),
        size_bytes=count("size_bytes"),
        state=LoadState(words("state")),
        received_at=datetime.fromisoformat(words("received_at")),
        updated_at=datetime.fromisoformat(words("updated_at")),
        rows=RowCounts(count("rows_read"), count("rows_loaded"), count("rows_quarantined")),
        reason=words("reason"),
        detail=words("detail"),
        attempts=count("attempts"),
        prefix=words("made_under") if "made_under" in item else "",
    )
