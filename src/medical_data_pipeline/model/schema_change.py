"""How a load's columns change a table: by name, and never so that a value could be misread."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from medical_data_pipeline.errors import SchemaConflict
from medical_data_pipeline.model.table import Column, ColumnType, Kind, Meaning, PhiClass


@dataclass(frozen=True)
class SchemaChange:
    """The columns a table has afterwards, and the names of those that are new, wider or newly understood."""

    columns: tuple[Column, ...]
    added: tuple[str, ...] = ()
    widened: tuple[str, ...] = ()
    explained: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.added or self.widened or self.explained)


def plan_schema_change(current: Sequence[Column], loads: Iterable[Sequence[Column]]) -> SchemaChange:
    """What has to change before files with the columns of `loads` can be read as the table.

    Raises:
        SchemaConflict: a column of a load cannot be read as, or widened from, the table's type.
    """
    merged = {column.name: column for column in current}
    before = dict(merged)
    for columns in loads:
        for column in columns:
            known = merged.get(column.name)
            merged[column.name] = column if known is None else _merged(known, column)
    return SchemaChange(
        columns=tuple(merged.values()),
        added=tuple(name for name in merged if name not in before),
        widened=tuple(name for name in before if merged[name].type != before[name].type),
        explained=tuple(name for name in before if merged[name].meaning != before[name].meaning),
    )


def _merged(known: Column, column: Column) -> Column:
    meaning = _merged_meaning(known.meaning, column.meaning)
    return replace(known, type=_merged_type(known.name, known.type, column.type), meaning=meaning)


def _merged_type(name: str, known: ColumnType, new: ColumnType) -> ColumnType:
    if known == new:
        return known
    # The scale must not change: PyIceberg 0.12 lets it, and the files that are there become unreadable.
    if known.kind is Kind.DECIMAL and new.kind is Kind.DECIMAL and known.scale == new.scale:
        return known if known.precision >= new.precision else new
    raise SchemaConflict(f"column {name} is {known} in the table and {new} in the file")


def _merged_meaning(known: Meaning, new: Meaning) -> Meaning:
    """A column once known to identify people stays so; what nobody recognised yet may be recognised now."""
    if known.phi is PhiClass.NONE and new.phi is not PhiClass.NONE:
        return new
    if known == Meaning() or (known.phi is new.phi and not known.tag and new.tag):
        return new
    return known
