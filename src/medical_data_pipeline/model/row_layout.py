"""How a table's rows lie in its files: which rows share a file, and in which order they are."""

import re
from dataclasses import dataclass
from enum import StrEnum

# As Iceberg stores it: text, a number, a boolean; days, months or years since 1970; None for null.
PartitionValue = str | int | bool | None


class Transform(StrEnum):
    """What of a column's value decides about the file (the transforms of Iceberg that extracts need)."""

    IDENTITY = "identity"
    YEAR = "year"
    MONTH = "month"
    DAY = "day"


_WRITTEN = re.compile(r"(?:(?P<transform>year|month|day)\( *(?P<inner>[^() ]+) *\)|(?P<column>[^()]+))")


@dataclass(frozen=True)
class PartitionField:
    """Rows of one file have the same `transform` of `column`."""

    column: str
    transform: Transform = Transform.IDENTITY

    def __str__(self) -> str:
        """As it is declared: `clinic`, `month(admitted_on)`."""
        return (
            self.column if self.transform is Transform.IDENTITY else f"{self.transform.value}({self.column})"
        )


@dataclass(frozen=True)
class RowLayout:
    """Rows apart by `partition_by`, and in the order of `sort_by` within each file, nulls last."""

    partition_by: tuple[PartitionField, ...] = ()
    sort_by: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.partition_by or self.sort_by)

    @property
    def columns(self) -> frozenset[str]:
        """Every column that has a say in where a row lies."""
        return frozenset({*(field.column for field in self.partition_by), *self.sort_by})


def parse_partition_field(text: str) -> PartitionField:
    """Raises: ValueError: neither a column nor `year`, `month` or `day` of one."""
    found = _WRITTEN.fullmatch(text.strip())
    if not found:
        raise ValueError("expected a column, or year(), month() or day() of one")
    if found["column"]:
        return PartitionField(found["column"])
    return PartitionField(found["inner"], Transform(found["transform"]))
