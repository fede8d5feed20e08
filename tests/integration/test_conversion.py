"""Whole conversions of small and large files: late surprises, rejects, refusals, encodings, memory."""

import gzip
import random
from dataclasses import replace
from functools import lru_cache

import pytest

from medical_data_pipeline.errors import FileRefused
from medical_data_pipeline.model.dataset import Contract, Dataset, DeclaredColumn, LoadMode, RejectLimit
from medical_data_pipeline.model.table import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    LINEAGE,
    TEXT,
    TIMESTAMP,
    Column,
    ColumnType,
    Table,
    decimal,
)
from tests.conversions import Converter

DATASET = Dataset(table="t")


def table_of(*columns: Column) -> Table:
    return Table("t", columns, "", "")


def many_rows(count: int, last: str) -> str:
    return f"{first_rows(count)}{last}\n"


@lru_cache
def first_rows(count: int) -> str:
    return "id,value\n" + "".join(f"{number},{number % 97}.{number % 10}\n" for number in range(count))


@pytest.mark.parametrize(
    ("last", "column", "kind"),
    [
        ("007,1.5", "id", "varchar"),
        ("7,E11.9", "value", "varchar"),
        ("7.25,1.5", "id", "decimal(18,2)"),
        ("7.5,1.5", "id", "double"),
        ("N/A,1.5", "id", "bigint"),
        ("7,1.25", "value", "double"),
        ("12345678901234567890,1.5", "id", "decimal(38,0)"),
    ],
)
def test_a_surprise_in_the_last_of_half_a_million_rows_is_noticed(
    last: str, column: str, kind: str, convert: Converter
) -> None:
    converted = convert(many_rows(500_000, last))

    assert converted.types[column] == kind
    assert converted.table.num_rows == 500_001
    texts = set(map(str, converted.table.column(column).unique().to_pylist()))
    assert {"0", "0.0", "0.00"} & texts
    wanted = last.split(",")[0 if column == "id" else 1]
    assert wanted in texts or (wanted == "N/A" and "None" in texts)


def test_blocks_written_by_two_threads_keep_every_row_and_its_number(convert: Converter) -> None:
    rng = random.Random(7)
    cells = [
        f'"{rng.randrange(10**9)}\n""{number}"""' if number % 3 else str(number) for number in range(400_000)
    ]
    text = "n,text\n" + "\n".join(f"{number},{cell}" for number, cell in enumerate(cells, start=1)) + "\n"

    converted = convert(text, has_lineage_columns=True)

    rows = sorted(zip(converted.column("_source_row"), converted.column("n"), strict=True))
    assert rows == [(number, number) for number in range(1, 400_001)]
    assert len(converted.conversion.written.data_files) == 2


def test_an_unclosed_quote_far_from_any_other_is_set_aside_alone(convert: Converter) -> None:
    rows = [f"{number},row {number}" for number in range(1, 200_001)]
    rows[1000] = '1001,"row 1001'
    rows[150_000] = '150001,"quoted, fine"'

    converted = convert("id,label\n" + "\n".join(rows) + "\n")

    assert converted.table.num_rows == 199_999
    assert [(row["reason"], row["_source_row"], row["line"]) for row in converted.quarantine] == [
        ("unclosed_quote", 1001, 1002)
    ]
    assert converted.quarantine[0]["raw_text"] == '1001,"row 1001'


def test_rows_with_surplus_fields_go_to_quarantine_with_line_and_text(convert: Converter) -> None:
    converted = convert('id,note\n1,"two\nlines"\n2,b,EXTRA\n3,c,,\n')

    assert converted.column("id") == [1, 3]
    assert [(row["line"], row["_source_row"], row["raw_text"]) for row in converted.quarantine] == [
        (4, 2, "2,b,EXTRA")
    ]


