"""Dates and times in text to days and microseconds since 1970, every cell checked against the calendar."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from medical_data_pipeline.adapters.arrow.shapes import octets_of, shapes_of
from medical_data_pipeline.model.forms import Form, FormKind, classify

Micros = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_MICROS_A_DAY = 86_400_000_000
_MICRO_DIGITS = 6
# The first instant of the year 1 and the last of the year 9999: an offset can lead out of them.
_FIRST_MICROS, _LAST_MICROS = -62_135_596_800_000_000, 253_402_300_799_999_999
_ZERO, _NINE = 48, 57
_MONTHS = {m: i for i, m in enumerate(("jan", "feb", "mar", "apr", "may", "jun"), start=1)} | {
    m: i for i, m in enumerate(("jul", "aug", "sep", "oct", "nov", "dec"), start=7)
}
_MONTH_NAMES = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_DAYS_BEFORE_1970 = 719_468


@dataclass(frozen=True)
class Moments:
    """Microseconds since 1970 in UTC (or in no zone), and which cells are real moments."""

    micros: Micros
    is_valid: Mask


def parse_moments(texts: pa.StringArray, order: str) -> Moments:
    """Read cells in one order ("ymd", "mdy", "dmy" or "mon"); cells of another form are invalid.

    `texts` must have no nulls.
    """
    if order == "ymd" and (fast := parse_iso(texts)) is not None:
        return fast
    shapes = shapes_of(texts)
    codes = shapes.indices.to_numpy()
    micros = np.zeros(len(texts), np.int64)
    is_valid = np.zeros(len(texts), bool)
    for (form, group_sizes), members in _layouts(shapes.dictionary.to_pylist()).items():
        if not _reads_as(form, order):
            continue
        chosen = np.flatnonzero(np.isin(codes, members))
        part = texts.take(pa.array(chosen))
        parsed = _parse_named(part) if order == "mon" else _parse_digits(part, form, order, group_sizes)
        micros[chosen], is_valid[chosen] = parsed.micros, parsed.is_valid
    return Moments(micros, is_valid & (micros >= _FIRST_MICROS) & (micros <= _LAST_MICROS))


def _layouts(shapes: Sequence[bytes]) -> dict[tuple[Form, int], list[int]]:
    """Shape numbers by form and number of digit groups: cells that can be read together."""
    layouts: dict[tuple[Form, int], list[int]] = {}
    for code, shape in enumerate(shapes):
        form = classify(shape.decode("utf-8", "replace"))
        if form.kind is FormKind.MOMENT:
            layouts.setdefault((form, len(re.findall(rb"[09]+", shape))), []).append(code)
    return layouts


def _reads_as(form: Form, order: str) -> bool:
    return form.order == order or (form.order == "dmy/mdy" and order in ("dmy", "mdy"))


def parse_iso(texts: pa.StringArray) -> Moments | None:
    """The common case in one pass: strict ISO cells that are all real. None leaves it to the exact way."""
    if not len(texts) or pc.min(pc.binary_length(texts)).as_py() < 10:
        return None
    target = _iso_target(texts[0].as_py())
    try:
        parsed = pc.cast(texts, target)
    except pa.ArrowInvalid:
        return None
    if target == pa.date32():
        micros = parsed.view(pa.int32()).to_numpy().astype(np.int64) * _MICROS_A_DAY
    elif pc.min(pc.binary_length(texts)).as_py() < len("2024-01-31 08:05"):
        return None
    else:
        micros = parsed.view(pa.int64()).to_numpy()
    # The year 0 is on no calendar of ours, but on this parser's; and an offset can lead out of ours.
    is_within = micros.min() >= _FIRST_MICROS and micros.max() <= _LAST_MICROS
    return Moments(micros, _all(len(texts))) if is_within else None


def _iso_target(first: str) -> pa.DataType:
    if len(first) == len("2024-01-31"):
        return pa.date32()
    form = classify(re.sub("[0-9]", "9", first))
    return pa.timestamp("us", "UTC") if form.zone else pa.timestamp("us")


def _all(count: int) -> Mask:
    return np.ones(count, bool)


def _parse_digits(texts: pa.StringArray, form: Form, order: str, groups: int) -> Moments:
    octets, offsets = octets_of(texts)
    low, high = int(offsets[0]), int(offsets[-1])
    is_digit = np.zeros(len(octets) + 1, bool)
    is_digit[1:] = (octets >= _ZERO) & (octets <= _NINE)
    starts = np.flatnonzero(is_digit[low + 1 : high + 1] & ~_continues(is_digit, offsets, low, high)) + low
    numbers, widths = _numbers(octets, is_digit[1:], starts.reshape(len(texts), groups), offsets[1:, None])
    year, month, day = (numbers[:, order.index(letter)] for letter in "ymd")
    micros, is_valid = _date_micros(year, month, day)
    if form.has_time:
        seconds, ok = _time_micros(numbers, widths, form, octets, offsets)
        micros, is_valid = micros + seconds, is_valid & ok
    return Moments(micros, is_valid)


def _continues(is_digit: Mask, offsets: npt.NDArray[np.int32], low: int, high: int) -> Mask:
    """Whether the byte before is a digit of the same cell."""
    before = is_digit[low:high].copy()
    before[offsets[:-1][offsets[:-1] < high] - low] = False
    return before


def _numbers(
    octets: npt.NDArray[np.uint8],
    is_digit: Mask,
    starts: npt.NDArray[np.int64],
    cell_ends: npt.NDArray[np.int32],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """The number each digit group spells, and its width; groups of more than nine digits do not occur."""
    values = np.zeros(starts.shape, np.int64)
    widths = np.zeros(starts.shape, np.int64)
    going = np.ones(starts.shape, bool)
    limit = len(octets) - 1
    for step in range(9):
        position = np.minimum(starts + step, limit)
        going = going & is_digit[position] & (position < cell_ends)
        if not going.any():
            break
        values = np.where(going, values * 10 + (octets[position].astype(np.int64) - _ZERO), values)
        widths += going
    return values, widths


def _date_micros(year: Micros, month: Micros, day: Micros) -> tuple[Micros, Mask]:
    is_leap = (year % 4 == 0) & ((year % 100 != 0) | (year % 400 == 0))
    lengths = np.array([0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
    safe_month = np.clip(month, 1, 12)
    length = lengths[safe_month] + ((safe_month == 2) & is_leap)
    is_valid = (year >= 1) & (month >= 1) & (month <= 12) & (day >= 1) & (day <= length)
    return _days(year, safe_month, day) * _MICROS_A_DAY, is_valid


def _days(year: Micros, month: Micros, day: Micros) -> Micros:
    """Days since 1970-01-01 in the proleptic Gregorian calendar (H. Hinnant, chrono-compatible dates)."""
    shifted = year - (month <= 2).astype(np.int64)
    era = shifted // 400
    year_of_era = shifted - era * 400
    day_of_year = (153 * (month + np.where(month > 2, -3, 9)) + 2) // 5 + day - 1
    day_of_era = year_of_era * 365 + year_of_era // 4 - year_of_era // 100 + day_of_year
    days: Micros = era * 146_097 + day_of_era - _DAYS_BEFORE_1970
    return days


def _time_micros(
    numbers: npt.NDArray[np.int64],
    widths: npt.NDArray[np.int64],
    form: Form,
    octets: npt.NDArray[np.uint8],
    offsets: npt.NDArray[np.int32],
) -> tuple[Micros, Mask]:
    zone_groups = 2 if form.zone == "hh:mm" else int(form.has_offset)
    clock = numbers[:, 3 : numbers.shape[1] - zone_groups]
    hour, minute = clock[:, 0], clock[:, 1]
    zeros = np.zeros(len(hour), np.int64)
    second = clock[:, 2] if clock.shape[1] > 2 else zeros
    fraction = zeros
    is_valid = (minute < 60) & (second < 60)
    if form.scale > _MICRO_DIGITS:
        finer = 10 ** (form.scale - _MICRO_DIGITS)
        fraction, is_valid = clock[:, 3] // finer, is_valid & (clock[:, 3] % finer == 0)
    elif form.scale:
        fraction = clock[:, 3] * 10 ** (_MICRO_DIGITS - form.scale)
    if form.has_meridiem:
        is_valid &= (hour >= 1) & (hour <= 12)
        hour = hour % 12 + 12 * _is_afternoon(octets, offsets)
    is_valid &= hour < 24
    micros = ((hour * 60 + minute) * 60 + second) * 1_000_000 + fraction
    if form.has_offset:
        hours, minutes = _offset_parts(numbers, form.zone)
        is_valid &= (hours < 24) & (minutes < 60)
        is_west = octets[offsets[1:] - len(form.zone) - 1] == ord("-")
        micros -= np.where(is_west, -1, 1) * (hours * 60 + minutes) * 60_000_000
    return micros, is_valid


def _offset_parts(numbers: npt.NDArray[np.int64], zone: str) -> tuple[Micros, Micros]:
    match zone:
        case "hh:mm":
            return numbers[:, -2], numbers[:, -1]
        case "hhmm":
            return numbers[:, -1] // 100, numbers[:, -1] % 100
        case _:
            return numbers[:, -1], np.zeros(len(numbers), np.int64)


def _is_afternoon(octets: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int32]) -> Mask:
    """Whether there is a P in the cell: only PM has one."""
    is_p = np.isin(octets, np.frombuffer(b"pP", np.uint8))
    before = np.concatenate([[0], np.cumsum(is_p)])
    is_afternoon: Mask = before[offsets[1:]] > before[offsets[:-1]]
    return is_afternoon


def _parse_named(texts: pa.StringArray) -> Moments:
    """Cells with a month's name: few distinct ones, so each is read once and by itself."""
    encoded = texts.dictionary_encode()
    parsed = [_named_micros(text) for text in encoded.dictionary.to_pylist()]
    codes = encoded.indices.to_numpy()
    micros = np.array([value or 0 for value in parsed], np.int64)[codes]
    is_valid = np.array([value is not None for value in parsed], bool)[codes]
    return Moments(micros, is_valid)


