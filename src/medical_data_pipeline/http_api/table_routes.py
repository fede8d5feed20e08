"""Routes that say which tables there are and what their columns mean."""

from typing import Annotated

from fastapi import APIRouter, Path

from medical_data_pipeline.errors import TableNotFound
from medical_data_pipeline.http_api.authentication import ActorHere, ServicesHere
from medical_data_pipeline.http_api.contract import KNOWN_PARAMETERS
from medical_data_pipeline.http_api.documents import TableInfo, TableList, TableSummary, table_info
from medical_data_pipeline.http_api.problem import documented
from medical_data_pipeline.http_api.services import Services
from medical_data_pipeline.model.query import Actor
from medical_data_pipeline.model.table import Table
from medical_data_pipeline.ports import TableAccess

router = APIRouter(tags=["tables"], dependencies=KNOWN_PARAMETERS)


@router.get("/tables", response_model=TableList, responses=documented(400, 401, 500, 503))
def list_tables(actor: ActorHere, services: ServicesHere) -> TableList:
    """Every table the caller may see."""
    return TableList(
        tables=[
            TableSummary(name=table.name, comment=table.comment, columns=len(access.columns))
            for table, access in _visible(actor, services)
        ]
    )


@router.get("/tables/{name}", response_model=TableInfo, responses=documented(400, 401, 404, 500, 503))
def describe_table(
    actor: ActorHere, services: ServicesHere, name: Annotated[str, Path(min_length=1, max_length=255)]
) -> TableInfo:
    """One table's columns, with type, header, meaning and PHI class, and its snapshots."""
    table = services.catalog.find(name)
    access = services.policy.access(actor, table)
    if access is None:
        raise TableNotFound("no such table")
    return table_info(table, access)


def _visible(actor: Actor, services: Services) -> list[tuple[Table, TableAccess]]:
    visible = []
    for name in services.catalog.list():
        try:
            table = services.catalog.find(name)
        except TableNotFound:
            continue  # dropped since it was listed
        access = services.policy.access(actor, table)
        if access is not None:
            visible.append((table, access))
    return visible
