"""The policy of a pipeline without roles: everybody sees everything, lineage only when they name it."""

from dataclasses import dataclass

from medical_data_pipeline.model.query import Actor
from medical_data_pipeline.model.table import LINEAGE_NAMES, Table
from medical_data_pipeline.ports import AccessPolicy, TableAccess


@dataclass(frozen=True)
class FullAccess(AccessPolicy):
    """Every table and column; `hidden_columns` are left out of `SELECT *`."""

    hidden_columns: frozenset[str] = LINEAGE_NAMES

    def access(self, actor: Actor, table: Table) -> TableAccess | None:
        names = tuple(column.name for column in table.columns)
        return TableAccess(names, self.hidden_columns & set(names))