def _named_micros(text: str) -> int | None:
    name = re.search("[A-Za-z]{3,}", text)
    if name is None or not _is_month(name[0]):
        return None
    month = _MONTHS[name[0][:3].lower()]
    head = re.match(r"\D*(\d{1,2})\D+(\d{4})", text)
    clock = re.search(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s?([AaPp])?", text)
    offset = re.search(r"([-+])(\d{2}):?(\d{2})?$", text) if clock else None
    if head is None or (offset and (offset[2] > "23" or (offset[3] or "") > "59")):
        return None
    try:
        moment = datetime(int(head[2]), month, int(head[1]), tzinfo=UTC)
        if clock:
            moment += _clock(clock)
    except (ValueError, OverflowError):
        return None
    if offset:
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        moment -= timedelta(minutes=minutes if offset[1] == "+" else -minutes)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _is_month(name: str) -> bool:
    return name.lower() in _MONTHS or name.lower() in _MONTH_NAMES or name.lower() == "sept"


def _clock(match: re.Match[str]) -> timedelta:
    hour, minute, second = int(match[1]), int(match[2]), int(match[3] or 0)
    if match[5]:
        if not 1 <= hour <= 12:
            raise ValueError("no hour of twelve")
        hour = hour % 12 + (12 if match[5] in "pP" else 0)
    nanos = (match[4] or "").ljust(9, "0")
    if hour > 23 or minute > 59 or second > 59 or not nanos.endswith("000"):
        raise ValueError("no time of day, or finer than microseconds")
    return timedelta(hours=hour, minutes=minute, seconds=second, microseconds=int(nanos[:_MICRO_DIGITS]))
