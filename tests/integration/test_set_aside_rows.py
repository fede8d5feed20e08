"""Rows set aside: each with its own line and its own text, however many there are."""

import pytest

from medical_data_pipeline.errors import FileRefused
from medical_data_pipeline.model.dataset import Dataset, DeclaredColumn, RejectLimit
from medical_data_pipeline.model.table import BIGINT, Column, Table
from tests.conversions import Converted, Converter

LENIENT = Dataset(table="t", encoding="utf-8", delimiter=",", quote='"', reject_limit=RejectLimit(1.0, 10**9))
LINE_ENDS = [pytest.param(end, id=repr(end)) for end in ("\n", "\r\n", "\r")]


def set_aside(converted: Converted) -> list[tuple[int, int, str, str]]:
    found = [
        (row["line"], row["_source_row"], row["reason"], row["raw_text"]) for row in converted.quarantine
    ]
    return sorted(found)


@pytest.mark.parametrize("end", LINE_ENDS)
def test_lines_are_counted_right_behind_damaged_records_of_several_lines_in_every_block(
    end: str, convert: Converter
) -> None:
    part = [b'1,"x', b"", b'\xff y"', b"2,3", b"4,5,6,7", b'5,"x', b'","open', b"8,9,10", *[b"1,2"] * 40]
    count = 9000
    repeated = end.encode().join(part * count)

    converted = convert(b"a,b" + end.encode() + repeated, LENIENT)

    wanted = []
    for number in range(count):
        line, row = 2 + number * len(part), 1 + number * (len(part) - 3)
        wanted += [
            (line, row, "invalid_encoding", f'1,"x{end}{end}\\xff y"'),
            (line + 4, row + 2, "too_many_fields", "4,5,6,7"),
            (line + 5, row + 3, "unclosed_quote", f'5,"x{end}","open'),
            (line + 7, row + 4, "too_many_fields", "8,9,10"),
        ]
    assert set_aside(converted) == wanted
    assert converted.table.num_rows == count * 41


@pytest.mark.parametrize("end", LINE_ENDS)
def test_many_thousand_open_quotes_take_no_longer_each_than_one(end: str, convert: Converter) -> None:
    good, bad = 2_000, 40_000
    text = end.join(["a,b", *['1,"x"'] * good, *['1,"b'] * bad, ""])

    converted = convert(text, LENIENT)

    assert converted.table.num_rows == good
    assert set_aside(converted) == [
        (good + number + 2, good + number + 1, "unclosed_quote", '1,"b') for number in range(bad)
    ]


def test_a_file_whose_lines_never_end_is_refused_before_it_fills_the_memory(convert: Converter) -> None:
    with pytest.raises(FileRefused) as refusal:
        convert(b"a,b\n1,2\n3," + b"x" * (80 << 20))

    assert refusal.value.reason == "RECORD_TOO_LONG"


def test_a_quote_that_never_closes_in_a_file_of_carriage_returns_costs_one_row(convert: Converter) -> None:
    rows = 17_000
    text = 'a,b\r1,2\r3,"x\r' + f"4,{'y' * 4000}\r" * rows

    converted = convert(text, LENIENT)

    assert set_aside(converted) == [(3, 2, "unclosed_quote", '3,"x')]
    assert converted.table.num_rows == rows + 1


def test_a_number_with_a_bare_point_does_not_fit_a_whole_number(convert: Converter) -> None:
    declared = Dataset(table="t", columns={"n": DeclaredColumn(type=BIGINT)})
    table = Table("t", (Column("n", BIGINT), Column("m", BIGINT)), "", "")

    for converted in (convert("n,m\n5.,1\n6,2\n", declared), convert("n,m\n5.,1\n6,2\n", table=table)):
        assert converted.column("n") == [6]
        assert set_aside(converted) == [(2, 1, "wrong_type", "5.,1")]


@pytest.mark.parametrize(("zero", "delimiter"), [("-.00", ","), ("-,00", ";")])
def test_a_negative_zero_without_its_zero_keeps_its_sign(
    zero: str, delimiter: str, convert: Converter
) -> None:
    mark = zero[1]
    cells = [f"1{mark}25"] * 20 + [zero, f"-{mark}50"]

    converted = convert(f"a{delimiter}b\n" + "".join(f"x{delimiter}{cell}\n" for cell in cells))

    assert converted.column("b") == cells
