"""Cells of many columns typed in one go where their plans are alike and their rows few."""

from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from medical_data_pipeline.adapters.arrow.cells import TypedCells, typed_cells
from medical_data_pipeline.adapters.arrow.wide_facts import CELLS_AT_ONCE, is_wide
from medical_data_pipeline.model.conversion import ColumnPlan


def typed_columns(columns: Sequence[pa.StringArray], plans: Sequence[ColumnPlan]) -> list[TypedCells]:
    """What `typed_cells` makes of each of these columns of one block.

    Raises:
        pa.ArrowInvalid: as `typed_cells`.
    """
    pairs = list(zip(columns, plans, strict=True))
    rows = len(columns[0]) if columns else 0
    if not is_wide(len(columns), rows):
        return [typed_cells(column, plan) for column, plan in pairs]
    alike: dict[ColumnPlan, list[int]] = {}
    for index, plan in enumerate(plans):
        alike.setdefault(replace(plan, source="", name=""), []).append(index)
    typed: dict[int, TypedCells] = {}
    step = max(1, CELLS_AT_ONCE // rows)
    for plan, members in alike.items():
        for start in range(0, len(members), step):
            some = members[start : start + step]
            whole = typed_cells(pa.concat_arrays([columns[index] for index in some]), plan)
            typed |= {index: _part(whole, at * rows, rows) for at, index in enumerate(some)}
    return [typed[index] for index in range(len(columns))]


def _part(whole: TypedCells, start: int, rows: int) -> TypedCells:
    misfits = None if whole.misfits is None else whole.misfits[start : start + rows]
    has_misfits = misfits is not None and bool(misfits.any())
    return TypedCells(whole.column.slice(start, rows), misfits if has_misfits else None)
