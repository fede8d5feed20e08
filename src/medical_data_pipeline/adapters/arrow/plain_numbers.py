"""The forms of a column of plain numbers, seen from its bytes at once instead of shape by shape."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from medical_data_pipeline.adapters.arrow.shapes import octets_of
from medical_data_pipeline.model.forms import Form, FormKind

_NUMERALS = b"0123456789.-"
_ZERO, _MINUS, _POINT = 48, 45, 46
_WIDEST = 64

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True)
class CodedForms:
    """The forms that occur, and for each cell the number of its form; `tokens` names those that are one."""

    forms: tuple[Form, ...]
    codes: Codes
    tokens: Mapping[int, str] = field(default_factory=dict)
    is_padded: bool = False


def plain_numbers(texts: pa.StringArray) -> CodedForms | None:
    """The forms of cells that are all digits with at most one point and a sign, or None: look closer.

    Cells must be filled. Equal to classifying the shape of each cell, where it answers.
    """
    octets, offsets = octets_of(texts)
    end = int(offsets[-1])
    starts, ends = offsets[:-1].astype(np.int64), offsets[1:].astype(np.int64)
    if int((ends - starts).max()) >= _WIDEST or octets[:end].tobytes().translate(None, _NUMERALS):
        return None
    is_negative = octets[starts] == _MINUS
    first = starts + is_negative
    if int(np.count_nonzero(octets[:end] == _MINUS)) != int(np.count_nonzero(is_negative)):
        return None
    point = _points(octets[:end], starts, ends)
    if point is None:
        return None
    digits = point - first
    scale = ends - point - 1
    leads = octets[first] == _ZERO
    # No digit at all, a point at the end, or perhaps a negative zero.
    if (digits + scale < 0).any() or (scale == 0).any() or (is_negative & leads).any():
        return None
    trails = (octets[ends - 1] == _ZERO) & (scale > 0)
    keys = ((digits * _WIDEST + scale + 1) * 2 + trails) * 2 + (leads & (digits > 1))
    return _numbered(keys)


def _points(octets: npt.NDArray[np.uint8], starts: Codes, ends: Codes) -> Codes | None:
    """Where the point of each cell is, or its end where it has none; None when a cell has two."""
    found = np.flatnonzero(octets == _POINT)
    if not len(found):
        return ends
    if len(found) == len(starts):
        is_one_each = bool(((found >= starts) & (found < ends)).all())
        return found if is_one_each else None
    owners = np.searchsorted(starts, found, side="right") - 1
    if len(owners) > 1 and not (np.diff(owners) > 0).all():
        return None
    points = ends.copy()
    points[owners] = found
    return points


def _numbered(keys: Codes) -> CodedForms:
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
