"""What the guard lets through, and the reason for what it refuses."""

import pytest
from sqlglot import exp

from medical_data_pipeline.errors import REJECTION_STATUS, QueryRejected
from medical_data_pipeline.query.grammar import require_one_reading_statement
from medical_data_pipeline.query.guard import checked

REFUSED = [
    ("", "SQL_SYNTAX"),
    ("-- nothing", "SQL_SYNTAX"),
    ("SELECT", "SQL_SYNTAX"),
    ("SELECT 'open", "SQL_SYNTAX"),
    ("SELECT 1; SELECT 2", "SQL_MULTI"),
    ("SELECT 1; DROP TABLE t", "SQL_MULTI"),
    ("INSERT INTO t VALUES (1)", "SQL_NOT_READONLY"),
    ("WITH x AS (INSERT INTO t VALUES (1) RETURNING *) SELECT * FROM x", "SQL_NOT_READONLY"),
    ("COPY t TO 'x'", "SQL_NOT_READONLY"),
    ("SET x = 1", "SQL_NOT_READONLY"),
    ("EXPLAIN ANALYZE SELECT 1", "SQL_NOT_READONLY"),
    ("PREPARE p FROM SELECT 1", "SQL_NOT_READONLY"),
    ("FROM t", "SQL_SYNTAX"),
    ("SELECT 1::int", "SQL_SYNTAX"),
    ("SELECT [1, 2]", "SQL_SYNTAX"),
    ("SELECT {'a': 1}", "SQL_SYNTAX"),
    ("SELECT * EXCLUDE (a) FROM t", "SQL_SYNTAX"),
    ("SELECT * REPLACE (1 AS a) FROM t", "SQL_SYNTAX"),
    ("SELECT a FROM t WHERE a ILIKE 'x'", "SQL_SYNTAX"),
    ("SELECT DISTINCT ON (a) a FROM t", "SQL_SYNTAX"),
    ("SELECT a FROM t QUALIFY row_number() OVER () = 1", "SQL_SYNTAX"),
    ("SELECT a FROM t WHERE a == 1", "SQL_SYNTAX"),
    ("SELECT a FROM t GROUP BY ALL", "SQL_SYNTAX"),
    ("SELECT a FROM t GROUP BY DISTINCT", "SQL_SYNTAX"),
    ("SELECT CAST(a AS text) FROM t", "SQL_SYNTAX"),
    ("SELECT CAST(a AS varchar(", "SQL_SYNTAX"),
    ("SELECT CAST(a AS array(int8)) FROM t", "SQL_SYNTAX"),
    ("SELECT CAST(a AS row(x string)) FROM t", "SQL_SYNTAX"),
    ("SELECT STRUCT(1)", "SQL_SYNTAX"),
    ("SELECT INTERVAL 5 DAY", "SQL_SYNTAX"),
    ("SELECT INTERVAL '5' DAYS", "SQL_SYNTAX"),
    ("SELECT INTERVAL '5 days'", "SQL_SYNTAX"),
    ("SELECT a FROM t LIMIT 10%", "SQL_SYNTAX"),
    ("SELECT a FROM t USING SAMPLE 10", "SQL_SYNTAX"),
    ("SELECT a FROM t TABLESAMPLE 10", "SQL_SYNTAX"),
    ("SELECT * FROM a NATURAL JOIN b", "SQL_SYNTAX"),
    ("SELECT strftime(a, '%Y') FROM t", "SQL_UNKNOWN_OBJECT"),
    ("SELECT getvariable('x')", "SQL_UNKNOWN_OBJECT"),
    ("SELECT * FROM range(10)", "SQL_FORBIDDEN_OBJECT"),
    ("SELECT * FROM read_csv('x.csv')", "SQL_FORBIDDEN_OBJECT"),
    ("SELECT 0x1F", "SQL_SYNTAX"),
    ("SELECT E'\\n'", "SQL_SYNTAX"),
    ("SELECT $$a$$", "SQL_SYNTAX"),
    ("SELECT `a` FROM t", "SQL_SYNTAX"),
    ("SELECT " + "(" * 200 + "1" + ")" * 200, "SQL_SYNTAX"),
    ("SELECT " + "NOT " * 5000 + "true", "SQL_SYNTAX"),
    ("SELECT " + "ARRAY[" * 25 + "1" + "]" * 25, "SQL_SYNTAX"),
    ("SELECT " + "ROW(" * 50 + "1" + ")" * 50, "SQL_SYNTAX"),
    ("SELECT " + "MAP(ARRAY[" * 14 + "1" + "], ARRAY[1])" * 14, "SQL_SYNTAX"),
    ("SELECT " + "if[" * 30 + "1" + "]" * 30, "SQL_SYNTAX"),
    ("SELECT " + "bigint(ARRAY[" * 12 + "1" + "])" * 12, "SQL_SYNTAX"),
    ("SELECT " + "ARRAY[" * 5 + ", ".join("1" * 9000) + "]" * 5, "SQL_SYNTAX"),
    ("SELECT " + "1+" * 20000 + "1", "SQL_SYNTAX"),
    ("SELECT 1 IS TRUE", "SQL_SYNTAX"),
    ("SELECT '" + "x" * 70000 + "'", "PAYLOAD_TOO_LARGE"),
    ("SELECT ?", "SQL_PARAMS"),
]


