"""Tables as those who ask see them: one that is just being made is not there before its first rows are."""

from collections.abc import Sequence

from medical_data_pipeline.errors import TableNotFound
from medical_data_pipeline.model.table import Table
from medical_data_pipeline.ports import TableReader


class WrittenTables(TableReader):
    """The tables of a catalog that have a snapshot.

    A table and its first rows are two steps for a catalog; between them a count would be zero, and wrong.
    """

    def __init__(self, tables: TableReader) -> None:
        self._tables = tables

    def find(self, table: str) -> Table:
        found = self._tables.find(table)
        if not found.snapshots:
            raise TableNotFound("no such table")
        return found

    def list(self) -> Sequence[str]:
        return self._tables.list()

    def read_location(self, table: str, snapshot_id: int | None = None) -> str:
        return self._tables.read_location(table, snapshot_id)
