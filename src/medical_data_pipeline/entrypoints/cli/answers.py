"""Rows of an answer as client commands want them: all, or the first so many."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from medical_data_pipeline.entrypoints.cli.client import asked

_POLL_S = 20
_PAGE_ROWS = 10_000


@dataclass(frozen=True)
class Rows:
    """Rows that were fetched, of `row_count` in all."""

    names: list[str]
    rows: list[list[Any]]
    row_count: int


def finished(
    client: httpx.Client, sql: str, params: Sequence[str] = (), max_rows: int = _PAGE_ROWS
) -> dict[str, Any]:
    """The first page of the answer to `sql`, with at most `max_rows`.

    Raises: Unanswered.
    """
    body = {"sql": sql, "params": list(params), "wait_s": 25, "max_rows": min(max_rows, _PAGE_ROWS)}
    answer = asked(client, "POST", "/queries", json=body)
    while answer.status_code == 202:
        path = f"/queries/{answer.json()['query_id']}/results"
        answer = asked(client, "GET", path, params={"wait_s": _POLL_S, "max_rows": body["max_rows"]})
    page: dict[str, Any] = answer.json()
    return page


def rows_of(client: httpx.Client, page: dict[str, Any], max_rows: int | None = None) -> Rows:
    """All rows from the first `page` on, or the first `max_rows`; no more are fetched.

    Raises: Unanswered.
    """
    names, rows, row_count = (
        [column["name"] for column in page["columns"]],
        list(page["rows"]),
        page["row_count"],
    )
    while page["next_page_token"] and (max_rows is None or len(rows) < max_rows):
        wanted = _PAGE_ROWS if max_rows is None else min(max_rows - len(rows), _PAGE_ROWS)
        path = f"/queries/{page['query_id']}/results"
        asking = {"page_token": page["next_page_token"], "max_rows": wanted}
        page = asked(client, "GET", path, params=asking).json()
        rows += page["rows"]
    return Rows(names, rows, row_count)