def checked_text(sql: str) -> exp.Expr:
    return checked(require_one_reading_statement(sql), sql)


@pytest.mark.parametrize(("sql", "reason"), REFUSED, ids=lambda value: str(value)[:50])
def test_a_statement_that_is_not_a_plain_athena_query_is_refused(sql: str, reason: str):
    with pytest.raises(QueryRejected) as refused:
        checked_text(sql)

    assert refused.value.reason == reason
    assert refused.value.reason in REJECTION_STATUS


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1;",
        "TABLE t",
        "VALUES (1, 'a'), (2, 'b')",
        "(SELECT 1) UNION ALL (SELECT 2) ORDER BY 1 LIMIT 5",
        "WITH a AS (SELECT 1 x), b AS (SELECT x FROM a) SELECT * FROM b",
        "SELECT x[1], m['k'], ARRAY[1, 2], ROW(1, 2).field0, (ROW(1, 2)).* FROM t",
        "SELECT listagg(a, ',') WITHIN GROUP (ORDER BY a) FILTER (WHERE a > 'x') FROM t",
        "SELECT sum(a) OVER (PARTITION BY b ORDER BY c ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM t",
        "SELECT a FROM t CROSS JOIN UNNEST(b) WITH ORDINALITY AS u(x, n)",
        "SELECT TRIM(BOTH 'x' FROM a), EXTRACT(DOW FROM b), CAST(c AS decimal(10,2)) FROM t",
        "SELECT a FROM t WHERE a LIKE 'x#%' ESCAPE '#' AND b BETWEEN 1 AND 2 AND c IS NOT NULL",
        "SELECT " + " OR ".join(f"a = {number}" for number in range(1000)) + " FROM t",
    ],
    ids=lambda sql: sql[:50],
)
def test_a_plain_query_passes(sql: str):
    assert checked_text(sql) is not None


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 'Smith' 'John'",
        "SELECT unknown_fn('Smith')",
        "SELECT a FROM t WHERE 'Smith'::text = a",
        "SELECT 'Smith",
    ],
)
def test_a_refusal_never_quotes_a_literal(sql: str):
    with pytest.raises(QueryRejected) as refused:
        checked_text(sql)

    assert "Smith" not in str(refused.value)


def test_a_syntax_error_says_where():
    with pytest.raises(QueryRejected, match=r"line 2, column \d+"):
        checked_text("SELECT a\nFROM t WHERE ((a = 1)")
