"""Which type a column gets: decided from the facts of the whole file, so that no value changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from medical_data_pipeline.model.conversion import CellFormat
from medical_data_pipeline.model.facts import ColumnFacts
from medical_data_pipeline.model.forms import Form, FormKind
from medical_data_pipeline.model.table import (
    BIGINT,
    BOOLEAN,
    DATE,
    DOUBLE,
    TEXT,
    TIMESTAMP,
    TIMESTAMP_TZ,
    ColumnType,
    decimal,
)

MAX_DECIMAL_DIGITS = 38
# The most that fits 64 bits. Decimals get this room at once: a longer amount in a later row, or file, is no
# change of type then.
_USUAL_DECIMAL_DIGITS = 18
_MAX_INT64_DIGITS = 19
_MAX_TIMESTAMP_FRACTION = 6
_OFFSETS_SAID = 4


@dataclass(frozen=True)
class TypeDecision:
    """A type, how its cells are written, and why; `normal_form`: how values read, if not as they came."""

    type: ColumnType
    reason: str
    format: CellFormat = field(default_factory=CellFormat)
    normal_form: str = ""


def decide_type(facts: ColumnFacts, delimiter: str = ",") -> TypeDecision:
    """The type that keeps every cell's value, or text with the reason why none does."""
    decision = _decide(facts, delimiter)
    if not facts.padded or decision.type == TEXT:
        return decision
    layout = replace(decision.format, is_padded=True)
    return replace(decision, format=layout, normal_form=_joined(decision.normal_form, "no blanks around it"))


def _decide(facts: ColumnFacts, delimiter: str) -> TypeDecision:
    forms = {form: count for form, count in facts.forms.items() if form.kind is not FormKind.TOKEN}
    if not forms:
        return _text("no values to decide from" if not facts.tokens else "only words that may mean nothing")
    kinds = {form.kind for form in forms}
    if FormKind.TEXT in kinds:
        return _text(_where("text", facts, lambda form: form.kind is FormKind.TEXT))
    if kinds == {FormKind.BOOLEAN}:
        return _decide_boolean(forms)
    if kinds == {FormKind.MOMENT}:
        return _decide_moment(forms, facts)
    if FormKind.THOUSANDS in kinds:
        return _text("thousands separators are read only where the dataset declares them")
    if kinds <= {FormKind.INTEGER, FormKind.DECIMAL, FormKind.EXPONENT}:
        return _decide_number(forms, facts, delimiter)
    return _text("cells of different kinds: " + ", ".join(sorted(kinds)))


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)


def _text(reason: str) -> TypeDecision:
    return TypeDecision(TEXT, reason)


def _where(what, facts: ColumnFacts, wanted) -> str:  # type: ignore[no-untyped-def]
    rows = [row for form, row in facts.first_rows.items() if wanted(form)]
    return f"{what}, first in row {min(rows)}" if rows else what


def _decide_boolean(forms: Mapping[Form, int]) -> TypeDecision:
    styles = sorted({form.mark for form in forms})
    written = "written as " + ", ".join(repr(style) for style in styles)
    return TypeDecision(BOOLEAN, "every cell is true or false", normal_form=written)


def _decide_number(forms: Mapping[Form, int], facts: ColumnFacts, delimiter: str) -> TypeDecision:
    if any(form.has_leading_zero for form in forms):
        return _text(_where("a leading zero", facts, lambda form: form.has_leading_zero))
    marks = {form.mark for form in forms if form.kind is FormKind.DECIMAL}
    if "," in marks and not _is_decimal_comma(forms, marks, delimiter):
        return _text("a comma in numbers may group thousands or mark decimals")
    if any(form.kind is FormKind.EXPONENT for form in forms):
        return _decide_scientific(forms, facts, marks)
    if marks:
        return _decide_fraction(forms, facts, marks.pop())
    return _decide_integer(forms, facts)


def _is_decimal_comma(forms: Mapping[Form, int], marks: set[str], delimiter: str) -> bool:
    """A comma marks decimals when the file's delimiter leaves it free and no cell could be thousands."""
    could_group = all(form.scale == 3 and form.digits <= 3 for form in forms if form.kind is FormKind.DECIMAL)
    return marks == {","} and delimiter != "," and not could_group


def _decide_integer(forms: Mapping[Form, int], facts: ColumnFacts) -> TypeDecision:
    if any(form.is_negative_zero for form in forms):
        return _text("a negative zero would lose its sign")
    digits = max(form.digits for form in forms)
    if digits <= _MAX_INT64_DIGITS and not facts.int64_misfits:
        return TypeDecision(BIGINT, "every cell is a whole number of 64 bits without a leading zero")
    if digits <= MAX_DECIMAL_DIGITS:
        return TypeDecision(decimal(MAX_DECIMAL_DIGITS, 0), "whole numbers beyond 64 bits")
    return _text(f"numbers of more than {MAX_DECIMAL_DIGITS} digits")


