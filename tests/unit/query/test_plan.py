"""What an engine is given: permitted columns only, the right snapshot, names as Athena gives them."""

import json
from dataclasses import replace
from pathlib import Path
from time import process_time

import pytest

from medical_data_pipeline.adapters.local.duckdb_sql.translate import translate
from medical_data_pipeline.errors import QueryRejected
from medical_data_pipeline.model.query import EngineStatement, Scalar
from medical_data_pipeline.model.table import BIGINT, TEXT, Column
from medical_data_pipeline.query.plan import Planner
from tests.unit.query.catalogs import NOON, Careful, FixedCatalog, asked, table

PLANNER = Planner(FixedCatalog(), Careful(), "medical_data_db")
ATTACKS = Path(__file__).parents[2] / "data" / "sql" / "attacks.jsonl"
LINEAGE = ("_source_file", "_source_row", "_load_id", "_loaded_at")

# What passes both the guard and the translation, and why it does no harm: it reads permitted columns of
# permitted tables only, and what it costs is bounded by the worker's deadline and memory limit.
HARMLESS = {
    "SELECT * FROM pii_t": "the star shows the permitted columns",
    "SELECT 1 FROM allowed_t\u00a0WHERE 1=1": "a no-break space is white space; the text is rendered anew",
    "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n+1 FROM t) SELECT count(*) FROM t": "deadline",
    "SELECT lpad('x', 2000000000, 'y') || lpad('x', 2000000000, 'y')": "lpad fails beyond a million",
    "SELECT * FROM big_t a, big_t b ORDER BY random()": "deadline and result limit",
    "SELECT count(*) FROM allowed_t WHERE regexp_like(lpad('a',1000000,'a'), '(a+)+$b')": "deadline",
    "SELECT regexp_extract_all(lpad('a',1000000,'a'), '(.*)(.*)(.*)(.*)(.*)[0-9]')": "deadline",
    "SELECT regexp_like('a','((a{1,100}){1,100}){1,100}')": "deadline",
    "SELECT sequence(1,5000000000)": "sequence fails beyond 10,000",
    "SELECT histogram(i) FROM UNNEST(sequence(1,30000000)) t(i)": "sequence fails beyond 10,000",
    "SELECT cardinality(array_distinct(sequence(1,300000)))": "sequence fails beyond 10,000",
    "SELECT a.a FROM big_t a JOIN big_t b ON a.b=b.b ORDER BY 1 LIMIT 10": "deadline",
    "SELECT count(*) FROM big_t a LEFT JOIN big_t b ON a.a < b.a AND length(a.b||b.b) > 5": "deadline",
    (
        "SELECT sum(length(repeat('x',1000))) FROM UNNEST(sequence(1,10000)) a CROSS JOIN "
        "UNNEST(sequence(1,10000)) b CROSS JOIN UNNEST(sequence(1,10000)) c"
    ): "deadline",
}


def plan(sql: str, *parameters: Scalar) -> EngineStatement:
    return PLANNER.plan(asked(sql, *parameters), NOON)


def attacks() -> list[str]:
    return [json.loads(line)["sql"] for line in ATTACKS.read_text("utf-8").strip().split("\n")]


@pytest.mark.parametrize("sql", attacks(), ids=lambda sql: sql[:60])
def test_an_attack_is_refused_or_known_to_be_harmless(sql: str):
    try:
        translation = translate(plan(sql))
    except QueryRejected:
        return

    assert sql in HARMLESS
    assert "ssn" not in translation.sql
    assert "secret_t" not in translation.sql


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM pii_t",
        "SELECT t.* FROM pii_t t",
        "SELECT p.*, _load_id FROM pii_t p",
        "SELECT * FROM pii_t a JOIN pii_t b USING (id)",
        "SELECT * FROM (SELECT * FROM pii_t)",
        "WITH x AS (SELECT * FROM pii_t) SELECT x.* FROM x",
        "SELECT * FROM allowed_t CROSS JOIN LATERAL (SELECT * FROM pii_t WHERE id = a)",
        "SELECT * FROM (pii_t CROSS JOIN allowed_t)",
        "SELECT id FROM pii_t WHERE EXISTS (SELECT * FROM pii_t)",
        "TABLE pii_t",
        "DESCRIBE pii_t",
        "SHOW COLUMNS FROM pii_t",
        "SELECT * FROM information_schema.columns",
    ],
)
def test_no_way_of_naming_all_columns_shows_one_that_is_not_permitted(sql: str):
    statement = plan(sql)

    assert "ssn" not in statement.sql
    assert "ssn" not in statement.column_names
    assert "ssn" not in translate(statement).sql


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT ssn FROM pii_t",
        "SELECT p FROM pii_t p",
        "SELECT pii_t.ssn FROM pii_t",
        "SELECT id FROM pii_t ORDER BY ssn",
        "SELECT id FROM pii_t a JOIN pii_t b USING (ssn)",
        "SELECT i, x FROM pii_t AS p(i, x)",
        "SELECT CAST(p AS json) FROM pii_t p",
        "SELECT * FROM secret_t",
        "SELECT * FROM allowed_t NATURAL JOIN pii_t",
    ],
)
def test_what_is_not_permitted_does_not_exist(sql: str):
    with pytest.raises(QueryRejected):
        translate(plan(sql))


