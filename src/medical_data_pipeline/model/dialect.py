"""How a CSV file is written: compression, encoding, delimiter, quotes, where its header is."""

from dataclasses import dataclass
from enum import StrEnum


class Compression(StrEnum):
    """What the bytes are packed in. A zip must have exactly one member."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZIP = "zip"


@dataclass(frozen=True)
class Dialect:
    """How to read the text. `quote` and `escape` are one character, or "" for none.

    A quote that escapes itself is a doubled quote, which needs no escape: then `escape` is "".
    `encoding` is a Python codec name. `skip_lines` are the physical lines before the header (or before the
    first row, when `has_header` is false). `has_ruler`: a line of dashes stands under the header.
    """

    delimiter: str = ","
    quote: str = '"'
    escape: str = ""
    encoding: str = "utf-8"
    has_header: bool = True
    skip_lines: int = 0
    has_ruler: bool = False

    def __post_init__(self) -> None:
        if len(self.delimiter.encode()) != 1 or self.delimiter in "\r\n":
            raise ValueError("a delimiter is one ASCII character and not a line end")
        for mark in (self.quote, self.escape):
            if mark and (len(mark.encode()) != 1 or mark in "\r\n" or mark == self.delimiter):
                raise ValueError("quote and escape are one ASCII character each, or none")
        if self.skip_lines < 0:
            raise ValueError("skip_lines cannot be negative")
        if self.escape == self.quote:
            object.__setattr__(self, "escape", "")
