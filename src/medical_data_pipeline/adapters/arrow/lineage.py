"""Where rows came from, as columns: of one load's rows or of several loads' at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medical_data_pipeline.adapters.arrow.cells import arrow_type
from medical_data_pipeline.model.conversion import Lineage, WritePlan
from medical_data_pipeline.model.table import LINEAGE

CONSTANT_TEXTS = ("_source_file", "_load_id")
_DICTIONARY = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True)
class LoadRows:
    """Some rows of one load, by their numbers in its file, from 1."""

    lineage: Lineage
    numbers: npt.NDArray[np.int64]


def table_schema(plan: WritePlan, has_lineage: bool, is_plain: bool = False) -> pa.Schema:
    """The columns of the plan and of the lineage; `is_plain` without dictionaries for what is the same."""
    fields = [pa.field(column.name, arrow_type(column.type)) for column in plan.columns]
    if has_lineage:
        dictionaries = () if is_plain else CONSTANT_TEXTS
        fields += [
            pa.field(c.name, _DICTIONARY if c.name in dictionaries else arrow_type(c.type)) for c in LINEAGE
        ]
    return pa.schema(fields)


def lineage_columns(parts: Sequence[LoadRows]) -> list[pa.Array]:
    """The lineage of the rows of all parts, in order."""
    counts = [len(part.numbers) for part in parts]
    owners = pa.array(np.repeat(np.arange(len(parts), dtype=np.int32), counts))
    moments = np.repeat([_micros(part.lineage.loaded_at) for part in parts], counts)
    numbers = parts[0].numbers if len(parts) == 1 else np.concatenate([part.numbers for part in parts])
    return [
        pa.DictionaryArray.from_arrays(owners, pa.array([part.lineage.source_file for part in parts])),
        pa.array(numbers, pa.int64()),
        pa.DictionaryArray.from_arrays(owners, pa.array([part.lineage.load_id for part in parts])),
        pa.array(moments, pa.int64()).view(pa.timestamp("us", "UTC")),
    ]


def _micros(moment: datetime) -> int:
    return int(pa.scalar(moment, pa.timestamp("us", "UTC")).value)
