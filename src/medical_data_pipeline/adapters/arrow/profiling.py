"""The first pass: facts of every column over the whole file, block by block and side by side."""

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from medical_data_pipeline.adapters.arrow.block_parser import ArrowTypes, ParsedBlock, parse_block
from medical_data_pipeline.adapters.arrow.blocks import Block
from medical_data_pipeline.adapters.arrow.column_facts import column_facts
from medical_data_pipeline.model.conversion import Profile, ReadPlan
from medical_data_pipeline.model.facts import ColumnFacts, merged

_SAMPLE_CELLS = 500
_SAMPLE_ROWS = 20_000
# A dictionary pays when a value comes again at least this often.
_REPEATS = 4
_MIN_ROWS_FOR_DICTIONARY = 1000

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

TEXT_TYPE = pa.string()
DICTIONARY_TYPE = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class BlockProfile:
    """The facts of one block; `kinds` and `samples` are of the first block only."""

    number: int
    rows_read: int
    short_rows: int
    rejected: int
    facts: Mapping[str, ColumnFacts]
    short_facts: Mapping[str, ColumnFacts]
    repeating: frozenset[str] = frozenset()
    samples: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class FileProfile:
    """The stage's profile, and what only the second pass needs: rows of each block, columns that repeat."""

    profile: Profile
    block_rows: tuple[int, ...]
    repeating: frozenset[str]


def profile_blocks(found: Iterator[Block], plan: ReadPlan, threads: int) -> FileProfile:
    """Facts of all blocks. Columns that are text in the first one are not looked at again."""
    first_block = next(found, None)
    if first_block is None:
        return FileProfile(_combined([], plan), (), frozenset())
    first = _profile_first(first_block, plan)
    kinds = {
        name: DICTIONARY_TYPE if name in first.repeating else TEXT_TYPE
        for name in plan.columns
        if not first.facts[name].has_text
    }
    rest = in_order(found, lambda block: _profile_block(block, plan, kinds), threads)
    # Row numbers of later blocks depend on those before; they are only known now.
    profiles = [first, *rest]
    rows = tuple(profile.rows_read for profile in profiles)
    return FileProfile(_combined(_numbered(profiles, rows), plan), rows, first.repeating)


def in_order(items: Iterator[_Item], work: Callable[[_Item], _Result], threads: int) -> Iterator[_Result]:
    """Results in the order of the items, with at most `threads` items in work and as many waiting."""
    with ThreadPoolExecutor(threads) as pool:
        waiting: list[Future[_Result]] = []
        try:
            for item in items:
                waiting.append(pool.submit(work, item))
                if len(waiting) > threads:
                    yield waiting.pop(0).result()
            while waiting:
                yield waiting.pop(0).result()
        finally:
            for future in waiting:
                future.cancel()


def _profile_first(block: Block, plan: ReadPlan) -> BlockProfile:
    parsed = parse_block(block, plan, dict.fromkeys(plan.columns, TEXT_TYPE))
    facts, short_facts = _facts(parsed, plan)
    columns = {name: parsed.table.column(name) for name in plan.columns}
    return BlockProfile(
        block.number,
        parsed.rows_read,
        _short_rows(parsed),
        len(parsed.rejected),
        facts,
        short_facts,
        frozenset(name for name, column in columns.items() if _repeats(column)),
        {name: _sample(column) for name, column in columns.items()},
    )


def _profile_block(block: Block, plan: ReadPlan, kinds: ArrowTypes) -> BlockProfile:
    # Rows must be counted also where no column needs another look.
    asked = kinds or {plan.columns[0]: pa.binary()}
    parsed = parse_block(block, plan, asked)
    facts, short_facts = _facts(parsed, plan) if kinds else ({}, {})
    return BlockProfile(
        block.number, parsed.rows_read, _short_rows(parsed), len(parsed.rejected), facts, short_facts
    )


def _short_rows(parsed: ParsedBlock) -> int:
    return 0 if parsed.is_short is None else int(parsed.is_short.sum())


def _facts(parsed: ParsedBlock, plan: ReadPlan) -> tuple[dict[str, ColumnFacts], dict[str, ColumnFacts]]:
    rows = np.arange(parsed.rows_read) if parsed.rows is None else parsed.rows
    is_short = parsed.is_short
    full: dict[str, ColumnFacts] = {}
    short: dict[str, ColumnFacts] = {}
    for name in parsed.table.column_names:
        column = _without_declared_nulls(one_chunk(parsed.table.column(name)), plan.null_tokens.get(name, ()))
        if is_short is None or not is_short.any():
            full[name] = column_facts(column, rows + 1)
            continue
        full[name] = column_facts(column.filter(pa.array(~is_short)), rows[~is_short] + 1)
        short[name] = column_facts(column.filter(pa.array(is_short)), rows[is_short] + 1)
    return full, short


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _without_declared_nulls(column: pa.Array, tokens: tuple[str, ...]) -> pa.Array:
    if not tokens:
        return column
    texts = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return pc.if_else(pc.is_in(texts, value_set=pa.array(tokens)), pa.scalar(None, pa.string()), texts)


def _repeats(column: pa.ChunkedArray) -> bool:
    if len(column) < _MIN_ROWS_FOR_DICTIONARY:
        return False
    return bool(pc.count_distinct(column).as_py() * _REPEATS <= len(column))


def _sample(column: pa.ChunkedArray) -> tuple[str, ...]:
    distinct = pc.unique(column.slice(0, _SAMPLE_ROWS)).drop_null()
    cells: list[str] = distinct.slice(0, _SAMPLE_CELLS + 1).to_pylist()
    return tuple(cell for cell in cells if cell)[:_SAMPLE_CELLS]


def _numbered(profiles: list[BlockProfile], rows: tuple[int, ...]) -> list[BlockProfile]:
    offsets = np.concatenate([[0], np.cumsum(rows)]).tolist()
    return [_shifted(profile, offset) for profile, offset in zip(profiles, offsets, strict=False)]


def _shifted(profile: BlockProfile, offset: int) -> BlockProfile:
    if not offset:
        return profile
    return BlockProfile(
        profile.number,
        profile.rows_read,
        profile.short_rows,
        profile.rejected,
        {name: facts.shifted(offset) for name, facts in profile.facts.items()},
        {name: facts.shifted(offset) for name, facts in profile.short_facts.items()},
        profile.repeating,
        profile.samples,
    )


def _combined(profiles: list[BlockProfile], plan: ReadPlan) -> Profile:
    return Profile(
        rows=sum(profile.rows_read for profile in profiles),
        short_rows=sum(profile.short_rows for profile in profiles),
        rejected=sum(profile.rejected for profile in profiles),
        facts={name: merged(p.facts[name] for p in profiles if name in p.facts) for name in plan.columns},
        short_facts={
            name: merged(p.short_facts[name] for p in profiles if name in p.short_facts)
            for name in plan.columns
        },
        samples=profiles[0].samples if profiles else {},
    )
