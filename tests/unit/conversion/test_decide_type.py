"""Which type a column gets, from a few cells."""

from collections import Counter

import pytest

from medical_data_pipeline.conversion.decide_type import decide_type
from medical_data_pipeline.model.facts import ColumnFacts
from medical_data_pipeline.model.forms import FormKind, classify, shape_of


def facts_of(*cells: str, **more: object) -> ColumnFacts:
    """Facts as an engine reports them, where every moment is on the calendar in every order."""
    forms = Counter(classify(shape_of(cell)) for cell in cells)
    moments = sum(form.kind is FormKind.MOMENT for form in forms.elements())
    facts = ColumnFacts(
        forms=dict(forms),
        first_rows={form: 1 for form in forms},
        tokens=Counter(cell for cell in cells if classify(shape_of(cell)).kind is FormKind.TOKEN),
        valid_moments={"ymd": moments, "mdy": moments, "dmy": moments, "mon": moments},
    )
    return ColumnFacts(**{**facts.__dict__, **more})  # type: ignore[arg-type]


def type_of(*cells: str, delimiter: str = ",", **more: object) -> str:
    return str(decide_type(facts_of(*cells, **more), delimiter).type)


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["1", "-20", "0"], "bigint"),
        (["1", "007"], "varchar"),
        (["+5"], "varchar"),
        (["-0"], "varchar"),
        (["12345678901234567890"], "decimal(38,0)"),
        (["1" * 39], "varchar"),
        (["1.50", "20.25"], "decimal(18,2)"),
        (["0", "77.49"], "decimal(18,2)"),
        (["0.9", "1.25"], "double"),
        (["250.00", "401.1"], "varchar"),
        (["038.9", "250.1"], "varchar"),
        ([".5", ".25"], "double"),
        (["5."], "varchar"),
        (["5.", "6.5"], "double"),
        (["1.5e-3", "2.0E+05"], "double"),
        (["12E4", "34E5"], "varchar"),
        (["1,234", "12,345"], "varchar"),
        (["true", "false"], "boolean"),
        (["true", "TRUE"], "boolean"),
        (["Y", "N"], "varchar"),
        (["2024-01-31"], "date"),
        (["2024-01-31 08:05:00", "2024-01-31T08:05:00"], "timestamp(6)"),
        (["2024-01-31T08:05:00Z"], "timestamp(6) with time zone"),
        (["2024-01-31", "2024-01-31 08:05:00"], "varchar"),
        (["2024-01-31 08:05:00+02", "2024-01-31 08:05:00+05:30"], "timestamp(6) with time zone"),
        (["2024-01-31 08:05:00.1234567890"], "varchar"),
        (["01/31/2024", "01.02.2024"], "varchar"),
        (["31-JAN-2024"], "date"),
        (["08:15:00"], "varchar"),
        (["1", "NA", "NULL"], "bigint"),
        (["NA", "None"], "varchar"),
        (["1", "2024-01-31"], "varchar"),
        ([], "varchar"),
    ],
)
def test_a_column_is_typed_only_if_every_cell_keeps_its_value(cells: list[str], wanted: str) -> None:
    assert type_of(*cells) == wanted


def test_a_date_that_could_be_read_in_two_orders_stays_text_and_the_reason_says_so() -> None:
    decision = decide_type(facts_of("05/03/2024", "03/05/2024"))

    assert str(decision.type) == "varchar"
    assert "declare the format" in decision.reason


def test_a_day_above_twelve_proves_the_order() -> None:
    decision = decide_type(facts_of("01/31/2024", valid_moments={"mdy": 1, "dmy": 0}))

    assert str(decision.type) == "date"
    assert decision.format.date_order == "mdy"


def test_a_date_on_no_calendar_makes_the_column_text() -> None:
    assert type_of("2024-02-30", valid_moments={"ymd": 0}) == "varchar"


def test_numbers_a_double_would_change_become_decimals() -> None:
    assert type_of("0.1234567890123456789", "1.5", inexact_doubles=1) == "decimal(38,19)"


def test_numbers_beyond_64_bits_are_never_rounded() -> None:
    assert type_of("9223372036854775808", int64_misfits=1) == "decimal(38,0)"


def test_a_comma_marks_decimals_only_where_the_delimiter_leaves_it_free() -> None:
    assert type_of("0,9", "1,25", delimiter=";") == "double"
    assert type_of("0,9", "1,25", delimiter=",") == "varchar"


def test_a_comma_that_could_group_thousands_stays_text() -> None:
    assert type_of("1,234", "12,345", delimiter=";") == "varchar"


def test_times_with_several_offsets_are_instants_and_the_normal_form_names_the_offsets() -> None:
    cells = ("2024-01-31T08:05:00+01:00", "2024-01-31T08:05:00+02:00")

    decision = decide_type(facts_of(*cells, offsets=frozenset({"+01:00", "+02:00"})))

    assert str(decision.type) == "timestamp(6) with time zone"
    assert decision.normal_form.endswith("in UTC, came with offset +01:00, +02:00")


def test_fractions_finer_than_microseconds_stay_text_unless_only_zeros_follow() -> None:
    cells = ("2024-01-31 08:05:00.1234567", "2024-01-31 08:05:00")

    assert type_of(*cells, valid_moments={"ymd": 1}) == "varchar"
    assert type_of("2024-01-31 08:05:00.1230000") == "timestamp(6)"


def test_blanks_around_numbers_are_no_part_of_them_and_the_normal_form_says_so() -> None:
    decision = decide_type(facts_of("1", "20", padded=1))

    assert (str(decision.type), decision.format.is_padded) == ("bigint", True)
    assert decision.normal_form == "no blanks around it"


def test_the_reason_names_the_first_row_that_decided() -> None:
    facts = facts_of("1", "abc")
    rows = {form: 1_000_001 if form.kind is FormKind.TEXT else 1 for form in facts.forms}

    decision = decide_type(ColumnFacts(**{**facts.__dict__, "first_rows": rows}))

    assert decision.reason == "text, first in row 1000001"
