"""Date formats as operators write them: strptime's letters, or DD.MM.YYYY."""

import re

# A two-digit year is refused: nothing says whether 24 is 1924 or 2024, and patients are born in both.
LETTERS = frozenset("YmdHMSfbBpIz")
_FRIENDLY = (
    ("YYYY", "%Y"),
    ("MMMM", "%B"),
    ("MMM", "%b"),
    ("MM", "%m"),
    ("DD", "%d"),
    ("HH24", "%H"),
    ("HH12", "%I"),
    ("HH", "%H"),
    ("hh", "%I"),
    ("mi", "%M"),
    ("MI", "%M"),
    ("mm", "%M"),
    ("ss", "%S"),
    ("SS", "%S"),
    ("ffffff", "%f"),
    ("AM", "%p"),
    ("PM", "%p"),
)
_FRIENDLY_WORDS = re.compile("|".join(word for word, _ in _FRIENDLY) + "|T(?=HH|hh)|Z$|[^A-Za-z]")


def parse_date_format(text: str) -> str:
    """`text` in strptime's letters.

    Raises:
        ValueError: a letter that conversion does not read, or a date that is not fully said.
    """
    written = text if "%" in text else _from_friendly(text)
    letters = re.findall(r"%(.?)", written)
    wrong = [letter for letter in letters if letter not in LETTERS]
    if wrong or len(set(letters)) != len(letters):
        raise ValueError("a date format uses each of %Y %m %d %H %M %S %f %b %B %p %I %z at most once")
    said = set(letters)
    if not {"Y", "d"} <= said or len(said & {"m", "b", "B"}) != 1:
        raise ValueError("a date format says the year with four digits, the month and the day")
    if ("I" in said) != ("p" in said) or {"H", "I"} <= said:
        raise ValueError("%I and %p go together, and not with %H")
    if re.search(r"[A-Za-z]", re.sub(r"%.", "", written).replace("T", "").removesuffix("Z")):
        raise ValueError("a date format holds no letters but T and Z")
    return written


def _from_friendly(text: str) -> str:
    words = dict(_FRIENDLY)
    pieces = _FRIENDLY_WORDS.findall(text)
    if "".join(pieces) != text:
        raise ValueError("a date format is written with YYYY, MM, DD, HH, mm and ss")
    return "".join(words.get(piece, piece) for piece in pieces)
