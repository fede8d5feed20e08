"""What may stand in the file of declared datasets, and how its mistakes are named."""

import os
import re
from pathlib import Path

import pytest

from medical_data_pipeline.adapters.local.date_formats import parse_date_format
from medical_data_pipeline.adapters.local.yaml_datasets import MAX_FILE_BYTES, load_datasets
from medical_data_pipeline.errors import SettingsError
from medical_data_pipeline.model.dataset import Contract, Dataset, LoadMode, RejectLimit
from medical_data_pipeline.model.row_layout import PartitionField, RowLayout, Transform
from medical_data_pipeline.model.table import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_TZ,
    PhiClass,
    decimal,
    parse_type,
)

DOCUMENTATION = Path(__file__).parents[2] / "docs" / "datasets.md"


def load(tmp_path, text):
    path = tmp_path / "datasets.yaml"
    path.write_text(text, encoding="utf-8")
    return load_datasets(path)


def problems(tmp_path, text):
    with pytest.raises(SettingsError) as caught:
        load(tmp_path, text)
    return str(caught.value).splitlines()


def test_the_example_of_the_documentation_is_read_whole(tmp_path):
    example = re.search(r"```yaml\n(.*?)```", DOCUMENTATION.read_text(encoding="utf-8"), re.DOTALL)[1]

    labs = load(tmp_path, example)["labs"]

    assert (labs.table, labs.delimiter, labs.quote, labs.escape) == ("labs", ";", '"', "")
    assert (labs.encoding, labs.has_header, labs.skip_lines) == ("cp1252", True, 2)
    assert labs.null_tokens == ("NULL", "-")
    assert (labs.contract, labs.mode, labs.upsert_key) == (Contract.EVOLVE, LoadMode.UPSERT, ("lab_id",))
    assert labs.reject_limit == RejectLimit(0.1, 20)
    assert labs.layout == RowLayout(
        (PartitionField("collected_on", Transform.MONTH),), ("mrn", "collected_on")
    )
    assert (labs.columns["collected_on"].type, labs.columns["collected_on"].format) == (DATE, "%d.%m.%Y")
    assert labs.columns["result_at"].format == "%m/%d/%Y %I:%M:%S %p"
    assert labs.columns["amount"].type == decimal(10, 2)
    assert labs.columns["amount"].strip_symbols == "€"
    assert labs.columns["study_arm"].phi is PhiClass.NONE


def test_an_empty_dataset_declares_nothing(tmp_path):
    assert load(tmp_path, "version: 1\ndatasets: {labs: {}}") == {"labs": Dataset(table="labs")}


def test_a_file_without_datasets_declares_none(tmp_path):
    assert load(tmp_path, "version: 1") == {}


