"""How the rows of a file are to lie in its files: as its table has it, else as its dataset declares."""

from collections.abc import Collection, Sequence

from medical_data_pipeline.errors import FileRefused
from medical_data_pipeline.model.dataset import Dataset
from medical_data_pipeline.model.row_layout import RowLayout, Transform
from medical_data_pipeline.model.table import Column, Kind, Table

_DATED = frozenset({Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ})
_WHOLE = frozenset({Kind.TEXT, Kind.BIGINT, Kind.BOOLEAN, Kind.DATE})


def plan_row_layout(dataset: Dataset, table: Table | None, columns: Sequence[Column]) -> RowLayout:
    """A table keeps the partitions it was made with; what is declared anew holds after a rebuild.

    Raises:
        FileRefused: MISSING_COLUMN: the file lacks a column of the declaration.
    """
    present = {column.name for column in columns}
    declared = dataset.layout
    _require_present(dataset.upsert_key, present, "the key")
    _require_present(declared.sort_by, present, "the sort order")
    _require_present([field.column for field in declared.partition_by], present, "the partitions")
    return RowLayout(table.layout.partition_by if table else declared.partition_by, declared.sort_by)


def require_partitionable(layout: RowLayout, columns: Sequence[Column]) -> None:
    """Asked of the types that the whole file gave, not of those guessed from its start.

    Raises:
        FileRefused: PARTITION_TYPE: a column cannot be partitioned as declared.
    """
    kinds = {column.name: column.type.kind for column in columns}
    for field in layout.partition_by:
        kind = kinds.get(field.column)
        if kind and kind not in (_WHOLE if field.transform is Transform.IDENTITY else _DATED):
            raise FileRefused("PARTITION_TYPE", f"a column of type {kind} cannot be partitioned by {field}")


def _require_present(wanted: Sequence[str], present: Collection[str], role: str) -> None:
    if missing := [name for name in wanted if name not in present]:
        raise FileRefused("MISSING_COLUMN", f"no column {', '.join(missing)}, which {role} is declared with")