def _decide_fraction(forms: Mapping[Form, int], facts: ColumnFacts, mark: str) -> TypeDecision:
    fractions = [form for form in forms if form.kind is FormKind.DECIMAL]
    scales = {form.scale for form in fractions}
    if scales == {0}:
        return _text("a point and no fraction may be an ordinal")
    scale, digits = max(scales), max(max(form.digits for form in forms), 1)
    layout = CellFormat(decimal_mark=mark)
    has_negative_zero = any(form.is_negative_zero for form in forms)
    normal = f"{scale} digits after the point" if len(fractions) < len(forms) else ""
    normal = _joined(normal, "a point for the comma" if mark == "," else "")
    # One digit is how measurements look, and the next file may have two: a double takes both.
    if (
        len(scales) == 1
        and (scale > 1 or facts.inexact_doubles)
        and digits + scale <= MAX_DECIMAL_DIGITS
        and not has_negative_zero
    ):
        reason = f"every fraction has {scale} digits"
        return TypeDecision(_roomy_decimal(digits, scale), reason, layout, normal)
    # 250.00 beside 401.1 is a code, or a measurement whose digits mean something: padding would change it.
    padded = [form for form in fractions if form.has_trailing_zero and form.scale > 1]
    if padded:
        return _text("fractions of uneven length with zeros at their end")
    if not facts.inexact_doubles:
        return TypeDecision(DOUBLE, "every number survives as a double", layout, _double_form(mark))
    if digits + scale <= MAX_DECIMAL_DIGITS and not has_negative_zero:
        normal = f"{scale} digits after the point"
        return TypeDecision(_roomy_decimal(digits, scale), "more digits than a double keeps", layout, normal)
    return _text("more digits than a number keeps")


def _roomy_decimal(digits: int, scale: int) -> ColumnType:
    is_usual = digits + scale <= _USUAL_DECIMAL_DIGITS
    return decimal(_USUAL_DECIMAL_DIGITS if is_usual else MAX_DECIMAL_DIGITS, scale)


def _double_form(mark: str) -> str:
    return "the shortest text of the double" + (", a point for the comma" if mark == "," else "")


def _decide_scientific(forms: Mapping[Form, int], facts: ColumnFacts, marks: set[str]) -> TypeDecision:
    bare = [form for form in forms if form.kind is FormKind.EXPONENT and not form.is_signed_exponent]
    if bare:
        return _text("digits, E and digits may be a code")
    if "," in marks or facts.inexact_doubles:
        return _text("numbers that a double would change")
    return TypeDecision(DOUBLE, "every number survives as a double", normal_form=_double_form("."))


def _decide_moment(forms: Mapping[Form, int], facts: ColumnFacts) -> TypeDecision:
    if len({(form.order, form.mark) for form in forms}) > 1:
        return _text("dates in several formats")
    if len({(form.has_time, form.has_meridiem, bool(form.zone)) for form in forms}) > 1:
        return _text("dates and times in several formats")
    form = next(iter(forms))
    order, reason = _decide_order(form.order, sum(forms.values()), facts)
    if not order and max(each.scale for each in forms) > _MAX_TIMESTAMP_FRACTION:
        return _text("fractions of a second finer than microseconds, or on no calendar")
    if not order:
        return _text(reason)
    return TypeDecision(_moment_type(form), reason, CellFormat(date_order=order), _moment_form(form, facts))


def _decide_order(order: str, cells: int, facts: ColumnFacts) -> tuple[str, str]:
    """The order proven by every cell, or "" and the reason why none is."""
    if order != "dmy/mdy":
        if facts.valid_moments.get(order, 0) == cells:
            return order, "every cell is a date in one format"
        return "", "some cells look like dates but are on no calendar"
    proven = [each for each in ("mdy", "dmy") if facts.valid_moments.get(each, 0) == cells]
    if len(proven) == 2:
        return "", "nothing proves whether the day or the month comes first: declare the format"
    if not proven:
        return "", "the day comes first in some cells and the month in others, or some are on no calendar"
    return proven[0], f"a day above 12 proves that the {'month' if proven[0] == 'mdy' else 'day'} comes first"


def _moment_type(form: Form) -> ColumnType:
    if not form.has_time:
        return DATE
    return TIMESTAMP_TZ if form.zone else TIMESTAMP


def _moment_form(form: Form, facts: ColumnFacts) -> str:
    if not form.has_time:
        return "" if form.order == "ymd" else "YYYY-MM-DD"
    if not form.zone:
        return "YYYY-MM-DD HH:MM:SS"
    offsets = sorted(facts.offsets)
    came = offsets if len(offsets) <= _OFFSETS_SAID else [str(len(offsets)), "different ones"]
    return f"YYYY-MM-DD HH:MM:SS in UTC, came with offset {', '.join(came)}"
