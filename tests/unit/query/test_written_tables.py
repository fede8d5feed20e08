"""A table that is just being made is not there before its first rows are."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from medical_data_pipeline.errors import TableNotFound
from medical_data_pipeline.model.table import BIGINT, Column, Snapshot, Table
from medical_data_pipeline.ports import TableReader
from medical_data_pipeline.query.written_tables import WrittenTables

MADE = Table("t", (Column("n", BIGINT),), "tables/t", "tables/t/0.json")
WRITTEN = replace(MADE, snapshots=(Snapshot(1, datetime(2024, 1, 31, tzinfo=UTC)),))


class OneTable(TableReader):
    def __init__(self, table: Table) -> None:
        self.table = table

    def find(self, table: str) -> Table:
        return self.table

    def list(self) -> Sequence[str]:
        return (self.table.name,)

    def read_location(self, table: str, snapshot_id: int | None = None) -> str:
        return f"{self.table.metadata_location} {snapshot_id}"


def test_a_table_without_rows_yet_is_not_found() -> None:
    with pytest.raises(TableNotFound):
        WrittenTables(OneTable(MADE)).find("t")


def test_a_table_with_a_snapshot_is_the_catalogs_own() -> None:
    tables = WrittenTables(OneTable(WRITTEN))

    assert (tables.find("t"), tables.list()) == (WRITTEN, ("t",))
    assert tables.read_location("t", 1) == "tables/t/0.json 1"
