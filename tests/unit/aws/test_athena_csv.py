"""The file that Athena writes of a result: null is not the empty string, wherever a piece of it ends."""

import random

import pyarrow as pa
import pytest

from medical_data_pipeline.adapters.aws.athena_arrow import arrow_batches
from medical_data_pipeline.adapters.aws.athena_csv import text_batches
from medical_data_pipeline.adapters.aws.athena_types import AthenaColumn
from medical_data_pipeline.errors import BackendError

CELLS = (None, "", " ", "a", '"', '""', "a,b", "x\ny", "\n", "\r\n", "\\", "NULL", "µ😀", '","', '\n"\n')


def written(rows):
    return "".join(",".join(map(field, row)) + "\n" for row in rows).encode()


def field(cell):
    return "" if cell is None else '"' + cell.replace('"', '""') + '"'


def read(content, width, piece_bytes, batch_bytes=40):
    pieces = (content[at : at + piece_bytes] for at in range(0, len(content), piece_bytes))
    batches = [[text.to_pylist() for text in batch] for batch in text_batches(pieces, width, batch_bytes)]
    return [row for batch in batches for row in zip(*batch, strict=True)]


@pytest.mark.parametrize("width", [1, 2, 5])
@pytest.mark.parametrize("piece_bytes", [1, 3, 7, 1 << 20])
def test_every_cell_comes_back_whatever_it_holds_and_wherever_pieces_end(width, piece_bytes):
    chosen = random.Random(width * 100 + piece_bytes)
    rows = [tuple(chosen.choices(CELLS, k=width)) for _ in range(300)]

    found = read(written([["a,\n" * width] * width, *rows]), width, piece_bytes)

    assert found == rows


def test_a_row_may_be_longer_than_a_batch():
    rows = [("\n" * 5000, None), (None, '"' * 777), ("", "")]

    assert read(written([("a", "b"), *rows]), 2, 16) == rows


def test_a_result_without_rows_has_its_columns():
    batches = arrow_batches([AthenaColumn("a", "bigint", "bigint")], [b'"a"\n'])

    assert batches.schema == pa.schema([("a", pa.int64())])
    assert [batch.num_rows for batch in batches.batches] == [0]


@pytest.mark.parametrize("content", [b'"a","b"\n"Smith"\n', b'"a","b"\n"Smith","\xff"\n'])
def test_a_file_that_is_no_such_file_is_an_error_without_its_cells(content):
    with pytest.raises(BackendError) as raised:
        list(text_batches([content], 2))

    assert "Smith" not in str(raised.value)
    assert raised.value.__cause__ is None and raised.value.__suppress_context__


@pytest.mark.parametrize("kind", ["bigint", "date", "decimal(3,1)", "array(date)", "varbinary"])
def test_a_value_that_its_type_cannot_hold_is_an_error_without_it(kind):
    batches = arrow_batches([AthenaColumn("a", kind, kind)], [b'"a"\n"[""Smith 12345.67""]"\n'])

    with pytest.raises(BackendError) as raised:
        list(batches.batches)

    assert "Smith" not in str(raised.value)


@pytest.mark.parametrize(
    ("kind", "text", "number"),
    [
        ("date", "10000-01-01", 2_932_897),
        ("date", "-0001-12-31", -719_529),
        ("timestamp(3)", "20000-02-29 00:00:00.001", 568_976_918_400_001_000),
    ],
)
def test_a_year_that_python_does_not_have_is_the_right_number(kind, text, number):
    (batch,) = arrow_batches([AthenaColumn("a", kind, kind)], [f'"a"\n"{text}"\n'.encode()]).batches

    assert batch.column(0).cast(pa.int32() if kind == "date" else pa.int64()).to_pylist() == [number]
