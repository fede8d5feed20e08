"""The form of a cell: what its shape (digits as 9) could be read as, without looking at its value."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache


class FormKind(StrEnum):
    """The families of forms; a column is typed only if all its cells are of one."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    EXPONENT = "exponent"
    THOUSANDS = "thousands"
    BOOLEAN = "boolean"
    MOMENT = "moment"
    TOKEN = "token"  # noqa: S105 - a null token, no secret
    TEXT = "text"


# What programs write for "nothing". Null only where the rest of the column is not text: in a text column
# NA is Namibia and Null a surname.
NULL_TOKENS = frozenset(
    {
        "NA",
        "na",
        "N/A",
        "n/a",
        "<NA>",
        "#N/A",
        "#NULL!",
        "NULL",
        "Null",
        "null",
        "(null)",
        "[NULL]",
        "None",
        "none",
        "NONE",
        "NaN",
        "nan",
        "NAN",
        "NaT",
        "\\N",
        ".",
    }
)
BOOLEAN_WORDS = {"true": ("true", "false"), "True": ("True", "False"), "TRUE": ("TRUE", "FALSE")}
# What else people write for true and false; taken for it only where the dataset declares a boolean.
FLAG_WORDS = (
    *BOOLEAN_WORDS.values(),
    ("T", "F"),
    ("t", "f"),
    ("Yes", "No"),
    ("YES", "NO"),
    ("yes", "no"),
    ("Y", "N"),
    ("y", "n"),
    ("1", "0"),
)
_BOOLEAN_STYLE = {word: style for style, words in BOOLEAN_WORDS.items() for word in words}


@dataclass(frozen=True)
class Form:
    """One form. Which fields mean something depends on `kind`.

    Numbers: `digits` before the point and `scale` after it; `mark` is the decimal mark.
    Moments: `mark` parts the date, `order` is
    "ymd", "dmy/mdy" (the shape cannot tell) or "mon" (a month's name); `has_time`, `has_meridiem`, `zone`
    ("", "Z", "hh", "hhmm" or "hh:mm"), and `scale` the digits of a second's fraction. Booleans: `mark` is the
    style.
    """

    kind: FormKind
    digits: int = 0
    scale: int = 0
    mark: str = ""
    has_leading_zero: bool = False
    has_trailing_zero: bool = False
    is_negative_zero: bool = False
    is_signed_exponent: bool = False
    order: str = ""
    has_time: bool = False
    has_meridiem: bool = False
    zone: str = ""

    @property
    def has_offset(self) -> bool:
        return self.zone not in ("", "Z")


TEXT_FORM = Form(FormKind.TEXT)
TOKEN_FORM = Form(FormKind.TOKEN)

# In a shape every digit is 9, but for a first digit that is a leading zero and a last digit that is a zero
# (both 0), and the minus of a negative zero is ~.
_INTEGER = re.compile(r"([-~]?)([09]+)")
_DECIMAL = re.compile(r"([-~]?)([09]*)([.,])([09]+)")
_BARE_POINT = re.compile(r"([-~]?)([09]+)\.")
_EXPONENT = re.compile(r"([-~]?)([09]+)(\.[09]*)?[eE]([-+]?)[09]+")
_THOUSANDS = re.compile(r"[-~]?[09]{1,3}(?:,[09]{3})+(?:\.[09]+)?")
_D = "[09]"
_TIME = (
    rf"(?P<time>[T ]{_D}{{1,2}}:{_D}{{2}}(?::{_D}{{2}}(?:\.(?P<fraction>{_D}{{1,9}}))?)?"
    rf"(?P<meridiem> ?[AaPp]\.?[Mm]\.?)?(?P<zone> ?Z| ?[-+]{_D}{{2}}(?::?{_D}{{2}})?)?)?"
)
# By the length of "", "Z", "+99", "+9999" and "+99:99".
_ZONE_STYLES = {0: "", 1: "Z", 3: "hh", 5: "hhmm", 6: "hh:mm"}
_MONTH = "(?i:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[A-Za-z]{0,6}"
_MOMENTS = (
    (
        "ymd",
        re.compile(
            rf"{_D}{{4}}(?P<separator>[-/.])"
            rf"(?:(?<=-){_D}{{2}}-{_D}{{2}}|(?<![-]){_D}{{1,2}}(?P=separator){_D}{{1,2}}){_TIME}"
        ),
    ),
    ("dmy/mdy", re.compile(rf"{_D}{{1,2}}(?P<separator>[-/.]){_D}{{1,2}}(?P=separator){_D}{{4}}{_TIME}")),
    ("mon", re.compile(rf"{_D}{{1,2}}(?P<separator>[- ]){_MONTH}(?P=separator){_D}{{4}}{_TIME}")),
    ("mon", re.compile(rf"{_MONTH}(?P<separator> ){_D}{{1,2}},? {_D}{{4}}{_TIME}")),
)


