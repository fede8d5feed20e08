"""Text cells to typed ones, and which cells do not fit a type that was asked for."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medical_data_pipeline.adapters.arrow.coded_forms import forms_of_shapes
from medical_data_pipeline.adapters.arrow.moments import Moments, parse_moments
from medical_data_pipeline.adapters.arrow.plain_numbers import plain_numbers
from medical_data_pipeline.adapters.arrow.shapes import shapes_of
from medical_data_pipeline.model.conversion import CellFormat, ColumnPlan
from medical_data_pipeline.model.forms import BOOLEAN_WORDS, FLAG_WORDS, Form, FormKind, classify
from medical_data_pipeline.model.table import ColumnType, Kind

Mask = npt.NDArray[np.bool_]
_MICROS_A_DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BLANKS = " \t"
_NO_NUMERAL = "'"
_TRUE_WORDS, _FALSE_WORDS = (pa.array([words[i] for words in BOOLEAN_WORDS.values()]) for i in (0, 1))
_FLAG_WORDS = tuple(pa.array([words[i] for words in FLAG_WORDS]) for i in (0, 1))


@dataclass(frozen=True)
class TypedCells:
    """The typed column, and which of its cells did not fit (they are null in it), or None when all did."""

    column: pa.Array
    misfits: Mask | None = None


def arrow_type(kind: ColumnType) -> pa.DataType:
    match kind.kind:
        case Kind.TEXT:
            return pa.string()
        case Kind.BOOLEAN:
            return pa.bool_()
        case Kind.BIGINT:
            return pa.int64()
        case Kind.DOUBLE:
            return pa.float64()
        case Kind.DECIMAL:
            return pa.decimal128(kind.precision, kind.scale)
        case Kind.DATE:
            return pa.date32()
        case Kind.TIMESTAMP:
            return pa.timestamp("us")
        case Kind.TIMESTAMP_TZ:
            return pa.timestamp("us", "UTC")


def typed_cells(column: pa.StringArray, plan: ColumnPlan) -> TypedCells:
    """The column of text as `plan` wants it.

    Raises:
        pa.ArrowInvalid: a cell does not fit a type that the facts were thought to prove.
    """
    texts = _without_tokens(column, plan)
    if plan.type.kind is Kind.TEXT:
        return TypedCells(texts)
    filled = texts.drop_null() if texts.null_count else texts
    values = _typed(filled, plan)
    return _scattered(values, texts) if texts.null_count else values


def _without_tokens(column: pa.StringArray, plan: ColumnPlan) -> pa.StringArray:
    """Null tokens, and in typed columns quoted empty cells, become null."""
    tokens = list(plan.null_tokens)
    if plan.type.kind is not Kind.TEXT:
        column = pc.utf8_trim(column, characters=_BLANKS) if plan.format.is_padded else column
        tokens += [""] if pc.min(pc.binary_length(column)).as_py() == 0 else []
    if not tokens:
        return column
    is_null = pc.is_in(column, value_set=pa.array(tokens, pa.string()))
    if not pc.any(is_null).as_py():
        return column
    return pc.if_else(is_null, pa.scalar(None, pa.string()), column)


def _scattered(values: TypedCells, texts: pa.StringArray) -> TypedCells:
    """Put values of the filled cells back among the nulls."""
    is_valid = texts.is_valid().to_numpy(zero_copy_only=False)
    positions = np.cumsum(is_valid) - 1
    indices = pa.array(positions, mask=~is_valid)
    column = values.column.take(indices)
    if values.misfits is None:
        return TypedCells(column)
    misfits = np.zeros(len(texts), bool)
    misfits[is_valid] = values.misfits
    return TypedCells(column, misfits)


def _typed(texts: pa.StringArray, plan: ColumnPlan) -> TypedCells:
    prepared = _prepared(texts, plan) if plan.is_forced or plan.format.decimal_mark == "," else texts
    if plan.type.kind in (Kind.DATE, Kind.TIMESTAMP, Kind.TIMESTAMP_TZ):
        return _as_moments(prepared, plan)
    if not plan.is_forced:
        return TypedCells(_cast(prepared, plan.type))
    if plan.type.kind is Kind.BOOLEAN:
        return _as_booleans(prepared, plan.format)
    fits = _fitting(prepared, plan.type)
    if fits.all():
        return TypedCells(_cast(prepared, plan.type))
    chosen = pa.array(np.where(fits, np.cumsum(fits) - 1, 0), mask=~fits)
    return TypedCells(_cast(prepared.filter(pa.array(fits)), plan.type).take(chosen), ~fits)


def _prepared(texts: pa.StringArray, plan: ColumnPlan) -> pa.StringArray:
    """Numbers as the engine knows them: without the signs and separators that were declared."""
    layout = plan.format
    if layout.strip_symbols:
        texts = _without_symbols(texts, layout.strip_symbols)
    if layout.is_padded or layout.strip_symbols:
        texts = pc.utf8_trim_whitespace(texts)
    if layout.thousands_separator:
        texts = _ungrouped(texts, layout.thousands_separator, layout.decimal_mark)
    if layout.decimal_mark == ",":
        # A point that is left marks no decimals here; as it is it would be taken for one.
        texts = pc.replace_substring(pc.replace_substring(texts, ".", _NO_NUMERAL), ",", ".")
    return texts


def _without_symbols(texts: pa.StringArray, symbols: str) -> pa.StringArray:
    """Take symbols from around the number; between its digits they stay, and do not fit."""
    either = "".join(f"\\{symbol}" if symbol in "\\[]^" else symbol for symbol in symbols)
    texts = pc.replace_substring_regex(texts, rf"^[{either}\s\p{{Z}}]*(-?)[{either}]*", r"\1")
    return pc.replace_substring_regex(texts, rf"[{either}\s\p{{Z}}]*$", "")


def _ungrouped(texts: pa.StringArray, separator: str, mark: str) -> pa.StringArray:
    """Take separators out of cells where they group by three; elsewhere they stay, and do not fit."""
    escaped, point = _escaped(separator), _escaped(mark)
    pattern = rf"^-?[0-9]{{1,3}}({escaped}[0-9]{{3}})+({point}[0-9]+)?$"
    grouped = pc.match_substring_regex(texts, pattern)
    return pc.if_else(grouped, pc.replace_substring(texts, separator, ""), texts)


def _escaped(symbol: str) -> str:
    return "\\" + symbol if symbol in ".'|" else symbol


def _cast(texts: pa.StringArray, kind: ColumnType) -> pa.Array:
    if kind.kind is Kind.BOOLEAN:
        return pc.is_in(texts, value_set=_TRUE_WORDS)
    if kind.kind is Kind.DECIMAL:
        # Straight to the precision: the cast rescales, and fails where a digit would go.
        return pc.cast(texts, pa.decimal128(kind.precision, kind.scale))
    return pc.cast(texts, arrow_type(kind))


def _fitting(texts: pa.StringArray, kind: ColumnType) -> Mask:
    """Which cells keep their value in `kind`."""
    coded = plain_numbers(texts) or forms_of_shapes(shapes_of(texts))
    verdicts = [_form_fits(form, kind) for form in coded.forms]
    fits: Mask = np.array([verdict is not False for verdict in verdicts], bool)[coded.codes]
    doubtful = np.array([verdict is None for verdict in verdicts], bool)[coded.codes]
    for position in np.flatnonzero(doubtful).tolist():
        fits[position] = _value_fits(texts[position].as_py(), kind)
    return fits


def _form_fits(form: Form, kind: ColumnType) -> bool | None:
    """Whether cells of this form fit; None when only the value tells."""
    if form.kind not in (FormKind.INTEGER, FormKind.DECIMAL, FormKind.EXPONENT) or form.has_leading_zero:
        return False
    if form.mark == "," or (form.kind is FormKind.EXPONENT and kind.kind is not Kind.DOUBLE):
        return False
    if kind.kind is Kind.DOUBLE:
        return None if form.kind is FormKind.EXPONENT or form.digits + form.scale > 15 else True
    if form.is_negative_zero:
        return False
    if kind.kind is Kind.DECIMAL:
        return form.scale <= kind.scale and form.digits <= kind.precision - kind.scale
    if form.kind is not FormKind.INTEGER:
        return False
    return None if form.digits == 19 else form.digits < 19


def _value_fits(text: str, kind: ColumnType) -> bool:
    if kind.kind is Kind.BIGINT:
        return -(2**63) <= int(text) < 2**63
    number = float(text)
    return abs(number) != float("inf") and Decimal(repr(number)) == Decimal(text)


def _as_booleans(texts: pa.StringArray, layout: CellFormat) -> TypedCells:
    yes, no = _FLAG_WORDS if layout.has_flag_words else (_TRUE_WORDS, _FALSE_WORDS)
    is_true = pc.is_in(texts, value_set=yes)
    misfits = pc.invert(pc.or_(is_true, pc.is_in(texts, value_set=no))).to_numpy(zero_copy_only=False)
    return TypedCells(pc.if_else(pa.array(misfits), pa.scalar(None, pa.bool_()), is_true), misfits)


def _as_moments(texts: pa.StringArray, plan: ColumnPlan) -> TypedCells:
    if plan.format.pattern:
        moments = _by_pattern(texts, plan.format.pattern)
    else:
        moments = parse_moments(texts, plan.format.date_order)
        if plan.is_forced:
            moments = Moments(moments.micros, moments.is_valid & _has_wanted_parts(texts, plan.type))
    misfits = None if moments.is_valid.all() else ~moments.is_valid
    return TypedCells(_moment_column(moments, plan.type), misfits)


def _has_wanted_parts(texts: pa.StringArray, kind: ColumnType) -> Mask:
    """A date has no time, a timestamp has one, and a zone only where the type has one."""
    shapes = shapes_of(texts)
    forms = [classify(shape.decode("utf-8", "replace")) for shape in shapes.dictionary.to_pylist()]
    wanted = [
        form.has_time == (kind.kind is not Kind.DATE) and bool(form.zone) == (kind.kind is Kind.TIMESTAMP_TZ)
        for form in forms
    ]
    result: Mask = np.array(wanted, bool)[shapes.indices.to_numpy()]
    return result


def _moment_column(moments: Moments, kind: ColumnType) -> pa.Array:
    is_whole = bool(moments.is_valid.all())
    micros = moments.micros if is_whole else np.where(moments.is_valid, moments.micros, 0)
    invalid = None if is_whole else ~moments.is_valid
    if kind.kind is Kind.DATE:
        days = (micros // _MICROS_A_DAY).astype(np.int32)
        return pa.array(days, pa.int32(), mask=invalid).view(pa.date32())
    return pa.array(micros, pa.int64(), mask=invalid).view(arrow_type(kind))


def _by_pattern(texts: pa.StringArray, pattern: str) -> Moments:
    """Cells in a declared format; each distinct one is read once, since reading is slow."""
    encoded = texts.dictionary_encode()
    parsed = [_pattern_micros(text, pattern) for text in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy()
    micros = np.array([value or 0 for value in parsed], np.int64)[codes]
    is_valid = np.array([value is not None for value in parsed], bool)[codes]
    return Moments(micros, is_valid)


def _pattern_micros(text: str, pattern: str) -> int | None:
    try:
        moment = datetime.strptime(text.strip(), pattern)  # noqa: DTZ007 - the zone is set below
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    elapsed = moment - _EPOCH
    return (elapsed.days * 86_400 + elapsed.seconds) * 1_000_000 + elapsed.microseconds
