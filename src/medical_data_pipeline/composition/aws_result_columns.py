"""The types of a statement's columns, told without running it, as the embedded engine tells them."""

from medical_data_pipeline.adapters.local.duckdb_sql.typed_statement import typed
from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.query import EngineStatement, ResultColumn


def result_columns(statement: EngineStatement) -> tuple[ResultColumn, ...] | None:
    """None for a statement that only Athena understands: Athena's own words have to do for it."""
    try:
        columns = typed(statement).columns
    except QueryRejected:
        return None
    if not statement.column_names:
        return columns
    # The statement knows the names as Athena gives them, their tree the types.
    named = zip(statement.column_names, columns, strict=True)
    return tuple(ResultColumn(name, column.type) for name, column in named)
