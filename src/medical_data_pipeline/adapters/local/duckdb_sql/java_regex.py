"""Java's regular expressions: in Python's syntax, and in DuckDB's where both agree."""

import re
from functools import lru_cache

from medical_data_pipeline.errors import QueryRejected

# What Python writes otherwise or has not; a pattern with these is refused by name.
_NOT_PYTHON = re.compile(r"\\[pPhHRXQEzGkKN]|&&|\(\?[<]?[a-zA-Z]*\{|\[\[:")
_RE2_SAFE = re.compile(
    r"""(?:
        [\w\ \-,;:=/@\#%!<>"'~`]                     # plain characters
      | \[\^?(?:[\w\ \-]|\\d)+\]                     # a class of plain characters
      | \\[.()\[\]{}*+?|^$\\/\-d]                    # an escape
      | [+*?](?![+*?])                               # a greedy quantifier
      | \{\d{1,2}(?:,\d{1,2})?\}(?![+*?])
      | \^ | \| | \((?!\?) | \)
    )*""",
    re.ASCII | re.VERBOSE,
)


def require_supported(pattern: str) -> None:
    """Raises: QueryRejected: the pattern is wrong, or means something else to Python's engine."""
    try:
        compiled(pattern)
    except re.error:
        raise QueryRejected("SQL_TYPE", "a regular expression is not of its form") from None
    except NotImplementedError:
        raise QueryRejected(
            "SQL_UNSUPPORTED", "a construct of this regular expression is not supported"
        ) from None


@lru_cache(maxsize=512)
def compiled(pattern: str) -> "re.Pattern[str]":
    """Raises:
    re.error: not a regular expression.
    NotImplementedError: a construct of Java's that Python's engine has not.
    """
    translated = _RENAMED.sub(_renamed, pattern)
    if _NOT_PYTHON.search(translated):
        raise NotImplementedError
    flags = 0
    lead = re.match(r"\(\?([a-zA-Z]+)\)", translated)
    inline = re.search(r"(?<!\\)\(\?([imsxu]+)\)", translated)
    if inline and not lead:
        # Java lets flags begin anywhere; Python only at the start, or for a group.
        if translated[: inline.start()].count("(") != translated[: inline.start()].count(")"):
            raise NotImplementedError
        head, tail = translated[: inline.start()], translated[inline.end() :]
        if "|" in tail or "|" in head:
            raise NotImplementedError
        translated = f"{head}(?{inline[1]}:{tail})"
    if re.search(r"\(\?[^)]*[dU]", translated[:12]) and lead:
        raise NotImplementedError
    return re.compile(translated, flags)


_RENAMED = re.compile(r"\\\\|\\Z|\\z|\(\?<(?![=!])|\$|\[\]")


def _renamed(match: "re.Match[str]") -> str:
    # Python's \Z is Java's \z; Java's \Z and $ also stand before a final line break, as Python's $ does.
    return {r"\Z": "$", r"\z": r"\Z", "(?<": "(?P<"}.get(match[0], match[0])


def as_re2(pattern: str) -> str | None:
    """The pattern for DuckDB's fast engine, or None unless both surely find a match in the same texts."""
    body, anchor = (
        (pattern[:-1], r"\n?\z") if pattern.endswith("$") and not pattern.endswith(r"\$") else (pattern, "")
    )
    if not _RE2_SAFE.fullmatch(body) or "$" in re.sub(r"\\.", "", body):
        return None
    # Java's digits are those of every script, RE2's are ASCII.
    return body.replace(r"\d", r"\p{Nd}") + anchor if r"\\d" not in body else None


def replacement(template: str, pattern: "re.Pattern[str]") -> list[str | int]:
    """Java's replacement text as pieces: text, or the number of a group.

    Raises:
        ValueError: a `$` without a group, or a group that is not there.
    """
    pieces: list[str | int] = []
    position = 0
    while position < len(template):
        character = template[position]
        position += 1
        if character == "\\":
            if position == len(template):
                raise ValueError("a replacement ends in a backslash")
            pieces.append(template[position])
            position += 1
        elif character == "$":
            group, position = _group(template, position, pattern)
            pieces.append(group)
        else:
            pieces.append(character)
    return pieces


def _group(template: str, position: int, pattern: "re.Pattern[str]") -> tuple[int, int]:
    named = re.match(r"\{(\w+)\}", template[position:])
    if named:
        if named[1] not in pattern.groupindex:
            raise ValueError("a replacement names a group that is not there")
        return pattern.groupindex[named[1]], position + named.end()
    if not template[position : position + 1].isdigit():
        raise ValueError("a replacement has a $ without a group")
    group = int(template[position])
    position += 1
    if group > pattern.groups:
        raise ValueError("a replacement names a group that is not there")
    # Java takes as many digits as name a group that is there.
    while (
        template[position : position + 1].isdigit() and group * 10 + int(template[position]) <= pattern.groups
    ):
        group = group * 10 + int(template[position])
        position += 1
    return group, position
