"""Rows of an answer as client commands want them: all, or the first so many."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import httpx

from medical_data_pipeline.entrypoints.cli.client import Unanswered, asked
from medical_data_pipeline.model.query import QueryState

_WAIT_S = 25.0
_CANCEL_TIMEOUT_S = 5.0
_PAGE_ROWS = 10_000
_UNFINISHED = frozenset({QueryState.QUEUED.value, QueryState.RUNNING.value})


@dataclass(frozen=True)
class Rows:
    """Rows that were fetched, of `row_count` in all."""

    names: list[str]
    rows: list[list[Any]]
    row_count: int


def finished(
    client: httpx.Client,
    sql: str,
    params: Sequence[str] = (),
    max_rows: int = _PAGE_ROWS,
    wait_s: float = _WAIT_S,
) -> dict[str, Any]:
    """The first page of the answer to `sql`, with at most `max_rows`, however long the server works on it.

    No call waits longer than `wait_s`. A query that nobody waits for any more is cancelled.

    Raises: Unanswered.
    """
    page_rows = min(max_rows, _PAGE_ROWS)
    body = {"sql": sql, "params": list(params), "wait_s": wait_s, "max_rows": page_rows}
    answer = asked(client, "POST", "/queries", json=body)
    if answer.status_code == 202:
        query_id = answer.json()["query_id"]
        _await_end(client, query_id, wait_s)
        answer = asked(client, "GET", f"/queries/{query_id}/results", params={"max_rows": page_rows})
    page: dict[str, Any] = answer.json()
    return page


def _await_end(client: httpx.Client, query_id: str, wait_s: float) -> None:
    """Raises: Unanswered."""
    path = f"/queries/{query_id}"
    try:
        while asked(client, "GET", path, params={"wait_s": wait_s}).json()["state"] in _UNFINISHED:
            pass
    except BaseException:
        # Ctrl-C too: it would hold a worker until its time is over, and others would wait for that.
        with suppress(Unanswered):
            asked(client, "DELETE", path, timeout=_CANCEL_TIMEOUT_S)
        raise


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
