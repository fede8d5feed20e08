"""Rows set aside: the columns of every `<table>__quarantine` table and the reasons a row can be there."""

import re
from dataclasses import dataclass
from enum import StrEnum

from medical_data_pipeline.model.table import BIGINT, LINEAGE, TEXT, Column

QUARANTINE_SUFFIX = "__quarantine"


# What database clients write under the rows: "(3 rows affected)", "3 rows selected.", "(3 rows)".
_ROW_COUNT_LINE = re.compile(
    r"\(?[\d,]+ rows?( affected| selected| returned| in set)?\.?( \([\d.]+ sec\))?\)?", re.I
)


class RejectReason(StrEnum):
    """Why a row was set aside. The codes are stable: people filter and alert on them."""

    TOO_MANY_FIELDS = "too_many_fields"
    TOO_FEW_FIELDS = "too_few_fields"
    UNCLOSED_QUOTE = "unclosed_quote"
    INVALID_ENCODING = "invalid_encoding"
    ROW_COUNT_LINE = "row_count_line"
    WRONG_TYPE = "wrong_type"
    DUPLICATE_KEY = "duplicate_key"
    NULL_KEY = "null_key"


@dataclass(frozen=True)
class RejectedRow:
    """One row that did not fit. `row` counts data rows from 1, `line` physical lines from 1.

    `column` is the catalog name of the first column that did not fit, or "". `raw_text` is the row as the
    file has it, and is PHI.
    """

    row: int
    line: int
    reason: RejectReason
    column: str
    wanted: str
    raw_text: str


QUARANTINE_COLUMNS = (
    Column("line", BIGINT),
    Column("reason", TEXT),
    Column("column_name", TEXT),
    Column("wanted", TEXT),
    Column("raw_text", TEXT),
    *LINEAGE,
)


def is_row_count_line(text: str) -> bool:
    """Whether a line with a single field only says how many rows there were."""
    return _ROW_COUNT_LINE.fullmatch(text.strip()) is not None


def quarantine_table(table: str) -> str:
    return table + QUARANTINE_SUFFIX
