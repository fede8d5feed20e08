"""Manifests as JSON, one a line: the form in which conversion hands loads to the catalog."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from medical_data_pipeline.errors import InvalidRequest
from medical_data_pipeline.model.dataset import LoadMode
from medical_data_pipeline.model.load import DataFile, Manifest, RowCounts
from medical_data_pipeline.model.objects import ObjectRef
from medical_data_pipeline.model.row_layout import RowLayout, parse_partition_field
from medical_data_pipeline.model.table import Column, ColumnType, Kind, Meaning, PhiClass

FORMAT_VERSION = 1


def manifest_to_json(manifest: Manifest) -> bytes:
    """The same bytes for the same manifest, so that a repeat overwrites itself with itself."""
    document = {
        "format_version": FORMAT_VERSION,
        "load_id": manifest.load_id,
        "table": manifest.table,
        "source": {"bucket": manifest.source.bucket, "key": manifest.source.key},
        "version": manifest.version,
        "sequencer": manifest.sequencer,
        "columns": [_column_to_json(column) for column in manifest.columns],
        "data_files": [_file_to_json(file) for file in manifest.data_files],
        "quarantine_files": [_file_to_json(file) for file in manifest.quarantine_files],
        "rows": _rows_to_json(manifest.rows),
        "loaded_at": manifest.loaded_at.isoformat(),
        "receipt_key": manifest.receipt_key,
        "mode": manifest.mode.value,
        "upsert_key": list(manifest.upsert_key),
        "partition_by": [str(field) for field in manifest.layout.partition_by],
        "sort_by": list(manifest.layout.sort_by),
    }
    return json.dumps(document, separators=(",", ":")).encode("ascii")


def manifests_to_json(manifests: Sequence[Manifest]) -> bytes:
    return b"\n".join(manifest_to_json(manifest) for manifest in manifests)


def parse_manifests(content: bytes) -> tuple[Manifest, ...]:
    """Raises: InvalidRequest, if `content` are not manifests this version can read."""
    return tuple(parse_manifest(line) for line in content.splitlines())


def parse_manifest(content: bytes) -> Manifest:
    """Raises: InvalidRequest, if `content` is not a manifest this version can read."""
    try:
        document = json.loads(content)
        if document["format_version"] != FORMAT_VERSION:
            raise InvalidRequest("a manifest of a format this version cannot read")
        return _manifest(document)
    except (ValueError, KeyError, TypeError, AttributeError):
        # The library's message would quote what it read.
        raise InvalidRequest("not a manifest") from None


def _manifest(document: Mapping[str, Any]) -> Manifest:
    return Manifest(
        load_id=document["load_id"],
        table=document["table"],
        source=ObjectRef(document["source"]["bucket"], document["source"]["key"]),
        version=document["version"],
        sequencer=document["sequencer"],
        columns=tuple(_column(column) for column in document["columns"]),
        data_files=tuple(_file(file) for file in document["data_files"]),
        quarantine_files=tuple(_file(file) for file in document["quarantine_files"]),
        rows=RowCounts(**document["rows"]),
        loaded_at=datetime.fromisoformat(document["loaded_at"]),
        receipt_key=document["receipt_key"],
        mode=LoadMode(document["mode"]),
        upsert_key=tuple(document["upsert_key"]),
        layout=RowLayout(
            tuple(parse_partition_field(text) for text in document["partition_by"]),
            tuple(document["sort_by"]),
        ),
    )


def _column_to_json(column: Column) -> dict[str, object]:
    return {
        "name": column.name,
        "kind": column.type.kind.value,
        "precision": column.type.precision,
        "scale": column.type.scale,
        "header": column.header,
        "tag": column.meaning.tag,
        "phi": column.meaning.phi.value,
        "reason": column.meaning.reason,
    }


def _column(document: Mapping[str, Any]) -> Column:
    return Column(
        name=document["name"],
        type=ColumnType(Kind(document["kind"]), document["precision"], document["scale"]),
        header=document["header"],
        meaning=Meaning(document["tag"], PhiClass(document["phi"]), document["reason"]),
    )


def _file_to_json(file: DataFile) -> dict[str, object]:
    document: dict[str, object] = {"key": file.key, "size_bytes": file.size_bytes, "rows": file.rows}
    return document | ({"partition": list(file.partition)} if file.partition else {})


def _file(document: Mapping[str, Any]) -> DataFile:
    partition = tuple(document.get("partition", ()))
    return DataFile(document["key"], document["size_bytes"], document["rows"], partition)


def _rows_to_json(rows: RowCounts) -> dict[str, int]:
    return {"read": rows.read, "loaded": rows.loaded, "quarantined": rows.quarantined}