def test_a_forbidden_table_and_an_unknown_one_are_told_alike():
    texts = []
    for name in ("secret_t", "nothing_t"):
        with pytest.raises(QueryRejected) as refused:
            plan(f"SELECT * FROM {name}")
        texts.append(str(refused.value).replace(name, "t"))

    assert texts[0] == texts[1]


def test_lineage_is_left_out_of_a_star_but_can_be_named():
    assert plan("SELECT * FROM allowed_t").column_names == ("a", "b", "d")
    assert plan("SELECT *, _load_id FROM allowed_t").column_names == ("a", "b", "d", "_load_id")
    assert plan("SELECT _source_row FROM allowed_t").column_names == ("_source_row",)
    assert plan("SELECT x.* FROM allowed_t x ORDER BY _loaded_at").column_names == ("a", "b", "d")


@pytest.mark.parametrize(
    ("clause", "snapshot"),
    [
        ("FOR VERSION AS OF 7", 7),
        ("FOR TIMESTAMP AS OF TIMESTAMP '2024-03-01 00:00:00 UTC'", 7),
        ("FOR TIMESTAMP AS OF TIMESTAMP '2024-06-01 05:45:00 Asia/Kathmandu'", 9),
        ("FOR TIMESTAMP AS OF current_timestamp - INTERVAL '1' DAY", 9),
    ],
)
def test_time_travel_reads_the_snapshot_of_that_time(clause: str, snapshot: int):
    (table,) = plan(f"SELECT a FROM allowed_t {clause}").tables

    assert table.snapshot_id == snapshot


@pytest.mark.parametrize(
    "clause", ["FOR VERSION AS OF 8", "FOR TIMESTAMP AS OF TIMESTAMP '2023-01-01 00:00:00 UTC'"]
)
def test_a_state_that_never_was_is_an_unknown_object(clause: str):
    with pytest.raises(QueryRejected) as refused:
        plan(f"SELECT a FROM allowed_t {clause}")

    assert refused.value.reason == "SQL_UNKNOWN_OBJECT"


@pytest.mark.parametrize(
    "moment",
    [
        "current_timestamp - INTERVAL '99999999999999999999' DAY",
        "current_timestamp - INTERVAL '9999999' DAY",
        f"current_timestamp - INTERVAL '{'9' * 5000}' DAY",
        "current_timestamp - INTERVAL '\u00b2' DAY",
        "TIMESTAMP '0001-01-01 00:00:00 Asia/Tokyo'",
        "TIMESTAMP '9999-12-31 23:59:59-05:00'",
    ],
    ids=lambda moment: moment[:50],
)
def test_a_moment_that_no_calendar_has_is_refused(moment: str):
    with pytest.raises(QueryRejected):
        plan(f"SELECT a FROM allowed_t FOR TIMESTAMP AS OF {moment}")


def plan_grown(sql: str) -> EngineStatement:
    """Since its first state, the table has gained the column `b`, and `ssn`, which nobody may see."""
    now = table("pii_t", Column("id", BIGINT), Column("ssn", TEXT), Column("b", TEXT))
    then = tuple(column for column in now.columns if column.name != "b")
    first = replace(now.snapshots[0], columns=then)
    grown = replace(now, snapshots=(first, *now.snapshots[1:]))
    return Planner(FixedCatalog((grown,)), Careful(), "medical_data_db").plan(asked(sql), NOON)


def test_a_state_has_the_columns_it_had_then():
    then, now = (plan_grown(f"SELECT * FROM pii_t {clause}") for clause in ("FOR VERSION AS OF 7", ""))

    assert (then.column_names, now.column_names) == (("id",), ("id", "b"))
    assert [column.name for column in then.tables[0].columns if column.name[0] != "_"] == ["id", "ssn"]
    assert "ssn" not in translate(then).sql
    with pytest.raises(QueryRejected):
        translate(plan_grown("SELECT b FROM pii_t FOR VERSION AS OF 7"))


