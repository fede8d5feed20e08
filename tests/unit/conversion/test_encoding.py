"""Which encoding a file is taken to be in."""

import pytest

from medical_data_pipeline.conversion.encoding import detect_encoding


def lines(count: int, name: str, encoding: str) -> bytes:
    return "".join(f"{n},{name} {n}\n" for n in range(count)).encode(encoding)


def test_a_small_utf8_file_with_one_damaged_line_is_utf8() -> None:
    sample = b"id,name\n" + lines(5, "Ren\u00e9", "utf-8") + b"9,\xff\xfe\x80bad\n" + lines(3, "Ann", "utf-8")

    assert detect_encoding(sample) == "utf-8"


@pytest.mark.parametrize("name", ["Ren\u00e9", "Jos\u00e9 Mu\u00f1oz", "Bj\u00f6rk"])
def test_lines_that_end_in_a_letter_of_windows_are_not_taken_for_cut_utf8(name: str) -> None:
    sample = b"id,name\n" + "".join(f"{n},{name}\n" for n in range(30)).encode("cp1252")

    assert detect_encoding(sample) == "cp1252"


def test_two_lines_of_utf8_among_many_of_windows_do_not_make_a_file_utf8() -> None:
    sample = b"id,name\n" + lines(20, "Jos\u00e9", "cp1252") + lines(3, "Jos\u00e9", "utf-8")

    assert detect_encoding(sample) != "utf-8"
