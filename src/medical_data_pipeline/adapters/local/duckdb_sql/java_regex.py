"""Java's regular expressions: in Python's syntax, and in DuckDB's where both agree."""

import re
from functools import lru_cache

from medical_data_pipeline.errors import QueryRejected

Pattern = re.Pattern[str]
# What only the regex module reads as Java does: properties of characters, sets of sets, flags in the middle.
_WIDER = re.compile(r"\\[pP]|&&|\\Q|\\k<|\\x\{|\[[^]]*\[")
# What is written otherwise here, or does not exist; a pattern with these is refused by name.
_NOT_HERE = re.compile(r"\\[hHRXEzGKNce]|\\0|\(\?[<]?[a-zA-Z]*\{|\[\[:|(?<=\[)[^]]*(?:--|\|\||~~)")
_CATEGORIES = "L Lu Ll Lt Lm Lo M Mn Mc Me N Nd Nl No P Pc Pd Ps Pe Pi Pf Po S Sm Sc Sk So Z Zs Zl Zp C Cc Cf"
_CLASSES = "Alpha Digit Alnum Upper Lower Space XDigit Cntrl Blank ASCII"
_SCRIPTS = "Latin Greek Cyrillic Han Hiragana Katakana Hangul Arabic Hebrew Thai"
_PROPERTIES = frozenset(f"{_CATEGORIES} {_CLASSES} {_SCRIPTS}".split())
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
def compiled(pattern: str) -> Pattern:
    """Raises:
    re.error: not a regular expression.
    NotImplementedError: a construct of Java's without an equal here.
    """
    if _WIDER.search(pattern) or _has_flags_inside(pattern):
        return _compiled_wider(pattern)
    translated = _RENAMED.sub(_renamed, pattern)
    if _NOT_HERE.search(_LITERAL_ESCAPES.sub("", translated)):
        raise NotImplementedError
    _require_flags(translated)
    return re.compile(translated)


def _compiled_wider(pattern: str) -> Pattern:
    # Few patterns need it, and every cold start of the query function would wait for its tables.
    import regex  # noqa: PLC0415

    for name in re.findall(r"\\[pP]\{?\^?(\w*)", pattern):
        if name not in _PROPERTIES and name[:1] not in _PROPERTIES:
            raise NotImplementedError
    literal = re.sub(r"\\Q(.*?)(?:\\E|$)", lambda match: re.escape(match[1]), pattern, flags=re.DOTALL)
    literal = re.sub(r"\\x\{([0-9A-Fa-f]{1,6})\}", lambda match: f"\\U{int(match[1], 16):08x}", literal)
    translated = _RENAMED.sub(_renamed, re.sub(r"\\k<(\w+)>", r"(?P=\1)", literal))
    if _NOT_HERE.search(_LITERAL_ESCAPES.sub("", translated)):
        raise NotImplementedError
    _require_flags(translated)
    try:
        made: Pattern = regex.compile(translated, regex.V1)
    except regex.error:
        raise re.error("not a regular expression") from None
    return made


def _has_flags_inside(pattern: str) -> bool:
    """Java lets flags begin anywhere; Python's own engine only at the start, or for a group."""
    inline = re.search(r"(?<!\\)\(\?-?[imsxu]+\)", pattern)
    return inline is not None and inline.start() > 0


def _require_flags(pattern: str) -> None:
    """Raises: NotImplementedError: a flag that means something else in Java."""
    if any(re.search("[^imsx-]", flags) for flags in re.findall(r"(?<!\\)\(\?([a-zA-Z-]+)[:)]", pattern)):
        raise NotImplementedError


_LITERAL_ESCAPES = re.compile(r"\\\\")
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


def replacement(template: str, pattern: Pattern) -> list[str | int]:
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


def _group(template: str, position: int, pattern: Pattern) -> tuple[int, int]:
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
