"""The types of a statement's columns, told without running it, as the embedded engine tells them."""

from medical_data_pipeline.adapters.aws.athena_types import ZONED_TEXT, AthenaColumn
from medical_data_pipeline.adapters.local.duckdb_sql.sql_type import SqlType
from medical_data_pipeline.adapters.local.duckdb_sql.typed_statement import typed
from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.query import EngineStatement


def result_columns(statement: EngineStatement) -> tuple[AthenaColumn, ...] | None:
    """None for a statement that only Athena understands: Athena's own words have to do for it."""
    try:
        found = typed(statement)
    except QueryRejected:
        return None
    # The statement knows the names as Athena gives them, their tree the types.
    names = statement.column_names or tuple(column.name for column in found.columns)
    return tuple(
        AthenaColumn(name, column.type, exact(kind))
        for name, column, kind in zip(names, found.columns, found.bound.types, strict=True)
    )


def exact(kind: SqlType) -> str:
    """The type as `AthenaColumn` wants it."""
    match kind.name:
        case "array" | "map":
            return f"{kind.name}({', '.join(map(exact, kind.items))})"
        case "row":
            fields = zip(_labels(kind.names), map(exact, kind.items), strict=True)
            return f"row({', '.join(f'{label} {item}' for label, item in fields)})"
        case "timestamp with time zone" if kind.zone != "UTC":
            return ZONED_TEXT
    return str(kind)


def _labels(names: tuple[str, ...]) -> list[str]:
    """As the embedded engine presents a row's fields."""
    is_named = all(names) and len(set(names)) == len(names)
    labels = names if is_named else [f"field{number}" for number in range(len(names))]
    return ['"' + label.replace('"', '""') + '"' for label in labels]
