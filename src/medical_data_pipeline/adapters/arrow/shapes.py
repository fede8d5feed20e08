"""The shapes of a whole column at once: every digit as 9, with the marks of `model.forms`."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_ZERO, _NINE, _MINUS, _TILDE, _COMMA, _POINT = 48, 57, 45, 126, 44, 46
_AS_SHAPE = np.arange(256, dtype=np.uint8)
_AS_SHAPE[_ZERO : _NINE + 1] = _NINE
_PADDING = 2


def octets_of(texts: pa.StringArray) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """The bytes of a string array (two spare ones at the end) and the offsets of its cells in them."""
    _, offsets, data = texts.buffers()
    positions = np.frombuffer(offsets, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    low, high = int(positions[0]), int(positions[-1])
    octets = np.zeros(high - low + _PADDING, np.uint8)
    if high > low:
        octets[:-_PADDING] = np.frombuffer(data, np.uint8)[low:high]
    return octets, positions - np.int32(low) if low else positions


def shapes_of(texts: pa.StringArray) -> pa.DictionaryArray:
    """The shape of each cell. Cells must not be null; the dictionary holds each shape once.

    Shapes are ASCII and bytes: what is not ASCII in a cell stays as it is and is never looked at.
    """
    octets, offsets = octets_of(texts)
    starts, ends = offsets[:-1], offsets[1:]
    is_filled = ends > starts
    shapes = _AS_SHAPE[octets]
    is_negative = (octets[starts] == _MINUS) & is_filled
    first = starts + is_negative
    is_zero_first = (octets[first] == _ZERO) & (first < ends)
    second = octets[first + 1]
    leads = is_zero_first & (first + 1 < ends) & (second >= _ZERO) & (second <= _NINE)
    may_be_zero = is_negative & (is_zero_first | (octets[first] == _POINT) | (octets[first] == _COMMA))
    _mark_negative_zeros(shapes, octets, starts[may_be_zero], ends[may_be_zero])
    shapes[first[leads]] = _ZERO
    last = ends[is_filled] - 1
    shapes[last[octets[last] == _ZERO]] = _ZERO
    buffers = [None, pa.py_buffer(np.ascontiguousarray(offsets)), pa.py_buffer(shapes)]
    return pa.Array.from_buffers(pa.binary(), len(texts), buffers).dictionary_encode()


def _mark_negative_zeros(
    shapes: npt.NDArray[np.uint8],
    octets: npt.NDArray[np.uint8],
    starts: npt.NDArray[np.int32],
    ends: npt.NDArray[np.int32],
) -> None:
    if not len(starts):
        return
    is_nonzero_digit = (octets > _ZERO) & (octets <= _NINE)
    before = np.concatenate([[0], np.cumsum(is_nonzero_digit)])
    shapes[starts[before[ends] == before[starts]]] = _TILDE