def test_short_rows_are_filled_unless_a_field_does_not_fit(convert: Converter) -> None:
    converted = convert("id,name,score\n1,Ann,10\n2,Bob\nTotal: 2\n")

    assert converted.table.to_pylist()[1] == {"id": 2, "name": "Bob", "score": None}
    assert [(row["reason"], row["column_name"], row["raw_text"]) for row in converted.quarantine] == [
        ("too_few_fields", "id", "Total: 2")
    ]
    assert converted.conversion.receipt.rows_filled == 1


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("1,Ann,7\n2,Bob\n", "1 row had fewer fields than the header; the missing ones are null"),
        ("1,Ann,7\n2\n3,Cy\n", "2 rows had fewer fields than the header; the missing ones are null"),
    ],
)
def test_the_receipt_says_how_many_rows_were_filled(rows: str, said: str, convert: Converter) -> None:
    assert convert(f"id,name,score\n{rows}").conversion.receipt.warnings == (said,)


def test_a_row_whose_last_field_is_empty_is_no_filled_one(convert: Converter) -> None:
    assert convert("id,name,score\n1,Ann,7\n2,Bob,\n").conversion.receipt.warnings == ()


@pytest.mark.parametrize(
    ("mode", "rows", "is_said"),
    [
        (LoadMode.REPLACE, "", True),
        (LoadMode.REPLACE, "1,2,SURPLUS\n", True),
        (LoadMode.REPLACE, "1,2\n", False),
        (LoadMode.APPEND, "", False),
    ],
)
def test_a_file_that_empties_its_table_says_so(
    mode: LoadMode, rows: str, is_said: bool, convert: Converter
) -> None:
    known = table_of(Column("a", BIGINT), Column("b", BIGINT), *LINEAGE)

    warnings = convert(f"a,b\n{rows}", replace(DATASET, mode=mode), known).conversion.receipt.warnings

    assert any("takes the place of all rows of the table" in warning for warning in warnings) is is_said


def test_more_bad_rows_than_the_limit_refuse_the_file_and_leave_nothing(convert: Converter) -> None:
    rows = "\n".join("1,2,SURPLUS" if number % 3 == 0 else "1,2" for number in range(100))

    with pytest.raises(FileRefused) as refusal:
        convert(f"a,b\n{rows}\n")

    assert refusal.value.reason == "TOO_MANY_BAD_ROWS"
    assert "SURPLUS" not in str(refusal.value)
    assert [path for path in convert.directory.rglob("*") if path.is_file()] == []


def test_a_cell_that_contradicts_the_tables_type_is_set_aside(convert: Converter) -> None:
    table = table_of(Column("id", BIGINT), Column("seen_on", DATE))

    converted = convert("id,seen_on\n1,2024-01-31\nx,2024-02-01\n3,soon\n4,\n", table=table)

    assert converted.table.to_pylist()[1] == {"id": 4, "seen_on": None}
    assert [(row["column_name"], row["wanted"], row["raw_text"]) for row in converted.quarantine] == [
        ("id", "bigint", "x,2024-02-01"),
        ("seen_on", "date", "3,soon"),
    ]


def test_a_code_column_of_the_table_stays_text_for_a_file_of_plain_numbers(convert: Converter) -> None:
    converted = convert("code\n250\n401\n", table=table_of(Column("code", TEXT)))

    assert converted.column("code") == ["250", "401"]


def test_a_table_of_decimals_takes_whole_numbers_and_longer_ones(convert: Converter) -> None:
    table = table_of(Column("amount", decimal(5, 2)))

    converted = convert("amount\n1\n123456.78\n", table=table)

    assert [str(value) for value in converted.column("amount")] == ["1.00", "123456.78"]
    assert converted.types["amount"] == "decimal(8,2)"


def test_a_table_of_doubles_sets_aside_only_what_a_double_would_change(convert: Converter) -> None:
    table = table_of(Column("value", DOUBLE))

    converted = convert("value\n1\n2.50\n0.1234567890123456789\n1e999\n", table=table)

    assert converted.column("value") == [1.0, 2.5]
    assert len(converted.quarantine) == 2


