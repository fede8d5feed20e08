"""docs/sql.md, the guard's list and the translation agree on the functions there are."""

import re
from pathlib import Path

from medical_data_pipeline.adapters.local.duckdb_sql.aggregates import AGGREGATES
from medical_data_pipeline.adapters.local.duckdb_sql.calls import FUNCTIONS
from medical_data_pipeline.adapters.local.duckdb_sql.expressions import REGISTERED
from medical_data_pipeline.adapters.local.duckdb_sql.windows import WINDOW_FUNCTIONS
from medical_data_pipeline.query.functions import FUNCTIONS as ALLOWED

PAGE = (Path(__file__).parents[2] / "docs" / "sql.md").read_text("utf-8")
# Read by the parser, not looked up by name.
FORMS = {"all", "grouping", "position", "substring"}
SUPPORTED = {*FUNCTIONS, *AGGREGATES, *WINDOW_FUNCTIONS, *FORMS}


def test_the_documented_functions_are_those_of_the_translation():
    listed = PAGE.split("<!-- functions")[1].split("<!-- end -->")[0]

    assert REGISTERED
    assert set(re.findall(r"`(\w+)`", listed)) == SUPPORTED


def test_the_guard_knows_every_function_of_the_translation():
    assert set() == SUPPORTED - ALLOWED


def test_the_page_names_what_is_refused_here():
    listed = PAGE.split("here they are refused:")[1].split("\n")[0]

    assert set(re.findall(r"`(\w+)`", listed)) == ALLOWED - SUPPORTED
