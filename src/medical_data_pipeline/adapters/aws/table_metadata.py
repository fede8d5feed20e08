"""An Iceberg metadata file as a table: what readers need of it, without an Iceberg library to import."""

import gzip
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from medical_data_pipeline.model.column_comment import parse_column_comment
from medical_data_pipeline.model.row_layout import PartitionField, RowLayout, Transform
from medical_data_pipeline.model.table import TEXT, Column, ColumnType, Kind, Snapshot, Table, decimal

_KINDS = {
    "string": Kind.TEXT,
    "boolean": Kind.BOOLEAN,
    "long": Kind.BIGINT,
    "double": Kind.DOUBLE,
    "date": Kind.DATE,
    "timestamp": Kind.TIMESTAMP,
    "timestamptz": Kind.TIMESTAMP_TZ,
}
_DECIMAL = re.compile(r"decimal\((\d+), *(\d+)\)")
_GZIP = b"\x1f\x8b"


def parse_table(name: str, metadata_location: str, content: bytes) -> Table:
    """The table that a metadata file of format version 2 describes."""
    plain = gzip.decompress(content) if content.startswith(_GZIP) else content
    metadata: Mapping[str, Any] = json.loads(plain)
    fields = _by_id(metadata["schemas"], "schema-id", metadata["current-schema-id"])["fields"]
    return Table(
        name=name,
        columns=tuple(_column(field) for field in fields),
        location=metadata["location"],
        metadata_location=metadata_location,
        snapshots=_snapshots(metadata),
        layout=_layout(metadata, {field["id"]: field["name"] for field in fields}),
    )


def _column(field: Mapping[str, Any]) -> Column:
    header, meaning = parse_column_comment(field.get("doc"))
    return Column(field["name"], _type(field["type"]), header, meaning)


def _type(written: object) -> ColumnType:
    # A type that another program gave the column is shown as text; our writers never meet it.
    if not isinstance(written, str):
        return TEXT
    if found := _DECIMAL.fullmatch(written):
        return decimal(int(found[1]), int(found[2]))
    return ColumnType(_KINDS.get(written, Kind.TEXT))


def _snapshots(metadata: Mapping[str, Any]) -> tuple[Snapshot, ...]:
    ordered = sorted(metadata.get("snapshots", ()), key=lambda each: each.get("sequence-number", 0))
    now = metadata["current-schema-id"]
    named = {each.get("schema-id", now) for each in ordered} - {now}
    former = {
        schema["schema-id"]: tuple(_column(field) for field in schema["fields"])
        for schema in metadata["schemas"]
        if schema["schema-id"] in named
    }
    return tuple(
        Snapshot(
            each["snapshot-id"],
            datetime.fromtimestamp(each["timestamp-ms"] / 1000, UTC),
            former.get(each.get("schema-id", now)),
        )
        for each in ordered
    )


def _layout(metadata: Mapping[str, Any], names: Mapping[int, str]) -> RowLayout:
    spec = _by_id(metadata.get("partition-specs", ()), "spec-id", metadata.get("default-spec-id", 0))
    order = _by_id(metadata.get("sort-orders", ()), "order-id", metadata.get("default-sort-order-id", 0))
    return RowLayout(
        tuple(
            PartitionField(names.get(field["source-id"], ""), Transform(field["transform"]))
            for field in spec.get("fields", ())
        ),
        tuple(names.get(field["source-id"], "") for field in order.get("fields", ())),
    )


def _by_id(each: Sequence[Mapping[str, Any]], name: str, wanted: int) -> Mapping[str, Any]:
    return next((entry for entry in each if entry[name] == wanted), {})