@lru_cache(maxsize=65536)
def classify(shape: str) -> Form:
    """The form of every cell of this shape."""
    if shape in NULL_TOKENS:
        return TOKEN_FORM
    if shape in _BOOLEAN_STYLE:
        return Form(FormKind.BOOLEAN, mark=_BOOLEAN_STYLE[shape])
    return _number(shape) or _moment(shape) or TEXT_FORM


def _number(shape: str) -> Form | None:
    if match := _INTEGER.fullmatch(shape):
        sign, digits = match.groups()
        return Form(
            FormKind.INTEGER,
            digits=len(digits),
            has_leading_zero=_has_leading_zero(digits),
            is_negative_zero=sign == "~",
        )
    if _THOUSANDS.fullmatch(shape) and not _DECIMAL.fullmatch(shape):
        return Form(FormKind.THOUSANDS)
    if match := _DECIMAL.fullmatch(shape):
        sign, digits, mark, fraction = match.groups()
        return Form(
            FormKind.DECIMAL,
            digits=len(digits),
            scale=len(fraction),
            mark=mark,
            has_leading_zero=_has_leading_zero(digits),
            has_trailing_zero=fraction.endswith("0"),
            is_negative_zero=sign == "~",
        )
    if match := _BARE_POINT.fullmatch(shape):
        sign, digits = match.groups()
        has_leading_zero = _has_leading_zero(digits)
        return Form(FormKind.DECIMAL, len(digits), 0, ".", has_leading_zero, is_negative_zero=sign == "~")
    if match := _EXPONENT.fullmatch(shape):
        _, digits, fraction, exponent_sign = match.groups()
        # 12E4 is how some laboratories write a specimen number; a calculated number has a point or a sign.
        is_calculated = bool(fraction) or bool(exponent_sign)
        return Form(
            FormKind.EXPONENT,
            digits=len(digits),
            has_leading_zero=_has_leading_zero(digits),
            is_signed_exponent=is_calculated,
        )
    return None


def _has_leading_zero(digits: str) -> bool:
    return len(digits) > 1 and digits[0] == "0"


def _moment(shape: str) -> Form | None:
    for order, pattern in _MOMENTS:
        if match := pattern.fullmatch(shape):
            zone = (match["zone"] or "").strip()
            return Form(
                FormKind.MOMENT,
                scale=len(match["fraction"] or ""),
                mark=match["separator"],
                order=order,
                has_time=match["time"] is not None,
                has_meridiem=match["meridiem"] is not None,
                zone=_ZONE_STYLES[len(zone)],
            )
    return None


_NUMBER_STARTS = tuple("0123456789.,")
_AS_SHAPE = str.maketrans("012345678", "999999999")
_MARKED_STARTS = frozenset("-0")


def shape_of(text: str) -> str:
    """The shape of one cell; the engine does the same for a whole column at once."""
    return _marked(text, text.translate(_AS_SHAPE))


def shapes_of_lines(texts: Sequence[str]) -> list[str]:
    """The shape of each of several cells without line ends: together they take less than one by one."""
    lines = "\n".join(texts).translate(_AS_SHAPE).split("\n")
    return [
        _marked(text, shape) if text[:1] in _MARKED_STARTS or text[-1:] == "0" else shape
        for text, shape in zip(texts, lines, strict=True)
    ]


def _marked(text: str, shape: str) -> str:
    if text[:1] in _MARKED_STARTS:
        shape = _with_marks_at_start(text, shape)
    return shape[:-1] + "0" if text[-1:] == "0" else shape


def _with_marks_at_start(text: str, shape: str) -> str:
    digits = text.lstrip("-")
    sign = len(text) - len(digits)
    if sign == 1 and digits.startswith(_NUMBER_STARTS) and not any(char in "123456789" for char in digits):
        shape = "~" + shape[1:]
    if sign <= 1 and digits[:1] == "0" and "0" <= digits[1:2] <= "9":
        shape = shape[:sign] + "0" + shape[sign + 1 :]
    return shape
