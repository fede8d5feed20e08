"""What is known of a column, as the comment it carries in the catalog."""

import json

from medical_data_pipeline.model.table import Column, Meaning, PhiClass


def column_comment(column: Column) -> str | None:
    """One line of JSON, readable as it stands; None when there is nothing to say."""
    parts = {
        "header": column.header,
        "tag": column.meaning.tag,
        "phi": "" if column.meaning.phi is PhiClass.NONE else column.meaning.phi.value,
        "reason": column.meaning.reason,
    }
    said = {name: text for name, text in parts.items() if text}
    return json.dumps(said, ensure_ascii=False) if said else None


def parse_column_comment(comment: str | None) -> tuple[str, Meaning]:
    """The header and the meaning; a comment that someone else wrote says nothing of either."""
    try:
        said = json.loads(comment or "{}")
        meaning = Meaning(said.get("tag", ""), PhiClass(said.get("phi", "none")), said.get("reason", ""))
        return str(said.get("header", "")), meaning
    except (ValueError, AttributeError):
        return "", Meaning()
