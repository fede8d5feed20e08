"""The loads that the server knows, over as many pages as it takes."""

from typing import Any
from urllib.parse import quote

import httpx

from medical_data_pipeline.entrypoints.cli.client import asked

_PAGE_LOADS = 1000


def loads_of(
    client: httpx.Client,
    table: str | None = None,
    state: str | None = None,
    limit: int | None = None,
    page_loads: int = _PAGE_LOADS,
) -> list[dict[str, Any]]:
    """Newest first, the first `limit` of them, or all.

    Raises:
        Unanswered: also when there is neither a load for `table` nor such a table.
    """
    wanted = {name: value for name, value in {"table": table, "state": state}.items() if value is not None}
    found: list[dict[str, Any]] = []
    while limit is None or len(found) < limit:
        page_limit = page_loads if limit is None else min(limit - len(found), page_loads)
        page = asked(client, "GET", "/loads", params={**wanted, "limit": page_limit}).json()
        found += page["loads"]
        if page["next_page_token"] is None:
            break
        wanted["page_token"] = page["next_page_token"]
    if table is not None and not found:
        _require_known(client, table)
    return found


def _require_known(client: httpx.Client, table: str) -> None:
    """Raises: Unanswered."""
    if not asked(client, "GET", "/loads", params={"table": table, "limit": 1}).json()["loads"]:
        asked(client, "GET", f"/tables/{quote(table, safe='')}")
