"""Written rows brought into the order, and apart into the partitions, that their table asks for."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlglot import exp

from medical_data_pipeline.adapters.arrow.spilling_sql import parquet_rows, spilling_connection
from medical_data_pipeline.model.row_layout import PartitionField, PartitionValue, RowLayout, Transform

_BATCH_ROWS = 20_000
_EPOCH = "1970-01-01"

Partition = tuple[PartitionValue, ...]


def arranged_rows(
    paths: Sequence[Path], schema: pa.Schema, layout: RowLayout, scratch: Path
) -> Iterator[tuple[Partition, pa.Table]]:
    """The rows of `paths`, a partition after the other, each in the layout's order and then the file's.

    The files hold the columns of `schema` and `_source_row`; `schema` is also what comes out.
    """
    marks = [f"partition {number}" for number in range(len(layout.partition_by))]
    select = exp.select(*(_column(name) for name in schema.names)).from_(parquet_rows(paths))
    for mark, field in zip(marks, layout.partition_by, strict=True):
        select = select.select(exp.alias_(_partition_value(field, schema), mark, quoted=True))
    order = [_column(name) for name in (*marks, *layout.sort_by, "_source_row")]
    select = select.order_by(*(exp.Ordered(this=column, nulls_first=False) for column in order))
    with spilling_connection(scratch) as connection:
        for batch in connection.execute(select.sql("duckdb")).to_arrow_reader(_BATCH_ROWS):
            table = pa.Table.from_batches([batch])
            for partition, rows in _runs(table, marks):
                yield partition, rows.select(schema.names).cast(schema)


def _runs(table: pa.Table, marks: Sequence[str]) -> Iterator[tuple[Partition, pa.Table]]:
    """Neighbouring rows of the same partition."""
    columns = [table.column(mark).combine_chunks() for mark in marks]
    starts = np.zeros(table.num_rows, bool)
    starts[:1] = True
    for column in columns:
        before, after = column[:-1], column[1:]
        differs = pc.fill_null(pc.not_equal(before, after), False)
        starts[1:] |= np.asarray(pc.or_(differs, pc.not_equal(before.is_null(), after.is_null())))
    first = np.flatnonzero(starts).tolist()
    for start, end in zip(first, [*first[1:], table.num_rows], strict=True):
        yield tuple(column[start].as_py() for column in columns), table.slice(start, end - start)


def _partition_value(field: PartitionField, schema: pa.Schema) -> exp.Expr:
    if field.column not in schema.names:
        return exp.null()
    column = _column(field.column)
    kind = schema.field(field.column).type
    if field.transform is Transform.IDENTITY and not pa.types.is_date(kind):
        return column
    unit = Transform.DAY if field.transform is Transform.IDENTITY else field.transform
    epoch = exp.cast(exp.Literal.string(_EPOCH), "date")
    date = exp.cast(column, "date")
    return exp.Anonymous(this="date_diff", expressions=[exp.Literal.string(unit.value), epoch, date])


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)
