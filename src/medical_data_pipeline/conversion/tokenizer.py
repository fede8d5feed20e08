"""Text into records and fields, by the same rules as the engine's parser, for samples and single rows."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from medical_data_pipeline.model.dialect import Dialect


class Field(NamedTuple):
    """One cell's text. An unquoted empty cell is null; a quoted empty one is the empty string.

    `has_tail` when text follows the closing quote, which well-written files do not have: then the quotes are
    a part of the text.
    """

    text: str
    is_quoted: bool
    has_tail: bool = False

    @property
    def is_null(self) -> bool:
        return not self.text and not self.is_quoted


class Record(NamedTuple):
    """One record by the texts of its fields. `line` is its first physical line, from 0.

    `marked` are its fields where one of them is quoted, and empty where none is, as in most records;
    `is_open` when a quote in it never closes.
    """

    texts: tuple[str, ...]
    line: int
    marked: tuple[Field, ...] = ()
    is_open: bool = False

    @classmethod
    def of(cls, fields: Sequence[Field], line: int, is_open: bool) -> "Record":
        marked = tuple(fields) if any(field.is_quoted for field in fields) else ()
        return cls(tuple(field.text for field in fields), line, marked, is_open)

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.marked or tuple(Field(text, False) for text in self.texts)

    @property
    def width(self) -> int:
        return len(self.texts)

    @property
    def is_blank(self) -> bool:
        return self.texts == ("",) and not self.marked


_LINE_END = re.compile(r"\r\n|\r|\n")


@lru_cache(maxsize=64)
def _field_pattern(delimiter: str, quote: str, escape: str) -> re.Pattern[str]:
    stop = re.escape(delimiter) + r"\r\n"
    mark = re.escape(escape)
    # An escaped line end is a part of its cell, as MySQL writes it.
    plain = rf"(?:[^{stop}{mark}]|{mark}(?:\r\n|[\s\S])|{mark}\Z)*" if escape else f"[^{stop}]*"
    end = rf"({re.escape(delimiter)}|\r\n|\r|\n|\Z)"
    if not quote:
        return re.compile(f"()()(){plain}{end}")
    q = re.escape(quote)
    inner = rf"(?:[^{q}{mark}]|{q}{q}|{mark}[\s\S])*" if escape else f"(?:[^{q}]|{q}{q})*"
    # A quoted field may go on unquoted after its closing quote; one that never closes runs to the end.
    return re.compile(f"(?:({q})({inner})({q}|\\Z)({plain})|({plain})){end}")


def tokenize(text: str, dialect: Dialect, max_records: int = 1 << 62) -> list[Record]:
    """All records of `text`, blank lines among them as one null field."""
    if not any(mark and mark in text for mark in (dialect.quote, dialect.escape)):
        return _tokenize_plain(text, dialect.delimiter, max_records)
    match_field = _field_pattern(dialect.delimiter, dialect.quote, dialect.escape).match
    records: list[Record] = []
    fields: list[Field] = []
    position, line, first_line, is_open = 0, 0, 0, False
    while position < len(text) or fields:
        match = match_field(text, position)
        if match is None:  # pragma: no cover - the pattern accepts every text
            raise AssertionError("the field pattern must match everywhere")
        field, never_closed = _field_of(match, dialect)
        is_open |= never_closed
        fields.append(field)
        line += _line_ends(match.group(0))
        position = match.end()
        if match.group(match.re.groups) == dialect.delimiter:
            continue
        records.append(Record.of(fields, first_line, is_open))
        fields, first_line, is_open = [], line, False
        if len(records) >= max_records:
            break
    return records


def _tokenize_plain(text: str, delimiter: str, max_records: int) -> list[Record]:
    """The same where nothing is quoted or escaped, so that a line is a record."""
    lines = _LINE_END.split(text) if "\r" in text else text.split("\n")
    if not lines[-1]:
        lines.pop()
    found = enumerate(lines[:max_records])
    return [Record(tuple(line.split(delimiter)), number) for number, line in found]


def _field_of(match: re.Match[str], dialect: Dialect) -> tuple[Field, bool]:
    if not dialect.quote:
        return Field(_unescaped(match.group(0)[: match.start(4) - match.start()], dialect), False), False
    opening, inner, closing, rest, plain, _ = match.groups()
    if opening is None:
        return Field(_unescaped(plain, dialect), False), False
    text = inner.replace(dialect.quote * 2, dialect.quote)
    if not rest.strip(" \t"):
        return Field(_unescaped(text + rest, dialect), True), not closing
    # Quotes at both ends are meant as quotes, whatever stands between; otherwise all of them are text.
    raw = opening + inner + closing + rest
    literal = raw[1:-1].replace(dialect.quote * 2, dialect.quote) if raw.endswith(dialect.quote) else raw
    return Field(_unescaped(literal, dialect), True, has_tail=True), not closing


def _unescaped(text: str, dialect: Dialect) -> str:
    if not dialect.escape or dialect.escape not in text:
        return text
    marks = re.escape(dialect.quote + dialect.delimiter + dialect.escape)
    return re.sub(rf"{re.escape(dialect.escape)}([{marks}]|\r\n|\r|\n)", r"\1", text)


def _line_ends(text: str) -> int:
    if "\r" not in text:
        return text.count("\n")
    return text.count("\n") + text.count("\r") - text.count("\r\n")