def test_a_strict_contract_refuses_another_schema(convert: Converter) -> None:
    dataset = replace(DATASET, contract=Contract.STRICT)

    with pytest.raises(FileRefused) as refusal:
        convert("id,extra\n1,2\n", dataset, table_of(Column("id", BIGINT), Column("gone", TEXT)))

    assert refusal.value.reason == "SCHEMA_CONFLICT"
    assert "extra" in str(refusal.value) and "gone" in str(refusal.value)


def test_a_frozen_table_takes_no_new_column_and_the_receipt_says_so(convert: Converter) -> None:
    dataset = replace(DATASET, contract=Contract.FREEZE)

    converted = convert("id,extra\n1,2\n", dataset, table_of(Column("id", BIGINT)))

    assert converted.table.column_names == ["id"]
    assert converted.conversion.receipt.left_out_columns == ("extra",)


def test_a_frozen_table_refuses_a_file_that_has_none_of_its_columns(convert: Converter) -> None:
    dataset = replace(DATASET, contract=Contract.FREEZE)

    with pytest.raises(FileRefused) as refusal:
        convert("a,b\n1,2\n", dataset, table_of(Column("id", BIGINT)))

    assert refusal.value.reason == "SCHEMA_CONFLICT"
    assert "freeze" in str(refusal.value)


@pytest.mark.parametrize(
    ("header", "is_foreign"), [("some,words", True), ("some,id", False)], ids=["none", "one"]
)
def test_a_file_that_shares_no_column_with_its_table_is_loaded_with_a_warning(
    header: str, is_foreign: bool, convert: Converter
) -> None:
    table = table_of(Column("id", BIGINT), Column("name", TEXT), *LINEAGE)

    converted = convert(f"{header}\n1,2\n", table=table)

    warnings = converted.conversion.receipt.warnings
    assert any("no column of the table" in warning for warning in warnings) is is_foreign
    assert converted.conversion.receipt.rows.loaded == 1


def test_the_first_file_of_a_table_and_an_empty_table_have_no_column_to_share(convert: Converter) -> None:
    for table in (None, table_of(*LINEAGE)):
        assert convert("a,b\n1,2\n", table=table).conversion.receipt.warnings == ()


def test_a_declared_type_that_the_table_does_not_have_is_told_with_what_makes_it_hold(
    convert: Converter,
) -> None:
    declared = {
        "paid": DeclaredColumn(type=decimal(10, 2), thousands_separator="."),
        "Seen On": DeclaredColumn(type=DATE, format="%d.%m.%Y"),
        "id": DeclaredColumn(type=BIGINT),
    }
    table = table_of(Column("paid", TEXT), Column("seen_on", TIMESTAMP), Column("id", BIGINT))

    converted = convert(
        "id,paid,Seen On\n1,1.50,2024-01-31 00:00:00\n", replace(DATASET, columns=declared), table
    )

    paid, seen_on = converted.conversion.receipt.warnings
    assert all(part in paid for part in ("paid", "varchar", "decimal(10,2)", "mdp rebuild --table t"))
    assert all(part in seen_on for part in ("seen_on", "timestamp(6)", "date", "mdp rebuild --table t"))
    assert converted.types == {"id": "bigint", "paid": "varchar", "seen_on": "timestamp(6)"}


def test_declared_formats_types_and_null_tokens_are_obeyed(convert: Converter) -> None:
    dataset = replace(
        DATASET,
        null_tokens=("-9",),
        columns={
            "day": DeclaredColumn(type=DATE, format="%d/%m/%Y"),
            "price": DeclaredColumn(type=decimal(10, 2), thousands_separator=",", strip_symbols="$"),
        },
    )

    converted = convert(
        'day,price,n\n05/03/2024,"$1,234.50",-9\n06/03/2024,$7.00,3\n32/01/2024,$1,2\n', dataset
    )

    assert [str(value) for value in converted.column("day")] == ["2024-03-05", "2024-03-06"]
    assert [str(value) for value in converted.column("price")] == ["1234.50", "7.00"]
    assert converted.column("n") == [None, 3]
    assert [row["column_name"] for row in converted.quarantine] == ["day"]


