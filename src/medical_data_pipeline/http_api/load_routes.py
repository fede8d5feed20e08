"""Routes about loads: which there are, how they went, their receipts, and trying one again."""

import json
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from medical_data_pipeline.errors import ObjectNotFound
from medical_data_pipeline.http_api.authentication import ActorHere, ServicesHere
from medical_data_pipeline.http_api.contract import KNOWN_PARAMETERS
from medical_data_pipeline.http_api.documents import LoadInfo, LoadList, load_info
from medical_data_pipeline.http_api.page_tokens import make_page_token, parse_page_token
from medical_data_pipeline.http_api.problem import documented
from medical_data_pipeline.http_api.query_routes import PageToken
from medical_data_pipeline.model.keys import RECEIPT
from medical_data_pipeline.model.load import Load, LoadState
from medical_data_pipeline.model.objects import ObjectRef
from medical_data_pipeline.model.receipt_json import receipt_of
from medical_data_pipeline.ports import LoadFilter, ObjectStore

router = APIRouter(tags=["loads"], dependencies=KNOWN_PARAMETERS)


LoadId = Annotated[str, Path(min_length=1, max_length=64)]
_RECEIPT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The receipt", "content": {"application/json": {"schema": {"type": "object"}}}}
}
# Of others there may be one of an earlier try, which says what did not come about.
_WITH_RECEIPT = frozenset({LoadState.CONVERTED, LoadState.COMMITTED, LoadState.SUPERSEDED})
_LIST = "loads"


@dataclass(frozen=True)
class WantedLoads:
    """Which loads to list, as parameters."""

    table: Annotated[str | None, Query(max_length=255)] = None
    state: Annotated[LoadState | None, Query()] = None
    limit: Annotated[int, Query(ge=1, le=1000)] = 100
    page_token: PageToken = None


@router.get("/loads", response_model=LoadList, responses=documented(400, 401, 404, 500, 503))
def list_loads(
    actor: ActorHere, services: ServicesHere, wanted: Annotated[WantedLoads, Depends()]
) -> LoadList:
    """Loads, newest first."""
    before = None
    if wanted.page_token is not None:
        before = str(parse_page_token(services.page_token_key, _LIST, wanted.page_token))
    # One more than asked, to know whether there is another page.
    found = services.ledger.list(LoadFilter(wanted.table, wanted.state, wanted.limit + 1, before))
    token = None
    if len(found) > wanted.limit:
        token = make_page_token(services.page_token_key, _LIST, found[wanted.limit - 1].load_id)
    return LoadList(loads=[load_info(load) for load in found[: wanted.limit]], next_page_token=token)


@router.get("/loads/{load_id}", response_model=LoadInfo, responses=documented(400, 401, 404, 500, 503))
def find_load(actor: ActorHere, services: ServicesHere, load_id: LoadId) -> LoadInfo:
    """How one load went."""
    return load_info(services.ledger.find(load_id))


@router.get(
    "/loads/{load_id}/receipt",
    responses={**_RECEIPT, **documented(400, 401, 404, 500, 503)},
)
def load_receipt(actor: ActorHere, services: ServicesHere, load_id: LoadId) -> Response:
    """What became of every column and row of the file; there once it has been converted."""
    load = services.ledger.find(load_id)
    receipt = _receipt(services.store, load) if load.state in _WITH_RECEIPT else None
    if receipt is None:
        raise ObjectNotFound("the load has no receipt: it is not converted, or was refused")
    return Response(json.dumps(json.loads(receipt)), media_type="application/json")


def _receipt(store: ObjectStore, load: Load) -> bytes | None:
    try:
        with store.open(ObjectRef(load.source.bucket, load.key_of(RECEIPT))) as file:
            return receipt_of(file.read(), load.load_id)
    except ObjectNotFound:
        return None


@router.post(
    "/loads/{load_id}/replay",
    status_code=202,
    response_model=LoadInfo,
    responses=documented(400, 401, 404, 409, 500, 503, 507),
)
def replay_load(actor: ActorHere, services: ServicesHere, load_id: LoadId) -> LoadInfo:
    """Convert the file again, by what is declared now, and put its rows in place of those it gave before."""
    if services.replay is None:
        raise ObjectNotFound("this server does not replay loads")
    return load_info(services.replay(load_id))
