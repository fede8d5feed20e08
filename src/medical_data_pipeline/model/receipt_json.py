"""Receipts as JSON, one a line: what the uploader reads, beside the data and over HTTP."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from medical_data_pipeline.errors import InvalidRequest
from medical_data_pipeline.model.load import ColumnReceipt, Receipt, RowCounts

FORMAT_VERSION = 1


def receipt_document(receipt: Receipt) -> dict[str, Any]:
    """The receipt as plain values."""
    # Not `asdict`, which copies every value and takes longer than the rest of a small load's receipt.
    plain = dict(vars(receipt))
    plain["columns"] = [dict(vars(column)) for column in receipt.columns]
    plain["rows"] = dict(vars(receipt.rows))
    for name in ("new_columns", "missing_columns", "left_out_columns", "warnings"):
        plain[name] = list(plain[name])
    return {"format_version": FORMAT_VERSION, **plain}


def receipt_to_json(receipt: Receipt) -> bytes:
    return json.dumps(receipt_document(receipt), separators=(",", ":")).encode("ascii")


def receipts_to_json(receipts: Sequence[Receipt]) -> bytes:
    return b"\n".join(receipt_to_json(receipt) for receipt in receipts)


def receipt_of(content: bytes, load_id: str) -> bytes | None:
    """The receipt of one load among those in `content`; None when it is not there."""
    if b"\n" not in content:
        return content
    named = (line for line in content.splitlines() if load_id.encode() in line)
    return next((line for line in named if json.loads(line)["load_id"] == load_id), None)


def parse_receipt(content: bytes) -> Receipt:
    """Raises: InvalidRequest, if `content` is not a receipt this version can read."""
    try:
        document = json.loads(content)
        if document.pop("format_version") != FORMAT_VERSION:
            raise InvalidRequest("a receipt of a format this version cannot read")
        return _receipt(document)
    except (ValueError, KeyError, TypeError, AttributeError):
        # The library's message would quote what it read.
        raise InvalidRequest("not a receipt") from None


def _receipt(document: Mapping[str, Any]) -> Receipt:
    parsed = {
        **document,
        "columns": tuple(ColumnReceipt(**column) for column in document["columns"]),
        "rows": RowCounts(**document["rows"]),
    }
    for name in ("new_columns", "missing_columns", "left_out_columns", "warnings"):
        parsed[name] = tuple(document[name])
    return Receipt(**parsed)
