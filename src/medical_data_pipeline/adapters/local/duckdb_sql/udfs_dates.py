"""Dates read by a pattern, ISO 8601 forms, durations."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from zoneinfo import ZoneInfo

from medical_data_pipeline.adapters.local.duckdb_sql.date_formats import joda_tokens
from medical_data_pipeline.adapters.local.duckdb_sql.python_function import register

_MONTHS = [
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
_DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


def _names(names: list[str]) -> str:
    return "|".join([*names, *(name[:3] for name in names)])


# What each field reads: its name here, and the pattern of its text.
_MYSQL = {
    "a": ("weekday", _names(_DAYS)),
    "b": ("name", _names(_MONTHS)),
    "c": ("month", r"\d{1,2}"),
    "d": ("day", r"\d{1,2}"),
    "e": ("day", r"\d{1,2}"),
    "f": ("fraction", r"\d{1,6}"),
    "H": ("hour", r"\d{1,2}"),
    "h": ("hour12", r"\d{1,2}"),
    "I": ("hour12", r"\d{1,2}"),
    "i": ("minute", r"\d{1,2}"),
    "j": ("ordinal", r"\d{1,3}"),
    "k": ("hour", r"\d{1,2}"),
    "l": ("hour12", r"\d{1,2}"),
    "M": ("name", _names(_MONTHS)),
    "m": ("month", r"\d{1,2}"),
    "p": ("half", "am|pm"),
    "S": ("second", r"\d{1,2}"),
    "s": ("second", r"\d{1,2}"),
    "W": ("weekday", _names(_DAYS)),
    "Y": ("year", r"[+-]?\d{1,4}"),
    "y": ("short", r"\d{2}"),
}
_COMPOUND = {"T": "%H:%i:%S", "r": "%I:%i:%S %p"}
_JODA = {
    "yyyy": ("year", r"-?\d{1,9}"),
    "y": ("year", r"-?\d{1,9}"),
    "YYYY": ("year", r"\d{1,9}"),
    "yy": ("short", r"\d{2}"),
    "MMMM": ("name", _names(_MONTHS)),
    "MMM": ("name", _names(_MONTHS)),
    "MM": ("month", r"\d{1,2}"),
    "M": ("month", r"\d{1,2}"),
    "dd": ("day", r"\d{1,2}"),
    "d": ("day", r"\d{1,2}"),
    "DDD": ("ordinal", r"\d{1,3}"),
    "D": ("ordinal", r"\d{1,3}"),
    "HH": ("hour", r"\d{1,2}"),
    "H": ("hour", r"\d{1,2}"),
    "hh": ("hour12", r"\d{1,2}"),
    "h": ("hour12", r"\d{1,2}"),
    "mm": ("minute", r"\d{1,2}"),
    "m": ("minute", r"\d{1,2}"),
    "ss": ("second", r"\d{1,2}"),
    "s": ("second", r"\d{1,2}"),
    "S": ("fraction", r"\d{1}"),
    "SS": ("fraction", r"\d{1,2}"),
    "SSS": ("fraction", r"\d{1,3}"),
    "SSSSSS": ("fraction", r"\d{1,6}"),
    "a": ("half", "am|pm"),
    "EEEE": ("weekday", _names(_DAYS)),
    "EEE": ("weekday", _names(_DAYS)),
    "EE": ("weekday", _names(_DAYS)),
    "E": ("weekday", _names(_DAYS)),
    "Z": ("zone", r"[+-]\d{2}:?\d{2}|Z"),
    "ZZ": ("zone", r"[+-]\d{2}:?\d{2}|Z"),
    "ZZZ": ("zone", r"[A-Za-z0-9_/+-]+(?::\d{2})?"),
}


@lru_cache(maxsize=128)
def _mysql_reader(pattern: str) -> tuple["re.Pattern[str]", tuple[str, ...]]:
    for code, meaning in _COMPOUND.items():
        pattern = pattern.replace("%" + code, meaning)
    pieces, fields, position = [], [], 0
    while position < len(pattern):
        character, code = pattern[position], pattern[position + 1 : position + 2]
        if character == "%" and code in _MYSQL:
            fields.append(_MYSQL[code][0])
            pieces.append(f"({_MYSQL[code][1]})")
        elif character == "%":
            pieces.append(re.escape(code))
        else:
            pieces.append(re.escape(character))
        position += 2 if character == "%" else 1
    return re.compile("".join(pieces), re.IGNORECASE | re.ASCII), tuple(fields)


@lru_cache(maxsize=128)
def _joda_reader(pattern: str) -> tuple["re.Pattern[str]", tuple[str, ...]]:
    pieces, fields = [], []
    for kind, piece in joda_tokens(pattern):
        if kind == "field" and piece not in _JODA:
            raise ValueError("a field of this date format cannot be read")
        if kind == "field":
            fields.append(_JODA[piece][0])
            pieces.append(f"({_JODA[piece][1]})")
        else:
            pieces.append(re.escape(piece))
    return re.compile("".join(pieces), re.IGNORECASE | re.ASCII), tuple(fields)


def _read(text: str, reader: tuple["re.Pattern[str]", tuple[str, ...]]) -> datetime:
    match = reader[0].fullmatch(text)
    if match is None:
        raise ValueError("invalid format")
    got = dict(zip(reader[1], match.groups(), strict=True))
    year = int(got["year"]) if "year" in got else 1970
    if "short" in got:
        # Both formatters take a pivot year of 2000: 1950 to 2049 (Joda), and 1970 to 2069 (MySQL).
        year = 2000 + int(got["short"]) if int(got["short"]) < 70 else 1900 + int(got["short"])
    month = int(got.get("month", 1))
    if "name" in got:
        month = 1 + [name[:3] for name in _MONTHS].index(got["name"][:3].lower())
    hour = int(got.get("hour", 0))
    if "hour12" in got:
        if not 1 <= int(got["hour12"]) <= 12:
            raise ValueError("hour is out of range")
        hour = int(got["hour12"]) % 12 + (12 if got.get("half", "am").lower() == "pm" else 0)
    clock = time(
        hour,
        int(got.get("minute", 0)),
        int(got.get("second", 0)),
        int(got.get("fraction", "0").ljust(6, "0")),
    )
    if "ordinal" in got:
        return datetime.combine(date(year, 1, 1) + timedelta(days=int(got["ordinal"]) - 1), clock)
    return datetime.combine(date(year, month, int(got.get("day", 1))), clock)


def _milliseconds(moment: datetime) -> datetime:
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@register("date_parse", "VARCHAR, VARCHAR -> TIMESTAMP")
def date_parse(text: str, pattern: str) -> datetime:
    return _milliseconds(_read(text, _mysql_reader(pattern)))


@register("parse_datetime", "VARCHAR, VARCHAR -> TIMESTAMP")
def parse_datetime(text: str, pattern: str) -> datetime:
    moment = _milliseconds(_read(text, _joda_reader(pattern)))
    zone = zone_of(text, pattern)
    if zone[:1] not in ("+", "-", "Z"):
        return moment.replace(tzinfo=ZoneInfo(zone)).astimezone(UTC).replace(tzinfo=None)
    return moment.replace(tzinfo=_offset(zone)).astimezone(UTC).replace(tzinfo=None)


def zone_of(text: str, pattern: str) -> str:
    """The zone that a text of a Joda pattern tells; UTC without one.

    Raises:
        ValueError: not a text of the pattern.
    """
    reader = _joda_reader(pattern)
    match = reader[0].fullmatch(text)
    if match is None:
        raise ValueError("invalid format")
    return dict(zip(reader[1], match.groups(), strict=True)).get("zone") or "Z"


_ISO_DATE = re.compile(
    r"([+-]?\d{4})(?:-?W(\d{2})(?:-?(\d))?|-?(\d{3})|(?:-(\d{1,2})(?:-(\d{1,2}))?|(\d{2})(\d{2}))?)", re.ASCII
)
_ISO_TIME = re.compile(
    r"(\d{1,2})(?::?(\d{2})(?::?(\d{2})(?:[.,](\d{1,9}))?)?)?(Z|[+-]\d{2}(?::?\d{2})?)?", re.ASCII
)


@register("from_iso8601_date", "VARCHAR -> DATE")
def from_iso8601_date(text: str) -> date:
    match = _ISO_DATE.fullmatch(text)
    if match is None:
        raise ValueError("not an ISO 8601 date")
    year, week, weekday, ordinal, month, day, month2, day2 = match.groups()
    if week:
        return date.fromisocalendar(int(year), int(week), int(weekday or 1))
    if ordinal:
        if not 1 <= int(ordinal) <= 366:
            raise ValueError("day of year is out of range")
        found = date(int(year), 1, 1) + timedelta(days=int(ordinal) - 1)
        if found.year != int(year):
            raise ValueError("day of year is out of range")
        return found
    return date(int(year), int(month or month2 or 1), int(day or day2 or 1))


@register("from_iso8601_timestamp", "VARCHAR -> TIMESTAMP")
def from_iso8601_timestamp(text: str) -> datetime:
    day, _, clock = text.partition("T")
    moment = datetime.combine(from_iso8601_date(day), datetime.min.time(), UTC)
    match = _ISO_TIME.fullmatch(clock) if clock else None
    if clock and match is None:
        raise ValueError("not an ISO 8601 time")
    if match is not None:
        hour, minute, second, fraction, zone = match.groups()
        moment = moment.replace(
            hour=int(hour), minute=int(minute or 0), second=int(second or 0),
            microsecond=int((fraction or "0")[:3].ljust(3, "0")) * 1000, tzinfo=_offset(zone),
        )  # fmt: skip
    return moment.astimezone(UTC).replace(tzinfo=None)


@register("from_iso8601_utc", "VARCHAR -> TIMESTAMP")
def from_iso8601_utc(text: str) -> datetime:
    zone = re.search(r"[+-]\d{2}(?::?\d{2})?$", text.partition("T")[2], re.ASCII)
    if zone and zone[0].strip("+-:0"):
        raise ValueError("texts of different time zones are not supported")
    return from_iso8601_timestamp(text)


def _offset(zone: str | None) -> timezone:
    if zone in (None, "Z"):
        return UTC
    digits = str(zone)[1:].replace(":", "")
    minutes = int(digits[:2]) * 60 + int(digits[2:] or 0)
    return timezone(timedelta(minutes=-minutes if str(zone)[0] == "-" else minutes))


_UNITS_MS = {
    "ns": "0.000001",
    "us": "0.001",
    "ms": "1",
    "s": "1000",
    "m": "60000",
    "h": "3600000",
    "d": "86400000",
}


@register("parse_duration", "VARCHAR -> BIGINT")
def parse_duration(text: str) -> int:
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]+)\s*", text, re.ASCII)
    if match is None or match[2] not in _UNITS_MS:
        raise ValueError("not a duration")
    return int((Decimal(match[1]) * Decimal(_UNITS_MS[match[2]])).quantize(Decimal(1), ROUND_HALF_UP))