def test_two_states_of_a_table_are_two_tables():
    statement = plan("SELECT x.a FROM allowed_t FOR VERSION AS OF 7 x JOIN allowed_t y ON x.a = y.a")

    assert [table.snapshot_id for table in statement.tables] == [7, None]
    assert len({table.reference for table in statement.tables}) == 2


def test_a_common_table_shadows_a_table_of_its_name():
    statement = plan("WITH secret_t AS (SELECT 1 AS z) SELECT * FROM secret_t")

    assert statement.tables == ()
    assert statement.column_names == ("z",)


def test_a_common_table_does_not_shadow_a_qualified_name():
    with pytest.raises(QueryRejected):
        plan("WITH secret_t AS (SELECT 1 AS z) SELECT * FROM medical_data_db.secret_t")

    statement = plan("WITH allowed_t AS (SELECT 1 AS z) SELECT * FROM medical_data_db.allowed_t")

    assert statement.column_names == ("a", "b", "d")
    assert statement.tables[0].reference != "allowed_t"


@pytest.mark.parametrize(
    "name", ['"allowed_t$files"', '"a.parquet"', '"s3://b/k"', "other_db.allowed_t", "main.allowed_t"]
)
def test_only_tables_of_our_database_are_tables(name: str):
    with pytest.raises(QueryRejected):
        plan(f"SELECT * FROM {name}")


def test_the_metadata_of_the_catalog_is_filtered():
    assert "secret_t" not in plan("SHOW TABLES").sql
    assert "allowed_t" in plan("SHOW TABLES IN medical_data_db LIKE 'allow*'").sql
    assert "big_t" not in plan("SHOW TABLES LIKE 'allow*'").sql
    assert plan("SHOW SCHEMAS").column_names == ("database_name",)
    assert plan("DESCRIBE allowed_t").column_names == ("col_name", "data_type", "comment")
    assert "secret_t" not in plan("SELECT table_name FROM information_schema.tables").sql


@pytest.mark.parametrize(
    ("pattern", "is_shown"),
    [
        ("allow*", True),
        ("%_t", True),
        ("big_t|allowed_t", True),
        ("big*|*allowed", False),
        ("allowed?t", False),
        ("[a]llowed_t", False),
        ("ALLOWED_T", True),
    ],
)
def test_a_pattern_of_show_tables_has_the_marks_of_hive_and_like(pattern: str, is_shown: bool):
    assert ("'allowed_t'" in plan(f"SHOW TABLES LIKE '{pattern}'").sql) is is_shown


def test_a_pattern_of_many_stars_takes_no_time():
    started = process_time()

    assert "allowed_t" not in plan(f"SHOW TABLES LIKE '{'%' * 100}!'").sql
    assert process_time() - started < 5


def test_parameters_keep_their_places():
    statement = plan("WITH x AS (SELECT ? AS p) SELECT ?, p FROM x WHERE p > ? LIMIT ?", 1, "b", 3, 4)

    assert statement.parameters == (1, "b", 3, 4)
    assert statement.sql.count("?") == 4


@pytest.mark.parametrize("parameters", [(), (1, 2)])
def test_a_wrong_number_of_parameters_is_refused(parameters: tuple[Scalar, ...]):
    with pytest.raises(QueryRejected) as refused:
        plan("SELECT ?", *parameters)

    assert refused.value.reason == "SQL_PARAMS"


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT 1, a AS x, b FROM allowed_t", ("_col0", "x", "b")),
        ("SELECT * FROM allowed_t JOIN big_t USING (a)", ("a", "b", "d", "b")),
        ("SELECT u.*, t.a FROM allowed_t t CROSS JOIN UNNEST(split(b, ',')) AS u(part)", ("part", "a")),
        ("SELECT a FROM allowed_t UNION SELECT 1", ("a",)),
        ("VALUES (1, 2)", ("_col0", "_col1")),
        ("SELECT * FROM (VALUES (1, 2)) AS v(x, y)", ("x", "y")),
        ("SELECT (ROW(1, 2)).*", ("_col0", "_col1")),
    ],
)
def test_columns_are_named_as_athena_names_them(sql: str, names: tuple[str, ...]):
    statement = plan(sql)

    assert statement.column_names == names
    assert tuple(column.name for column in translate(statement).columns) == names


def test_planning_twice_gives_the_same():
    assert plan("SELECT a, b FROM allowed_t") == plan("SELECT a, b FROM allowed_t")


def test_a_long_chain_of_unions_is_refused_and_never_a_crash():
    with pytest.raises(QueryRejected) as refused:
        plan("SELECT 1" + " UNION ALL SELECT 1" * 2000)

    assert refused.value.reason == "SQL_SYNTAX"
