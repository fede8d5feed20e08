"""format(): Java's Formatter on values that come as texts with the names of their types."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Context, Decimal

from medical_data_pipeline.adapters.local.duckdb_sql.python_function import MAX_TEXT, register
from medical_data_pipeline.adapters.local.duckdb_sql.udfs_json import java_double

_SPECIFIER = re.compile(r"%(?:(\d+)\$)?([-#+ 0,(]*)(\d+)?(?:\.(\d+))?([tT]?[a-zA-Z%])")
_INTEGERS = ("tinyint", "smallint", "integer", "bigint")
_WIDE = Context(prec=400)


@dataclass(frozen=True)
class _Specifier:
    """One `%…`: its flags, width, digits and conversion."""

    flags: str
    width: int
    precision: int | None
    code: str


@register("format", "VARCHAR, VARCHAR, VARCHAR[] -> VARCHAR")
def format_(pattern: str, kinds: str, texts: list[str | None]) -> str:
    names = re.split(r",(?![^(]*\))", kinds)
    position = 0

    def piece(match: "re.Match[str]") -> str:
        nonlocal position
        index, flags, width, precision, code = match.groups()
        if code in "%n":
            return {"%": "%", "n": "\n"}[code]
        if index:
            at = int(index) - 1
        else:
            at, position = position, position + 1
        wanted = _Specifier(flags, int(width or 0), int(precision) if precision else None, code)
        if wanted.width > MAX_TEXT or (wanted.precision or 0) > 1000:
            raise ValueError("a width is out of range")
        return _padded(_formatted(texts[at], names[at], wanted), wanted)

    if "%" in _SPECIFIER.sub("", pattern):
        raise ValueError("unknown format conversion")
    return _SPECIFIER.sub(piece, pattern)


def _padded(text: str, wanted: _Specifier) -> str:
    if "0" in wanted.flags and wanted.code in "dfexX" and text not in ("NaN", "Infinity", "-Infinity"):
        sign = text[:1] if text[:1] in "+- " else ""
        return sign + text[len(sign) :].rjust(wanted.width - len(sign), "0")
    return text.ljust(wanted.width) if "-" in wanted.flags else text.rjust(wanted.width)


def _formatted(text: str | None, kind: str, wanted: _Specifier) -> str:
    if wanted.code[0] in "tT":
        made = "null" if text is None else _dated(text, kind, wanted.code[1])
    elif text is None:
        made = "null" if wanted.code not in "bB" else "false"
    elif wanted.code in "sS":
        made = _as_java(text, kind)[: wanted.precision]
    elif wanted.code in "bB":
        made = text if kind == "boolean" else "true"
    else:
        made = _number(text, kind, wanted)
    return made.upper() if wanted.code[0].isupper() else made


def _number(text: str, kind: str, wanted: _Specifier) -> str:
    is_whole = kind in _INTEGERS
    match wanted.code:
        case "d" if is_whole:
            return _signed(Decimal(text), wanted, 0)
        case "x" | "X" | "o" if is_whole:
            return f"{int(text) & (2**64 - 1):{wanted.code.lower()}}"
        case "f" | "e" if not is_whole and kind.startswith(("double", "real", "decimal")):
            if text.lower() in ("nan", "inf", "-inf"):
                return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[text.lower()]
            precision = 6 if wanted.precision is None else wanted.precision
            if wanted.code == "f":
                return _signed(Decimal(text), wanted, precision)
            return _scientific(Decimal(text), wanted, precision)
    raise ValueError("a format does not fit its value")


def _signed(value: Decimal, wanted: _Specifier, precision: int) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP, _WIDE)
    digits = f"{abs(rounded):{',' if ',' in wanted.flags else ''}f}"
    if value < 0:
        return f"({digits})" if "(" in wanted.flags else "-" + digits
    return ("+" if "+" in wanted.flags else " " if " " in wanted.flags else "") + digits


def _scientific(value: Decimal, wanted: _Specifier, precision: int) -> str:
    exponent = value.adjusted() if value else 0
    scaled = value.scaleb(-exponent, _WIDE).quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP, _WIDE)
    if abs(scaled) >= 10:
        exponent += 1
        scaled = value.scaleb(-exponent, _WIDE).quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP, _WIDE)
    return _signed(scaled, wanted, precision) + f"e{'-' if exponent < 0 else '+'}{abs(exponent):02}"


_DATED = {
    "A": "%A", "a": "%a", "B": "%B", "b": "%b", "h": "%b", "Y": "%Y", "y": "%y", "m": "%m", "d": "%d",
    "j": "%j", "H": "%H", "I": "%I", "M": "%M", "S": "%S", "p": "%p", "T": "%H:%M:%S", "R": "%H:%M",
    "F": "%Y-%m-%d", "D": "%m/%d/%y", "r": "%I:%M:%S %p",
}  # fmt: skip


def _dated(text: str, kind: str, code: str) -> str:
    """`%tY` and the like, of a date or timestamp."""
    if kind == "date" and code in "HIMSpTRrklLN":
        raise ValueError("a date has no time")
    if kind != "date" and not kind.startswith("timestamp"):
        raise ValueError("a format does not fit its value")
    local = text.partition("|")[0]
    moment = datetime.combine(date.fromisoformat(local), datetime.min.time()) if kind == "date" else None
    moment = moment or datetime.fromisoformat(local)
    match code:
        case "e":
            return str(moment.day)
        case "k":
            return str(moment.hour)
        case "l":
            return str(moment.hour % 12 or 12)
        case "L":
            return f"{moment.microsecond // 1000:03}"
        case "N":
            return f"{moment.microsecond * 1000:09}"
        case "p":
            return "am" if moment.hour < 12 else "pm"
        case "C":
            return f"{moment.year // 100:02}"
        case _ if code in _DATED:
            return moment.strftime(_DATED[code])
    raise ValueError("unknown format conversion")


def _as_java(text: str, kind: str) -> str:
    """As a Java object writes itself."""
    if kind.startswith("timestamp"):
        local, _, zone = text.partition("|")
        offset, _, name = zone.partition("|")
        written = _clock(local.replace(" ", "T"))
        if not zone:
            return written
        # A fixed offset is its own name.
        offset = "Z" if offset == "+00:00" else offset
        return written + (offset if name[0] in "+-" else f"{offset}[{name}]")
    if kind.startswith("time("):
        return _clock(text)
    if kind in ("double", "real"):
        special = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
        return special[text] if text in special else java_double(float(text))
    if kind.startswith("decimal") and Decimal(text).adjusted() < -6:
        return str(Decimal(text))
    return text


def _clock(text: str) -> str:
    """LocalTime.toString writes 0, 3, 6 or 9 digits of a second, and no seconds if there are none."""
    head, _, digits = text.partition(".")
    digits = digits.rstrip("0")
    if digits:
        return head + "." + digits.ljust(-(-len(digits) // 3) * 3, "0")
    return re.sub(r"(\d\d:\d\d):00$", r"\1", head)
