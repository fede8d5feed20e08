"""What an engine reports of a column: how many cells have which form; facts of blocks add up."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from medical_data_pipeline.model.forms import Form, FormKind

_Key = TypeVar("_Key")


@dataclass(frozen=True)
class ColumnFacts:
    """Counts over some rows of one column; no value of it.

    `nulls` are unquoted empty cells and declared null tokens, `empties` quoted empty ones. `tokens` counts
    the words of `forms.NULL_TOKENS` met. `first_rows` gives for each form the first row (from 1) that has
    it. `valid_moments` counts the cells that are real dates or times, for each order they may be read in.
    `padded` counts cells with blanks around what they hold; their forms are of what is within.
    `offsets` are the zone offsets met. `int64_misfits` and `inexact_doubles` count numbers that such a type
    would change.
    """

    nulls: int = 0
    empties: int = 0
    forms: Mapping[Form, int] = field(default_factory=dict)
    first_rows: Mapping[Form, int] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)
    padded: int = 0
    valid_moments: Mapping[str, int] = field(default_factory=dict)
    offsets: frozenset[str] = frozenset()
    int64_misfits: int = 0
    inexact_doubles: int = 0

    @property
    def cells(self) -> int:
        """Cells that hold something."""
        return sum(self.forms.values())

    @property
    def has_text(self) -> bool:
        return any(form.kind is FormKind.TEXT for form in self.forms)

    @property
    def is_settled(self) -> bool:
        """Whether no further row can make the column anything but text."""
        return self.has_text or any(form.has_leading_zero for form in self.forms)

    def shifted(self, rows: int) -> "ColumnFacts":
        """The same facts of rows that turn out to come `rows` later in the file."""
        return replace(self, first_rows={form: row + rows for form, row in self.first_rows.items()})


def merged(facts: Iterable[ColumnFacts]) -> ColumnFacts:
    """The facts of all the rows together; the order of the parts does not matter."""
    parts = tuple(facts)
    if len(parts) == 1:
        return parts[0]
    first_rows: dict[Form, int] = {}
    for part in parts:
        for form, row in part.first_rows.items():
            first_rows[form] = min(row, first_rows.get(form, row))
    return ColumnFacts(
        nulls=sum(part.nulls for part in parts),
        empties=sum(part.empties for part in parts),
        forms=_sum(part.forms for part in parts),
        first_rows=first_rows,
        tokens=_sum(part.tokens for part in parts),
        padded=sum(part.padded for part in parts),
        valid_moments=_sum(part.valid_moments for part in parts),
        offsets=frozenset().union(*(part.offsets for part in parts)),
        int64_misfits=sum(part.int64_misfits for part in parts),
        inexact_doubles=sum(part.inexact_doubles for part in parts),
    )


def _sum(counts: Iterable[Mapping[_Key, int]]) -> dict[_Key, int]:
    total: Counter[_Key] = Counter()
    for part in counts:
        total.update(part)
    return dict(total)