@pytest.mark.parametrize("times", [1, 1_000])
def test_a_refusal_names_the_columns_and_types_that_rows_did_not_fit(times: int, convert: Converter) -> None:
    columns = {"d": DeclaredColumn(type=DATE)}

    with pytest.raises(FileRefused) as refusal:
        convert("id,d\n" + "1,Ann\n" * 30 * times, replace(DATASET, columns=columns))

    count = 30 * times
    assert str(refusal.value) == (f"{count} of {count} rows do not fit: wrong_type {count} (column d: date)")


def test_a_refusal_names_only_the_columns_with_most_rows(convert: Converter) -> None:
    names = ["long" * 40, *"abcde"]
    columns = {name: DeclaredColumn(type=BIGINT) for name in names}
    lines = [",".join("x" if at == column else "1" for at in range(6)) for column in range(6)]
    rows = [line for column, line in enumerate(lines) for _ in range(40 - column)]

    with pytest.raises(FileRefused) as refusal:
        convert(
            "\n".join([",".join(names), *rows, "1,1,1,1,1,1,1", "x"]) + "\n",
            replace(DATASET, columns=columns),
        )

    assert str(refusal.value) == (
        "227 of 227 rows do not fit: too_few_fields 1 (column "
        + "long" * 15
        + "…: bigint), too_many_fields 1, "
        "wrong_type 225 (columns " + "long" * 15 + "…: bigint 40, a: bigint 39, b: bigint 38, 3 more)"
    )


_POINT_COMMA = DeclaredColumn(thousands_separator=".", decimal_separator=",", strip_symbols="€%")
_COMMA_POINT = DeclaredColumn(thousands_separator=",", decimal_separator=".", strip_symbols="$")


@pytest.mark.parametrize(
    ("declared", "read", "refused"),
    [
        (
            _POINT_COMMA,
            {
                "1.234": 1234,
                "-1.234.567,8": -1234567.8,
                "1234,5": 1234.5,
                ",5": 0.5,
                "7": 7,
                "€ 1.234,50": 1234.5,
                "-€5": -5,
                "12 %": 12,
            },
            "1.23 12.34 1.2 .5 1.2345 -1.23 1234.567 1.234.56 1.234.5,6 0.123 1.5e3 €1.5 1€23 1.2%",
        ),
        (
            replace(_POINT_COMMA, thousands_separator=""),
            {"1234,5": 1234.5, "-0,25": -0.25},
            "1.234 1.23 .5 -1.5",
        ),
        (
            _COMMA_POINT,
            {"1,234": 1234, "-12,345,678.5": -12345678.5, "1.23": 1.23, ".5": 0.5, "-$1,234": -1234},
            "1,23 12,34,567 1,2 ,5 1,2345 -1,23 1234,567 1,234,56 1.234,5 5$50 $ 1,5e3",
        ),
        (replace(_COMMA_POINT, decimal_separator=""), {"1,234": 1234}, "1,23 12,3 1,2 ,5 1,2345"),
        (
            replace(_POINT_COMMA, thousands_separator=" "),
            {"1 234": 1234, "-1 234 567,5": -1234567.5, "12,5": 12.5},
            "1.234 1.5 1.234,5 .5",
        ),
        (
            replace(_COMMA_POINT, thousands_separator="'"),
            {"1'234": 1234, "-1'234'567.5": -1234567.5, "12.5": 12.5},
            "1'23 12'34 1'2345 1,5 1,234 '5",
        ),
        (replace(_COMMA_POINT, thousands_separator=" "), {"1 234.5": 1234.5}, "1,234 1,5"),
    ],
)
@pytest.mark.parametrize("kind", [DOUBLE, decimal(15, 3)])
@pytest.mark.parametrize(("times", "width"), [(1, 1), (400, 1), (1, 40)])
def test_a_number_outside_its_declared_separators_is_set_aside(
    declared: DeclaredColumn,
    read: dict[str, float],
    refused: str,
    kind: ColumnType,
    times: int,
    width: int,
    convert: Converter,
) -> None:
    names = [f"n{number}" for number in range(width)]
    dataset = replace(
        DATASET,
        delimiter=";",
        columns={name: replace(declared, type=kind) for name in names},
        reject_limit=RejectLimit(share=1),
    )
    cells = [*read, *refused.split()] * times
    lines = [";".join([cell] * width) for cell in cells]

    converted = convert("\n".join([";".join(names), *lines]) + "\n", dataset)

    for name in names:
        assert [float(value) for value in converted.column(name)] == list(read.values()) * times
    assert [row["raw_text"].split(";")[0] for row in converted.quarantine] == refused.split() * times
    assert {row["reason"] for row in converted.quarantine} == {"wrong_type"}


