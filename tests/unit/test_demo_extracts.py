"""The demonstration's files: the same every time, and as dirty as they claim to be."""

import csv
import gzip
import re
import runpy
from datetime import date
from pathlib import Path

import pytest
import sqlglot

DEMO = Path(__file__).parents[2] / "demo"
EXTRACTS = runpy.run_path(str(DEMO / "extracts.py"))
QUESTIONS = runpy.run_path(str(DEMO / "questions.py"))["QUESTIONS"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    extracts = EXTRACTS["write_extracts"](tmp_path_factory.mktemp("extracts"))
    return {extract.key.removeprefix("input/"): extract for extract in extracts}


def content(written, key):
    return written[key].path.read_bytes()


def rows_of(text, delimiter=","):
    return list(csv.reader(text.splitlines(keepends=True), delimiter=delimiter))


@pytest.fixture(scope="module")
def patients(written):
    return rows_of(content(written, "patients/patients_2024-03-01.csv").decode("cp1252"))


@pytest.fixture(scope="module")
def encounters(written):
    return rows_of(gzip.decompress(content(written, "encounters/encounters_2023-2024.csv.gz")).decode())


@pytest.fixture(scope="module")
def claims(written):
    lines = content(written, "claims/claims_2023-2024.csv").decode().split("\n", 3)
    return rows_of(lines[3], ";")


def test_the_same_seed_writes_the_same_bytes(written, tmp_path):
    again = EXTRACTS["write_extracts"](tmp_path)

    assert [e.path.read_bytes() for e in again] == [e.path.read_bytes() for e in written.values()]
    other = EXTRACTS["write_extracts"](tmp_path, seed=1)
    assert other[0].path.read_bytes() != written["patients/patients_2024-03-01.csv"].path.read_bytes()


def test_every_extract_lies_under_its_table_and_says_what_is_wrong_with_it(written):
    for key, extract in written.items():
        assert key.startswith(extract.table + "/") and extract.path.name == key.split("/")[1]
        assert extract.note
    assert sum(extract.path.stat().st_size for extract in written.values()) < 15_000_000


def test_patients_hold_leading_zeros_accents_and_a_distant_future(written, patients):
    header, *rows = patients
    columns = {name: [row[place] for row in rows] for place, name in enumerate(header)}

    assert len(rows) == EXTRACTS["PATIENTS"] == len(set(columns["mrn"]))
    assert any(mrn.startswith("00") for mrn in columns["mrn"])
    assert any(not mrn.startswith("0") for mrn in columns["mrn"])
    assert any(zip_code.startswith("0") for zip_code in columns["zip"])
    assert {"9999-12-31"} < set(columns["death_date"])
    assert all(ssn.startswith("9") for ssn in columns["ssn"])
    assert {"O'Brien", "O\u2019Neill", "Null"} <= set(columns["last_name"])
    with pytest.raises(UnicodeDecodeError):
        content(written, "patients/patients_2024-03-01.csv").decode("utf-8")


def test_encounters_have_codes_like_numbers_ragged_rows_and_provable_dates(encounters):
    header, *rows = encounters

    assert len(rows) == EXTRACTS["ENCOUNTERS"]
    assert {"038.9", "250.00"} <= {row[5] for row in rows}
    assert "039" in {row[6] for row in rows}
    assert sum(len(row) < len(header) for row in rows) == 90
    assert 0 < sum(len(row) > len(header) and any(row[len(header) :]) for row in rows) <= 8
    assert any(int(row[2][3:5]) > 12 for row in rows)
    assert all(day(row[2]) <= day(row[3]) for row in rows)


def day(american):
    month, of_month, year = map(int, american.split("/"))
    return date(year, month, of_month)


def test_observations_come_in_two_encodings_with_values_that_are_not_numbers(written):
    january = content(written, "observations/observations_2024-01.csv").decode("utf-8")
    february = content(written, "observations/observations_2024-02.csv")
    header, *rows = rows_of(february.decode("utf-16"))

    assert february.startswith(b"\xff\xfe")
    assert january.split("\n")[0] == ",".join(header)
    assert len(rows) == EXTRACTS["OBSERVATIONS_A_MONTH"]
    values = {row[6] for row in rows}
    assert {"<0.5", ">100", "positive"} <= values
    assert any("\n" in row[9] for row in rows)
    assert any('"within the hour"' in row[9] for row in rows)


def test_one_quote_of_january_is_never_closed(written):
    january = content(written, "observations/observations_2024-01.csv").decode("utf-8")

    assert january.count('"') % 2 == 1
    assert '"' not in january.rsplit('"', 1)[1]
    assert january.rsplit('"', 1)[1].count("\n") == 29


def test_claims_have_titles_decimal_commas_and_provable_dates(written, claims):
    header, *rows = claims

    assert content(written, "claims/claims_2023-2024.csv").startswith(b"Claims register\n")
    assert header[0] == "claim_number" and len(rows) == EXTRACTS["CLAIMS"]
    assert all(re.fullmatch(r"\d+,\d\d", row[6]) for row in rows)
    assert any(int(row[5][:2]) > 12 for row in rows)
    assert any(row[4].startswith("00") for row in rows)


def test_no_date_of_the_referred_labs_proves_its_order(written):
    _, *rows = rows_of(content(written, "referred_labs/referred_labs_2024.csv").decode())

    assert len(rows) == EXTRACTS["REFERRED_LABS"]
    assert all(int(row[2][:2]) <= 12 and int(row[2][3:5]) <= 12 for row in rows)
    assert any(row[2][:2] != row[2][3:5] for row in rows)


def test_immunizations_have_na_as_a_country_and_codes_that_begin_with_zeros(written):
    _, *rows = rows_of(content(written, "immunizations/immunizations.csv").decode())

    assert "NA" in {row[5] for row in rows} and "NA" in {row[6] for row in rows}
    assert all(len(row[4]) == 11 and row[4].startswith("000") for row in rows)


def test_every_reference_to_a_patient_or_a_stay_joins(written, patients, encounters, claims):
    mrns = {row[0] for row in patients[1:]}
    stays = {row[0] for row in encounters[1:]}
    february = rows_of(content(written, "observations/observations_2024-02.csv").decode("utf-16"))

    assert {row[1] for row in encounters[1:] + claims[1:] + february[1:]} <= mrns
    assert {row[2] for row in claims[1:] + february[1:]} <= stays


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.title[:30])
def test_a_question_is_one_statement_of_athenas_sql_over_the_extracts(question, written):
    (statement,) = sqlglot.parse(question.sql, dialect="athena")

    shared = {cte.alias for cte in statement.find_all(sqlglot.exp.CTE)}
    read = {table.name for table in statement.find_all(sqlglot.exp.Table)} - shared
    assert read <= {extract.table for extract in written.values()}


def test_there_are_five_questions():
    assert len({question.title for question in QUESTIONS}) == 5
