"""The forms of a column of plain numbers, seen from its bytes at once instead of shape by shape."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medical_data_pipeline.adapters.arrow.coded_forms import CodedForms
from medical_data_pipeline.adapters.arrow.shapes import octets_of
from medical_data_pipeline.model.forms import Form, FormKind

_NUMERALS = b"0123456789.-"
_ZERO, _MINUS, _POINT = 48, 45, 46
_WIDEST = 64

# How a form is written as one number: digits, scale + 1 (0 without a point), zeros at the end and the start.
_INTEGER_KEY = _WIDEST * 2 * 2

Octets = npt.NDArray[np.uint8]
Positions = npt.NDArray[np.int32]


def plain_numbers(texts: pa.StringArray) -> CodedForms | None:
    """The forms of cells that are all digits with at most one point and a sign, or None: look closer.

    Cells must be filled. Equal to classifying the shape of each cell, where it answers.
    """
    if not len(texts):
        return None
    octets, offsets = octets_of(texts)
    starts, ends = offsets[:-1], offsets[1:]
    written = octets[: int(offsets[-1])]
    if int((ends - starts).max()) >= _WIDEST or written.tobytes().translate(None, _NUMERALS):
        return None
    signs = _signs(octets, written, starts)
    point = _points(written, starts, ends)
    if signs is None or point is None:
        return None
    first = starts + signs
    digits = point - first
    has_leading_zero = octets[first] == _ZERO
    if (signs & (has_leading_zero | (octets[first] == _POINT))).any():
        return None  # perhaps a negative zero
    if point is ends:
        keys = digits * _INTEGER_KEY + (has_leading_zero & (digits > 1))
        return _numbered(keys) if digits.all() else None
    scale = ends - point - 1
    # No digit at all, or a point at the end.
    if (digits + scale < 0).any() or not scale.all():
        return None
    has_trailing_zero = (octets[ends - 1] == _ZERO) & (scale > 0)
    return _numbered(
        ((digits * _WIDEST + scale + 1) * 2 + has_trailing_zero) * 2 + (has_leading_zero & (digits > 1))
    )


def _signs(octets: Octets, written: Octets, starts: Positions) -> npt.NDArray[np.bool_] | np.bool_ | None:
    """Which cells begin with a minus; None when there is one elsewhere."""
    count = int(np.count_nonzero(written == _MINUS))
    if not count:
        return np.False_
    is_negative: npt.NDArray[np.bool_] = octets[starts] == _MINUS
    return is_negative if int(np.count_nonzero(is_negative)) == count else None


def _points(octets: Octets, starts: Positions, ends: Positions) -> Positions | None:
    """Where the point of each cell is, or its end where it has none; None when a cell has two.

    `ends` itself where no cell has any.
    """
    found = np.flatnonzero(octets == _POINT)
    if not len(found):
        return ends
    if len(found) == len(starts):
        is_one_each = bool(((found >= starts) & (found < ends)).all())
        return found.astype(np.int32) if is_one_each else None
    owners = np.searchsorted(starts, found, side="right") - 1
    if len(owners) > 1 and not (np.diff(owners) > 0).all():
        return None
    points = ends.copy()
    points[owners] = found
    return points


def _numbered(keys: Positions) -> CodedForms:
    counts = np.bincount(keys)
    present = np.flatnonzero(counts)
    numbers = np.zeros(len(counts), np.int64)
    numbers[present] = np.arange(len(present))
    return CodedForms(tuple(_form(key) for key in present.tolist()), numbers[keys])


def _form(key: int) -> Form:
    rest, has_leading_zero = divmod(key, 2)
    rest, has_trailing_zero = divmod(rest, 2)
    digits, scale = divmod(rest, _WIDEST)
    if scale == 0:
        return Form(FormKind.INTEGER, digits=digits, has_leading_zero=bool(has_leading_zero))
    return Form(
        FormKind.DECIMAL,
        digits=digits,
        scale=scale - 1,
        mark=".",
        has_leading_zero=bool(has_leading_zero),
        has_trailing_zero=bool(has_trailing_zero),
    )
