"""What one block tells of the file: facts of its columns, and from the first block samples too."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import expm1

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medical_data_pipeline.adapters.arrow.block_parser import ParsedBlock
from medical_data_pipeline.adapters.arrow.column_facts import column_facts
from medical_data_pipeline.adapters.arrow.few_cells import FEW_CELLS
from medical_data_pipeline.adapters.arrow.parquet_parts import ROWS_A_GROUP
from medical_data_pipeline.adapters.arrow.wide_facts import is_wide, wide_facts
from medical_data_pipeline.model.conversion import Profile, ReadPlan
from medical_data_pipeline.model.facts import ColumnFacts, merged

_SAMPLE_CELLS = 500
# Of very many columns fewer cells each are looked at, as all of them are in memory.
_SAMPLE_CELLS_IN_ALL = 200_000
_MIN_SAMPLE_CELLS = 100
_SAMPLE_ROWS = 20_000
# A dictionary pays when a value comes again at least this often.
_REPEATS = 4
_NEARLY_ALL = 0.99
_HALVINGS = 60
_JOINED_AT_ONCE = 16
_PEEK_ROWS = 1000
_MIN_ROWS_FOR_DICTIONARY = 1000


@dataclass(frozen=True)
class BlockProfile:
    """The facts of one block; row numbers in them are of the whole file, from 1."""

    rows_read: int
    short_rows: int
    rejected: int
    facts: Mapping[str, ColumnFacts]
    short_facts: Mapping[str, ColumnFacts]
    samples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def profile_block(
    parsed: ParsedBlock, first_row: int, columns: Sequence[str], plan: ReadPlan
) -> BlockProfile:
    """The facts of `columns` in a block that begins after `first_row` rows."""
    rows = (np.arange(parsed.rows_read) if parsed.rows is None else parsed.rows) + first_row + 1
    cells = {
        name: _without_declared_nulls(parsed.column(name), plan.null_tokens.get(name, ())) for name in columns
    }
    short = parsed.is_short
    if short is None or not short.any():
        facts, short_facts = _facts_of(cells, rows), {}
    else:
        facts, short_facts = _facts_where(cells, rows, ~short), _facts_where(cells, rows, short)
    short_rows = 0 if short is None else int(short.sum())
    return BlockProfile(parsed.rows_read, short_rows, len(parsed.rejected), facts, short_facts)


def _facts_where(
    cells: Mapping[str, pa.StringArray], rows: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_]
) -> dict[str, ColumnFacts]:
    wanted = pa.array(mask)
    return _facts_of({name: column.filter(wanted) for name, column in cells.items()}, rows[mask])


def _facts_of(cells: Mapping[str, pa.StringArray], rows: npt.NDArray[np.int64]) -> dict[str, ColumnFacts]:
    columns = list(cells.values())
    found = wide_facts(columns, rows) if is_wide(len(columns), len(rows)) else [None] * len(columns)
    return {
        name: facts or column_facts(column, rows)
        for (name, column), facts in zip(cells.items(), found, strict=True)
    }


def _without_declared_nulls(cells: pa.StringArray, tokens: tuple[str, ...]) -> pa.StringArray:
    if not tokens:
        return cells
    is_null = pc.is_in(cells, value_set=pa.array(tokens))
    # Unlike `if_else` this leaves no text behind under a null, where `wide_facts` would find it.
    return pc.replace_with_mask(cells, is_null, pa.scalar(None, pa.string()))


def samples_of(parsed: ParsedBlock, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    room = _SAMPLE_CELLS_IN_ALL // max(1, len(columns))
    count = max(_MIN_SAMPLE_CELLS, min(_SAMPLE_CELLS, room))
    return {name: _sample(parsed.column(name), count) for name in columns}


def _sample(cells: pa.StringArray, count: int) -> tuple[str, ...]:
    if len(cells) <= FEW_CELLS:
        return tuple(cell for cell in dict.fromkeys(cells.to_pylist()) if cell)[:count]
    distinct = pc.unique(cells.slice(0, _SAMPLE_ROWS)).slice(0, count + 2).to_pylist()
    return tuple(cell for cell in distinct if cell)[:count]


@dataclass(frozen=True)
class Habits:
    """How columns of the first block behave, which decides how they are stored, never what they hold.

    `repeating` columns have values that come again and again; a dictionary makes them small. The values of
    `ordered` ones lie in their order: least and greatest of a group of rows then tell what is not in it.
    """

    repeating: frozenset[str] = frozenset()
    ordered: frozenset[str] = frozenset()


def habits_of(parsed: ParsedBlock, columns: Sequence[str]) -> Habits:
    return Habits(
        repeating=frozenset(name for name in columns if _repeats(parsed.column(name))),
        ordered=frozenset(name for name in columns if _is_ordered(parsed.column(name))),
    )


def _repeats(cells: pa.StringArray) -> bool:
    rows = len(cells)
    if rows < _MIN_ROWS_FOR_DICTIONARY:
        return False
    distinct = pc.count_distinct(cells).as_py()
    return bool(distinct * _REPEATS <= rows or _expected_distinct(distinct, rows) * _REPEATS <= ROWS_A_GROUP)


def _expected_distinct(distinct: int, rows: int) -> float:
    """How many values a group of rows will have, if all are drawn from one pool as the first rows were.

    From a pool of n values, r rows draw about n (1 - exp(-r/n)) different ones.
    """
    if distinct >= rows * _NEARLY_ALL:
        return float(ROWS_A_GROUP)
    low, high = float(distinct), float(rows) * rows
    for _ in range(_HALVINGS):
        pool = (low + high) / 2
        low, high = (pool, high) if pool * -expm1(-rows / pool) < distinct else (low, pool)
    return high * -expm1(-ROWS_A_GROUP / high)


def _is_ordered(cells: pa.StringArray) -> bool:
    return _never_falls(cells.slice(0, _PEEK_ROWS)) and _never_falls(cells)


def _never_falls(cells: pa.StringArray) -> bool:
    filled = cells.drop_null()
    return bool(pc.all(pc.less_equal(filled[:-1], filled[1:]), min_count=0).as_py())


def combined(profiles: Iterable[BlockProfile], plan: ReadPlan) -> Profile:
    """The profile of the file made of these blocks, in order; they are not all kept until the end."""
    kept: list[BlockProfile] = []
    for profile in profiles:
        kept.append(profile)
        if len(kept) == _JOINED_AT_ONCE:
            kept = [_joined(kept)]
    whole = _joined(kept)
    return Profile(
        rows=whole.rows_read,
        short_rows=whole.short_rows,
        rejected=whole.rejected,
        facts={name: whole.facts.get(name, ColumnFacts()) for name in plan.columns},
        short_facts={name: whole.short_facts.get(name, ColumnFacts()) for name in plan.columns},
        samples=whole.samples,
    )


def _joined(profiles: Sequence[BlockProfile]) -> BlockProfile:
    """Neighbouring blocks as one."""
    return BlockProfile(
        rows_read=sum(profile.rows_read for profile in profiles),
        short_rows=sum(profile.short_rows for profile in profiles),
        rejected=sum(profile.rejected for profile in profiles),
        facts=_merged([profile.facts for profile in profiles]),
        short_facts=_merged([profile.short_facts for profile in profiles]),
        samples=profiles[0].samples if profiles else {},
    )


def _merged(facts: Sequence[Mapping[str, ColumnFacts]]) -> dict[str, ColumnFacts]:
    names = dict.fromkeys(name for each in facts for name in each)
    return {name: merged(each[name] for each in facts if name in each) for name in names}
