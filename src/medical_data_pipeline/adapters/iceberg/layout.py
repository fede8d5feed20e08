"""How rows lie in files, as Iceberg's partition spec and sort order, and back."""

from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionSpec
from pyiceberg.partitioning import PartitionField as IcebergField
from pyiceberg.schema import Schema
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, NullOrder, SortField, SortOrder
from pyiceberg.transforms import (
    DayTransform,
    IdentityTransform,
    MonthTransform,
    YearTransform,
)
from pyiceberg.transforms import Transform as IcebergTransform

from medical_data_pipeline.model.row_layout import PartitionField, RowLayout, Transform

_FIRST_FIELD_ID = 1000
_TRANSFORMS: dict[Transform, IcebergTransform] = {  # type: ignore[type-arg]
    Transform.IDENTITY: IdentityTransform(),
    Transform.YEAR: YearTransform(),
    Transform.MONTH: MonthTransform(),
    Transform.DAY: DayTransform(),
}


def partition_spec(layout: RowLayout, schema: Schema) -> PartitionSpec:
    if not layout.partition_by:
        return UNPARTITIONED_PARTITION_SPEC
    return PartitionSpec(
        *(
            IcebergField(
                schema.find_field(field.column).field_id,
                _FIRST_FIELD_ID + number,
                _TRANSFORMS[field.transform],
                _name(field),
            )
            for number, field in enumerate(layout.partition_by)
        )
    )


def sort_order(layout: RowLayout, schema: Schema) -> SortOrder:
    if not layout.sort_by:
        return UNSORTED_SORT_ORDER
    return SortOrder(
        *(
            SortField(
                schema.find_field(name).field_id,
                transform=IdentityTransform(),
                null_order=NullOrder.NULLS_LAST,
            )
            for name in layout.sort_by
        )
    )


def layout_of(table: IcebergTable) -> RowLayout:
    """The layout of a table that `partition_spec` and `sort_order` made."""
    schema = table.schema()
    names = {str(transform): ours for ours, transform in _TRANSFORMS.items()}
    return RowLayout(
        tuple(
            PartitionField(schema.find_column_name(field.source_id) or "", names[str(field.transform)])
            for field in table.spec().fields
        ),
        tuple(schema.find_column_name(field.source_id) or "" for field in table.sort_order().fields),
    )


def _name(field: PartitionField) -> str:
    return field.column if field.transform is Transform.IDENTITY else f"{field.column}_{field.transform}"
