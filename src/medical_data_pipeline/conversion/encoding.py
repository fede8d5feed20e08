"""Which encoding a file's bytes are in, and whether they are text at all."""

import codecs

from medical_data_pipeline.conversion.legacy_encodings import detect_legacy
from medical_data_pipeline.errors import FileRefused

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FOREIGN_FILES = (
    (b"%PDF-", "a PDF"),
    (b"\x89PNG", "a PNG image"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x7fELF", "a program"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"ORC", "an ORC file"),
    (b"Obj\x01", "an Avro file"),
    (b"ARROW1", "an Arrow file"),
    (b"PK\x03\x04", "a packed file inside a packed one"),
    (b"\x1f\x8b", "a packed file inside a packed one"),
    (b"\x28\xb5\x2f\xfd", "a packed file inside a packed one"),
    (b"\xfd7zXZ", "a packed file inside a packed one"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
)
# Tab, line feed, form feed, carriage return and the separators some systems delimit fields with.
_TEXT_CONTROLS = b"\x01\t\n\x0b\x0c\r\x1a\x1b\x1c\x1d\x1e\x1f"
_OTHER_THAN_CONTROLS = bytes(range(32, 256)) + _TEXT_CONTROLS

_ENOUGH_LINES = 3
_LINES_A_DAMAGED_ONE = 3


def bom_length(sample: bytes) -> int:
    return next((len(bom) for bom, _ in _BOMS if sample.startswith(bom)), 0)


def detect_encoding(sample: bytes) -> str:
    """The encoding of the start of a file; "utf-8" also where only ASCII has been seen so far.

    Raises:
        FileRefused: BINARY_FILE, the bytes are not text.
    """
    for bom, encoding in _BOMS:
        if sample.startswith(bom):
            return encoding
    wide = _utf16_without_bom(sample)
    if wide:
        return wide
    require_text(sample)
    # Some damaged lines do not make a file of another encoding: they are set aside one by one later.
    return "utf-8" if _is_utf8(sample) or is_mostly_utf8(sample) else detect_legacy(sample)


def require_text(sample: bytes) -> None:
    """Raises: FileRefused: BINARY_FILE."""
    for magic, what in _FOREIGN_FILES:
        if sample.startswith(magic):
            raise FileRefused("BINARY_FILE", f"this is {what}, not a CSV file")
    controls = len(sample.translate(None, _OTHER_THAN_CONTROLS))
    if controls > max(1, len(sample) // 200):
        raise FileRefused("BINARY_FILE", "the bytes are not text: too many control characters")


def _is_utf8(sample: bytes, is_whole: bool = False) -> bool:
    """Whether it is UTF-8; unless it is whole, a character cut in two at its end is no objection."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample, final=is_whole)
    except UnicodeDecodeError:
        return False
    return True


def _utf16_without_bom(sample: bytes) -> str:
    head = sample[:4096]
    if len(head) < 4:
        return ""
    even, odd = head[0::2].count(0) / len(head[0::2]), head[1::2].count(0) / len(head[1::2])
    if odd > 0.7 and even < 0.05:
        return "utf-16-le"
    if even > 0.7 and odd < 0.05:
        return "utf-16-be"
    return ""


def is_mostly_utf8(sample: bytes) -> bool:
    """Whether most lines with non-ASCII bytes are UTF-8, so that the others are damaged.

    What is written in another encoding is hardly ever UTF-8 by chance.
    """
    # Whole, as a letter of another encoding at the end of a line looks like the start of one in UTF-8.
    is_valid = [_is_utf8(line, is_whole=True) for line in sample.splitlines() if not line.isascii()]
    # The first and the last line may be cut in two.
    valid, damaged = sum(is_valid), len(is_valid[1:-1]) - sum(is_valid[1:-1])
    return valid >= _ENOUGH_LINES and valid >= _LINES_A_DAMAGED_ONE * damaged
