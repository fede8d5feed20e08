"""Our columns as Iceberg fields and back."""

from collections.abc import Sequence

from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    LongType,
    NestedField,
    PrimitiveType,
    StringType,
    TimestampType,
    TimestamptzType,
)

from medical_data_pipeline.model import table as kinds
from medical_data_pipeline.model.column_comment import column_comment, parse_column_comment
from medical_data_pipeline.model.table import Column, ColumnType, Kind, decimal

_ICEBERG: dict[Kind, PrimitiveType] = {
    Kind.TEXT: StringType(),
    Kind.BOOLEAN: BooleanType(),
    Kind.BIGINT: LongType(),
    Kind.DOUBLE: DoubleType(),
    Kind.DATE: DateType(),
    Kind.TIMESTAMP: TimestampType(),
    Kind.TIMESTAMP_TZ: TimestamptzType(),
}
_OURS = {str(iceberg): ColumnType(kind) for kind, iceberg in _ICEBERG.items()}


def iceberg_type(kind: ColumnType) -> PrimitiveType:
    if kind.kind is Kind.DECIMAL:
        return DecimalType(kind.precision, kind.scale)
    return _ICEBERG[kind.kind]


def iceberg_schema(columns: Sequence[Column]) -> Schema:
    return Schema(
        *(
            NestedField(number, column.name, iceberg_type(column.type), doc=column_comment(column))
            for number, column in enumerate(columns, start=1)
        )
    )


def columns_of(schema: Schema) -> tuple[Column, ...]:
    return tuple(_column(field) for field in schema.fields)


def _column(field: NestedField) -> Column:
    header, meaning = parse_column_comment(field.doc)
    return Column(field.name, _our_type(field), header, meaning)


def _our_type(field: NestedField) -> ColumnType:
    kind = field.field_type
    if isinstance(kind, DecimalType):
        return decimal(kind.precision, kind.scale)
    # A type that another program gave the column is shown as text; our writers never meet it.
    return _OURS.get(str(kind), kinds.TEXT)
