"""Paths of JSON functions, read as deep as they are nested."""

from medical_data_pipeline.adapters.local.duckdb_sql.json_path import Node, parsed

DEPTH = 40


def test_filters_within_parentheses_are_read_once_a_level_however_deep() -> None:
    # Read twice a level it would not end.
    root = parsed("lax $ ? (" + "(@.b ? (" * DEPTH + "@.a == 1" + ")) == 1" * DEPTH + ")").root

    assert depth(root) == DEPTH + 1


def depth(node: Node) -> int:
    """How many filters are nested in one another."""
    return (node.kind == "filter") + max(map(depth, node.operands), default=0)