def test_all_problems_are_named_at_once(tmp_path):
    found = problems(
        tmp_path,
        """
version: 1
datasets:
  labs:
    delimeter: ";"
    skip_lines: -1
    contract: loose
    columns:
      amount: {type: money}
      born: {type: date, format: "%d.%m.%y"}
  visits:
    mode: upsert
    reject_limit: {share: 2}
""",
    )

    assert found == [
        "datasets.yaml: datasets.labs.skip_lines: expected a whole number from 0",
        "datasets.yaml: datasets.labs.columns.amount.type: "
        "expected a type such as varchar, bigint, decimal(10,2), date, timestamp",
        "datasets.yaml: datasets.labs.columns.born.format: "
        "expected a date format such as DD.MM.YYYY or %d.%m.%Y",
        "datasets.yaml: datasets.labs.contract: expected one of evolve, strict, freeze",
        "datasets.yaml: datasets.labs.delimeter: unknown key, did you mean delimiter?",
        "datasets.yaml: datasets.visits.key: mode upsert and a key go together",
        "datasets.yaml: datasets.visits.reject_limit.share: expected a number from 0 to 1",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("datasets: {a: {}, a: {}}", "the same key twice"),
        ("datasets: {a: {columns: {b: {type: date, type: date}}}}", "the same key twice"),
        ("datasets: [a]", "datasets: expected keys and values"),
        ("datasets: {a: 1}", "datasets.a: expected keys and values"),
        ("dataset: {}", "did you mean datasets?"),
        ("version: 2", "version: expected 1"),
        ("version: true", "version: expected 1"),
        ("[1]", "expected the keys version and datasets"),
        ("", "expected the keys version and datasets"),
        ("a: [", "line"),
        ("a: !!python/object/apply:os.system [ls]", "line 1"),
        ("datasets: {a: {null_tokens: [NO]}}", "a list of quoted texts"),
        ("datasets: {a: {header: 1}}", "true or false"),
        ("datasets: {a: {encoding: klingon}}", "the name of an encoding"),
        ("datasets: {a: {delimiter: '||'}}", "one ASCII character"),
        ("datasets: {a: {key: [b]}}", "mode upsert and a key go together"),
        ("datasets: {a: {columns: {b: {format: DD.MM.YYYY}}}}", "goes with type date or timestamp"),
        ("datasets: {a: {columns: {b: {type: varchar, decimal_separator: ','}}}}", "go with a number type"),
        (
            "datasets: {a: {columns: {b: {type: bigint, thousands_separator: '.'}}}}",
            "differs from the decimal",
        ),
        ("datasets: {a: {columns: {b: {phi: secret}}}}", "one of none, name"),
    ],
)
def test_a_mistake_is_named(tmp_path, text, said):
    assert said in "\n".join(problems(tmp_path, text))


def test_a_file_that_is_too_large_or_missing_is_refused(tmp_path):
    assert "larger than" in problems(tmp_path, "#" * (MAX_FILE_BYTES + 1))[0]
    with pytest.raises(SettingsError, match=r"^none\.yaml: cannot be read"):
        load_datasets(tmp_path / "none.yaml")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("DD.MM.YYYY", "%d.%m.%Y"),
        ("MM/DD/YYYY", "%m/%d/%Y"),
        ("YYYYMMDD", "%Y%m%d"),
        ("DD-MMM-YYYY", "%d-%b-%Y"),
        ("MMMM DD, YYYY", "%B %d, %Y"),
        ("YYYY-MM-DD HH:mm:ss", "%Y-%m-%d %H:%M:%S"),
        ("YYYY-MM-DDTHH:mm:ss.ffffffZ", "%Y-%m-%dT%H:%M:%S.%fZ"),
        ("MM/DD/YYYY hh:mm AM", "%m/%d/%Y %I:%M %p"),
        ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S%z"),
    ],
)
def test_a_date_format_is_read_in_both_ways_of_writing(written, read):
    assert parse_date_format(written) == read


@pytest.mark.parametrize(
    "written",
    ["DD.MM.YY", "%d.%m.%y", "%Y-%m", "%Y-%m-%d %I:%M", "%Y-%m-%d-%d", "%Q", "%", "", "day", "%Y-%m-%d at"],
)
def test_a_date_format_that_does_not_say_the_date_is_refused(written):
    with pytest.raises(ValueError, match=r".+"):
        parse_date_format(written)


@pytest.mark.parametrize(
    "of", [TEXT, BOOLEAN, BIGINT, DOUBLE, DATE, TIMESTAMP, TIMESTAMP_TZ, decimal(38, 10)]
)
def test_a_type_is_read_back_from_how_it_is_written(of):
    assert parse_type(str(of)) == of


def test_types_are_read_as_people_write_them():
    assert parse_type(" DECIMAL( 10 , 2 )") == decimal(10, 2)
    assert parse_type("numeric(5)") == decimal(5, 0)
    assert parse_type("string") == TEXT
    for wrong in ["decimal(39,2)", "decimal", "float", "varchar(10)", ""]:
        with pytest.raises(ValueError, match="a"):
            parse_type(wrong)


def test_a_file_that_does_not_fit_into_memory_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / "datasets.yaml"
    file.touch()
    os.truncate(file, 1 << 40)

    with pytest.raises(SettingsError, match="larger than"):
        load_datasets(file)
