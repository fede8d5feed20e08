"""A page of a result as JSON, cut where it would grow too large and never silently."""

import json
from dataclasses import dataclass

from medical_data_pipeline.http_api.json_values import row_json
from medical_data_pipeline.model.query import QueryStatus, ResultPage


@dataclass(frozen=True)
class CutPage:
    """The rows that fit, each as JSON; `next_offset` is None when they are the last."""

    rows: tuple[bytes, ...]
    next_offset: int | None


def cut_page(page: ResultPage, offset: int, max_bytes: int) -> CutPage:
    """At least one row, however large, so that a reader always gets on."""
    rows: list[bytes] = []
    size_bytes = 0
    for row in page.rows:
        text = row_json(row)
        size_bytes += len(text) + 1
        if rows and size_bytes > max_bytes:
            return CutPage(tuple(rows), offset + len(rows))
        rows.append(text)
    return CutPage(tuple(rows), page.next_offset)


def page_json(status: QueryStatus, page: ResultPage, cut: CutPage, next_page_token: str | None) -> bytes:
    """A `QueryResults` document."""
    head = {
        "query_id": status.query_id,
        "state": status.state.value,
        "row_count": status.rows,
        "columns": [{"name": column.name, "type": column.type} for column in page.columns],
        "truncated": next_page_token is not None,
        "next_page_token": next_page_token,
    }
    return b'%s,"rows":[%s]}' % (_json(head)[:-1], b",".join(cut.rows))


def _json(document: object) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode("ascii")
