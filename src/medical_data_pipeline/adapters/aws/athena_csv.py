"""The CSV file that Athena writes of a result, as columns of text in which null is not the empty string."""

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.csv

from medical_data_pipeline.errors import BackendError

_BATCH_BYTES = 4 << 20


def text_batches(
    pieces: Iterable[bytes], width: int, batch_bytes: int = _BATCH_BYTES
) -> Iterator[list[pa.Array]]:
    """The rows below the header, about `batch_bytes` at a time.

    Raises:
        BackendError: this is not such a file of `width` columns.
    """
    is_header = True
    for rows in _whole_rows(pieces, batch_bytes):
        texts = _parsed(rows, width)
        yield [text.slice(1) for text in texts] if is_header else texts
        is_header = False


def _whole_rows(pieces: Iterable[bytes], batch_bytes: int) -> Iterator[bytes]:
    gathered, wanted_bytes = bytearray(), batch_bytes
    for piece in pieces:
        gathered += piece
        if len(gathered) < wanted_bytes:
            continue
        end = _end_of_rows(gathered)
        if end:
            yield bytes(memoryview(gathered)[:end])
            gathered = gathered[end:]
        # A row longer than a batch is looked through once each time it has doubled.
        wanted_bytes = max(batch_bytes, 2 * len(gathered))
    if gathered:
        yield bytes(gathered)


def _end_of_rows(content: bytearray) -> int:
    """Behind the last line end that is in no quotes: before it stand as many opening quotes as closing."""
    end = len(content)
    quotes = content.count(b'"')
    while (line_end := content.rfind(b"\n", 0, end)) >= 0:
        quotes -= content.count(b'"', line_end, end)
        if quotes % 2 == 0:
            return line_end + 1
        end = line_end
    return 0


def _parsed(rows: bytes, width: int) -> list[pa.Array]:
    names = [str(number) for number in range(width)]
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(rows),
            pyarrow.csv.ReadOptions(use_threads=False, block_size=len(rows) + 1, column_names=names),
            # A line with nothing in it is a null where there is one column.
            pyarrow.csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            pyarrow.csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowException:
        # Arrow quotes the row.
        raise BackendError("the result of a query is not the CSV file it should be") from None
    return [column.combine_chunks() for column in table.columns]