def test_a_comma_declared_for_thousands_marks_no_decimals_in_a_file_that_has_only_such_cells(
    convert: Converter,
) -> None:
    columns = {"paid": DeclaredColumn(type=decimal(10, 2), thousands_separator=",")}

    converted = convert("id;paid\n1;1,23\n2;12,5\n3;7\n", replace(DATASET, delimiter=";", columns=columns))

    assert [str(value) for value in converted.column("paid")] == ["7.00"]
    assert [row["raw_text"] for row in converted.quarantine] == ["1;1,23", "2;12,5"]


def test_a_declared_boolean_is_read_in_the_words_people_write(convert: Converter) -> None:
    dataset = replace(DATASET, columns={"smoker": DeclaredColumn(type=BOOLEAN)})

    converted = convert("id,smoker\n1,Y\n2,no\n3,\n4, T \n5,U\n", dataset)

    assert converted.column("smoker") == [True, False, None, True]
    assert [(row["column_name"], row["raw_text"]) for row in converted.quarantine] == [("smoker", "5,U")]


@pytest.mark.parametrize("last", [" 007", "1e5", "x ", "1 2"])
def test_blanks_never_hide_what_makes_a_column_text(last: str, convert: Converter) -> None:
    converted = convert(f"n,m\n 1,5\n 20,6\n{last},7\n")

    assert converted.column("n") == [" 1", " 20", last]
    assert converted.types["m"] == "bigint"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "EMPTY_FILE"),
        (b"\n\n\n", "EMPTY_FILE"),
        (b"%PDF-1.7 ...", "BINARY_FILE"),
        (bytes(range(256)) * 40, "BINARY_FILE"),
        (gzip.compress(b"a,b\n1,2\n" * 5000)[:-9], "BAD_GZIP"),
        (gzip.compress(b"a,b\n1,2\n" * 5000) + b"tail", "BAD_GZIP"),
    ],
    # Packed bytes hold the time they were packed at; as names of tests they would differ between workers.
    ids=["no byte", "blank lines", "PDF", "bytes of all kinds", "gzip cut off", "gzip with a tail"],
)
def test_what_is_no_csv_file_is_refused_with_a_stable_reason(
    content: bytes, reason: str, convert: Converter
) -> None:
    with pytest.raises(FileRefused) as refusal:
        convert(content)

    assert refusal.value.reason == reason


