"""A checked Athena statement as DuckDB SQL, or a refusal: what is not known to agree is never run."""

from dataclasses import dataclass

from medical_data_pipeline.model.query import EngineStatement, ResultColumn, Scalar


@dataclass(frozen=True)
class Translation:
    """DuckDB SQL with `$1`-style parameters, and the result's columns with Athena's names and types.

    Positions in `columns` are those of the DuckDB result, whose own column names mean nothing. Values come
    as Athena shows them: intervals and timestamps of another zone than UTC are text.
    """

    sql: str
    parameters: tuple[Scalar, ...]
    columns: tuple[ResultColumn, ...]


def translate(statement: EngineStatement) -> Translation:
    """The same question in DuckDB's SQL.

    Raises:
        QueryRejected: a type error, an unknown column, or something without a faithful translation.
    """
    raise NotImplementedError
