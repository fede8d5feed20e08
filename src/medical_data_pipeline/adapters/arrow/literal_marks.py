"""Quotes and escapes that are a part of the text, rewritten so that the parser does not take them away."""

import re
from functools import lru_cache

from medical_data_pipeline.adapters.arrow.blocks import Block
from medical_data_pipeline.model.dialect import Dialect


def kept_literal(block: Block, rows: bytes, dialect: Dialect) -> bytes:
    """`rows`, the end of the block's data, with the same records and every mark that means itself kept."""
    if block.cut.tails:
        rows = _with_quoted_tails(block, rows, dialect)
    if dialect.escape and dialect.escape.encode() in rows:
        rows = _lone_escapes(dialect).sub(_doubled, rows)
    return rows


def _with_quoted_tails(block: Block, rows: bytes, dialect: Dialect) -> bytes:
    """Put fields such as `"Baby" aspirin` into quotes as a whole."""
    skipped = len(block.data) - len(rows)
    parts: list[bytes] = []
    position = skipped
    for start, stop in block.cut.tails:
        if start >= skipped:
            parts += [block.data[position:start], _quoted(block.data[start:stop], dialect)]
            position = stop
    return b"".join([*parts, block.data[position:]])


def _quoted(field: bytes, dialect: Dialect) -> bytes:
    """Quotes at both ends are meant as quotes, whatever stands between; otherwise all of them are text."""
    quote, escape = dialect.quote.encode(), dialect.escape.encode()
    if len(field) > 1 and field.endswith(quote) and not (escape and field.endswith(escape + quote)):
        field = field[1:-1].replace(quote * 2, quote)
    if escape:
        field = _lone_escapes(dialect).sub(_doubled, field)
    return quote + _bare_quotes(dialect).sub(lambda found: found[1] or quote * 2, field) + quote


@lru_cache(maxsize=8)
def _bare_quotes(dialect: Dialect) -> re.Pattern[bytes]:
    escaped = rb"%b[\s\S]" % re.escape(dialect.escape.encode()) if dialect.escape else rb"(?!)"
    return re.compile(rb"(%b)|%b" % (escaped, re.escape(dialect.quote.encode())))


@lru_cache(maxsize=8)
def _lone_escapes(dialect: Dialect) -> re.Pattern[bytes]:
    """An escape and the mark or line end that it escapes; before anything else it is text."""
    escape = re.escape(dialect.escape.encode())
    marks = b"".join(re.escape(mark.encode()) for mark in (dialect.quote, dialect.delimiter, dialect.escape))
    return re.compile(rb"(%b[%b\n]|%b\r(?!\n))|%b(\r\n)?" % (escape, marks, escape, escape))


def _doubled(found: re.Match[bytes]) -> bytes:
    if found[2]:
        # The parser takes an escape for one byte, and the rest for the end of the row.
        escape = found[0][:1]
        return escape + b"\r" + escape + b"\n"
    return found[1] or found[0] * 2