def test_a_flipped_bit_in_a_gzip_file_never_passes(convert: Converter) -> None:
    text = "id,value\n" + "".join(f"{number},{number * 7919 % 1000}\n" for number in range(20_000))
    packed = bytearray(gzip.compress(text.encode()))
    for position in range(20, len(packed), len(packed) // 40):
        packed[position] ^= 0x10
        with pytest.raises(FileRefused):
            convert(bytes(packed))
        packed[position] ^= 0x10


def test_a_decompression_bomb_is_stopped(convert: Converter) -> None:
    packed = gzip.compress(b"a,b\n" + (b"1," + b"2" * 1000 + b"\n") * 150_000)

    with pytest.raises(FileRefused) as refusal:
        convert(packed)

    assert refusal.value.reason == "DECOMPRESSION_LIMIT"


def test_an_accent_first_seen_late_in_a_windows_file_is_read_right(convert: Converter) -> None:
    text = "id,name\n" + "".join(f"{number},Ann\n" for number in range(300_000)) + "300000,Zoë\n"

    converted = convert(text.encode("cp1252"))

    assert converted.column("name")[-1] == "Zoë" or "Zoë" in converted.column("name")
    assert converted.conversion.receipt.dialect["encoding"] == "cp1252"


def test_a_damaged_row_in_a_utf8_file_is_set_aside_alone(convert: Converter) -> None:
    rows = [f"{number},Zoë".encode() for number in range(1, 501)]
    rows[250] = b"251,Zo\xeb"

    converted = convert(b"id,name\n" + b"\n".join(rows) + b"\n")

    assert converted.table.num_rows == 499
    assert [(row["reason"], row["_source_row"]) for row in converted.quarantine] == [
        ("invalid_encoding", 251)
    ]


def test_a_cell_of_five_megabytes_and_five_thousand_columns_work(convert: Converter) -> None:
    note = "x" * 5_000_000
    header = ",".join(f"c{index}" for index in range(5000))
    row = ",".join(str(index) for index in range(5000))

    large = convert(f'id,note\n1,"{note}"\n2,b\n')
    wide = convert(f"{header}\n{row}\n{row}\n")

    assert large.column("note") == [note, "b"]
    assert wide.table.num_columns == 5000 and wide.column("c4999") == [4999, 4999]


def test_a_first_note_longer_than_what_the_layout_is_found_from_is_one_cell(convert: Converter) -> None:
    note = "a line, with a comma\n" * 80_000

    converted = convert(f'id,note,n\n1,"{note}",5\n2,b,6\n')

    assert converted.table.to_pylist() == [{"id": 1, "note": note, "n": 5}, {"id": 2, "note": "b", "n": 6}]


def test_a_header_alone_loads_no_row_and_is_no_error(convert: Converter) -> None:
    converted = convert("id,name\n")

    assert converted.table.num_rows == 0
    assert converted.conversion.receipt.rows.read == 0


def test_converting_again_makes_the_same_files(convert: Converter) -> None:
    text = many_rows(300_000, "1,1.5")

    first, second = convert(text), convert(text)

    assert first.conversion.written == second.conversion.written
    assert first.table.equals(second.table)


def test_one_text_column_with_delimiters_in_it_stays_one_column(convert: Converter) -> None:
    converted = convert("note\nfell, twice\nno complaint\nback pain; worse at night, since May\nfine\nok\n")

    assert converted.table.num_columns == 1
    assert converted.table.num_rows == 5


def test_every_rejected_row_of_a_lenient_limit_is_kept(convert: Converter) -> None:
    dataset = replace(DATASET, reject_limit=RejectLimit(1.0, 10**9))
    rows = "\n".join("1,2,SURPLUS" if number % 2 else "1,2" for number in range(1000))

    converted = convert(f"a,b\n{rows}\n", dataset)

    assert (converted.table.num_rows, len(converted.quarantine)) == (500, 500)


def test_a_quote_declared_to_escape_itself_is_a_doubled_quote(convert: Converter) -> None:
    text = '"id","note"\n"1","say ""hi"""\n"2","a,b\nc"\n"3","plain"\n'

    converted = convert(text, replace(DATASET, escape='"'))

    assert converted.table.column("note").to_pylist() == ['say "hi"', "a,b\nc", "plain"]
    assert converted.table.column("id").to_pylist() == [1, 2, 3]
