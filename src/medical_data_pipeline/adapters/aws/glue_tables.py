"""Tables as the Glue Data Catalog names them and their metadata files describe them; for reading only."""

import io
import time
from collections.abc import Sequence

from medical_data_pipeline.adapters.aws.aws_clients import Client
from medical_data_pipeline.adapters.aws.aws_errors import translated
from medical_data_pipeline.adapters.aws.s3_download import download
from medical_data_pipeline.adapters.aws.table_metadata import parse_table
from medical_data_pipeline.errors import TableNotFound
from medical_data_pipeline.model.objects import ObjectRef
from medical_data_pipeline.model.table import Table
from medical_data_pipeline.ports import TableReader

_LIST_AGE_S = 5.0


class GlueTables(TableReader):
    """Tables of one Glue database. A description is kept for as long as the table's metadata is the same."""

    def __init__(self, glue: Client, s3: Client, database: str) -> None:
        self._glue = glue
        self._s3 = s3
        self._database = database
        self._described: dict[str, Table] = {}
        self._names: tuple[float, tuple[str, ...]] | None = None

    def find(self, table: str) -> Table:
        location = self.metadata_location(table)
        known = self._described.get(table)
        if known is None or known.metadata_location != location:
            known = parse_table(table, location, self._content(location))
            self._described[table] = known
        return known

    def list(self) -> Sequence[str]:
        now = time.monotonic()
        if self._names is None or now - self._names[0] > _LIST_AGE_S:
            self._names = (now, self.listed_now())
        return self._names[1]

    def listed_now(self) -> tuple[str, ...]:
        """The names of all tables, also of those that were made within the last seconds."""
        pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=self._database)
        with translated():
            tables = [table for page in pages for table in page["TableList"]]
        return tuple(sorted(table["Name"] for table in tables if _metadata_location(table)))

    def read_location(self, table: str, snapshot_id: int | None = None) -> str:
        found = self.find(table)
        if snapshot_id is not None and all(each.snapshot_id != snapshot_id for each in found.snapshots):
            raise TableNotFound(f"table {table} has no such snapshot")
        return found.metadata_location

    def metadata_location(self, table: str) -> str:
        """Raises: TableNotFound: no such table, or none of Iceberg's."""
        try:
            with translated():
                answer = self._glue.get_table(DatabaseName=self._database, Name=table)
        except TableNotFound:
            raise TableNotFound("no such table") from None
        location = _metadata_location(answer["Table"])
        if not location:
            raise TableNotFound(f"{table} is no Iceberg table")
        return location

    def _content(self, location: str) -> bytes:
        content = io.BytesIO()
        download(self._s3, object_at(location), content)
        return content.getvalue()


def object_at(location: str) -> ObjectRef:
    """The object that an `s3://` address names."""
    bucket, _, key = location.partition("://")[2].partition("/")
    return ObjectRef(bucket, key)


def _metadata_location(table: dict[str, dict[str, str]]) -> str:
    return table.get("Parameters", {}).get("metadata_location", "")
