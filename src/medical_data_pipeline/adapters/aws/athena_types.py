"""The types of a result's columns on Athena, by their names."""

import re
from dataclasses import dataclass
from functools import cache

NESTED = ("array", "map", "row")
# A moment in a zone that is not UTC: its text tells the zone, which no type of a column could.
ZONED_TEXT = "zoned text"


@dataclass(frozen=True)
class AthenaColumn:
    """One column of a result. `type` is told to people.

    `exact` is what its values are read by: as `type`, but the fields of a row have distinct names in quotes,
    and what is told as text in its zone is `ZONED_TEXT`. Either is "" where Athena alone knows it.
    """

    name: str
    type: str = ""
    exact: str = ""


@dataclass(frozen=True)
class AthenaType:
    """A type taken apart. `numbers` are its precision and scale, `items` its inner types."""

    name: str
    numbers: tuple[int, ...] = ()
    items: tuple["AthenaType", ...] = ()
    names: tuple[str, ...] = ()

    @property
    def is_nested(self) -> bool:
        """Not where Athena names an array and does not say of what."""
        return self.name in NESTED and bool(self.items)


@cache
def parse_type(text: str) -> AthenaType:
    kind, _, inner = text.partition("(")
    if kind in NESTED and inner:
        parts = _split(inner.removesuffix(")"))
        if kind == "row":
            fields = [_field(part, number) for number, part in enumerate(parts)]
            return AthenaType(kind, (), tuple(item for _, item in fields), tuple(name for name, _ in fields))
        return AthenaType(kind, (), tuple(map(parse_type, parts)))
    numbers = tuple(int(number) for number in re.findall(r"\d+", text))
    return AthenaType(re.sub(r"\(.*?\)", "", text), numbers)


def _field(part: str, number: int) -> tuple[str, AthenaType]:
    """`"name" type`, `name type`, or a type alone; a quoted name may hold anything."""
    found = re.match(r'(?:"((?:[^"]|"")*)"|([A-Za-z_]\w*)) (?=[a-z])', part)
    if not found or part.startswith(("timestamp with", "time with", ZONED_TEXT)):
        return f"field{number}", parse_type(part)
    name = (found[1] or found[2] or "").replace('""', '"')
    return name, parse_type(part[found.end() :])


def _split(items: str) -> tuple[str, ...]:
    """What stands between the commas that are in no inner parenthesis or quotes."""
    parts, depth, is_quoted, start = [], 0, False, 0
    for position, letter in enumerate(items):
        if letter == '"':
            is_quoted = not is_quoted
        elif not is_quoted:
            depth += (letter == "(") - (letter == ")")
            if letter == "," and depth == 0:
                parts.append(items[start:position].strip())
                start = position + 1
    return (*parts, items[start:].strip())
