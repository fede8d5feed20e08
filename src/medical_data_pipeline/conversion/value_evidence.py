"""What the values of a column give away about persons, whatever its header says."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from medical_data_pipeline.conversion import value_forms as forms
from medical_data_pipeline.conversion.common_names import COMMON_NAMES
from medical_data_pipeline.conversion.header_words import fold
from medical_data_pipeline.model.table import PhiClass

HALF = 0.5
MOST = 0.8
LONG_CELL = 80
PROSE_WORDS = 6
FEW_DISTINCT = 20


@dataclass(frozen=True)
class Evidence:
    """A PHI class the values speak for."""

    tag: str
    phi: PhiClass
    reason: str


_FORMS: tuple[tuple[forms.Test, str, PhiClass, str], ...] = (
    (forms.is_email, "email", PhiClass.EMAIL, "e-mail addresses"),
    (forms.is_ssn, "ssn", PhiClass.SSN, "social security numbers"),
    (forms.is_date_like, "date", PhiClass.DATE, "dates"),
    (forms.is_uuid, "uuid", PhiClass.OTHER_ID, "unique identifiers (UUID)"),
    (forms.is_phone, "phone", PhiClass.PHONE, "phone numbers"),
    (forms.is_url, "url", PhiClass.URL, "web addresses"),
    (forms.is_ip, "ip_address", PhiClass.IP_ADDRESS, "IP addresses"),
    (forms.is_mac, "mac_address", PhiClass.DEVICE, "network device addresses"),
    (forms.is_mbi, "mbi", PhiClass.PLAN_NUMBER, "Medicare beneficiary identifiers"),
    (forms.is_udi, "udi", PhiClass.DEVICE, "unique device identifiers"),
    (forms.is_dea, "dea_number", PhiClass.LICENCE_NUMBER, "DEA numbers with their check digit"),
    (forms.is_vin, "vehicle_id", PhiClass.LICENCE_NUMBER, "vehicle identification numbers"),
    (forms.is_zip_plus_4, "zip", PhiClass.ZIP, "ZIP+4 codes"),
    (forms.is_uk_or_canadian_postcode, "zip", PhiClass.ZIP, "postcodes"),
    (forms.is_oid, "oid", PhiClass.OTHER_ID, "object identifiers"),
)
_SINGLE_IDENTIFIER = re.compile(
    r"[^\s@,;<>]{1,64}@[^\s@,;<>]{1,64}\.[a-z]{2,}|https?://\S|(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])"
    r"|\(\d{3}\) ?\d{3}-\d{4}|(?<![\d-])\d{3}[-.]\d{3}[-.]\d{4}(?![\d-])",
    re.ASCII,
)
_LETTERS = re.compile(r"[^\W\d_]+")
_PERSON = re.compile(r"[^\W\d_][\w'’.-]*,? (?:[^\W\d_]\.? )?[^\W\d_][\w'’.-]*")  # noqa: RUF001
_TALKS_OF_A_PERSON = re.compile(
    r"\b(?:pt|patient (?:is|was|has|reports|denies|states)|he|she|his|her|mr|mrs|dr|denies|wife|husband)\b",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"[.!?]\s+[A-Z]|[\r\n]")


def evidence_of(cells: Sequence[str]) -> Evidence | None:
    """The identifier that at least half of the values have the form of."""
    for test, tag, phi, title in _FORMS:
        if forms.share(cells, test, HALF) >= HALF:
            return Evidence(tag, phi, f"at least half of the values look like {title}")
    return None


def holds_an_identifier(cells: Sequence[str]) -> bool:
    """Whether any value has an e-mail address, an SSN, a phone number or a link in it."""
    return _SINGLE_IDENTIFIER.search("\n".join(cells)) is not None


def share_of_common_names(cells: Sequence[str]) -> float:
    if not cells:
        return 0.0
    return sum(1 for cell in cells if _has_common_name(cell)) / len(cells)


def look_like_persons(cells: Sequence[str]) -> bool:
    """Two or three capitalised words in nearly every value, as in `Ann Lee` or `Lee, Ann`."""
    return forms.share(cells, _is_person_like, MOST) >= MOST


def reads_like_prose(cells: Sequence[str]) -> bool:
    """Whether a good part of the values are sentences or tell of a person."""
    telling = sum(1 for cell in cells if len(cell) > LONG_CELL or _is_sentence(cell))
    return telling > 0 and telling * 10 >= len(cells)


def tells_of_persons(cells: Sequence[str]) -> bool:
    """Narrower than prose: terms of a vocabulary can be long, but they name nobody and end nowhere."""
    telling = sum(1 for cell in cells if _SENTENCES.search(cell) or _TALKS_OF_A_PERSON.search(cell))
    return telling > 0 and telling * 10 >= len(cells)


def are_few_short_words(cells: Sequence[str]) -> bool:
    """Categories: few, short, and without numbers in them that could count people."""
    return len(cells) <= FEW_DISTINCT and all(
        len(cell) <= 24 and cell.count(" ") <= 2 and sum(map(str.isdigit, cell)) <= 2 for cell in cells
    )


def are_numbers(cells: Sequence[str]) -> bool:
    return forms.share(cells, forms.is_number, MOST) >= MOST


def look_like_identifiers(cells: Sequence[str]) -> bool:
    """Single tokens with several digits in them: `P00123`, `7f3a9c01`, `2024/118`."""
    return forms.share(cells, _is_identifier_like, HALF) >= HALF


def _is_identifier_like(cell: str) -> bool:
    digits = sum(map(str.isdigit, cell))
    # `120/80` and `3.5-5.1` are measured.
    is_long_enough = digits >= 3 if any(map(str.isalpha, cell)) else digits >= 7
    return " " not in cell and is_long_enough and not forms.is_number(cell)


def _is_person_like(cell: str) -> bool:
    words = _LETTERS.findall(cell)
    return bool(_PERSON.fullmatch(cell)) and all(word[0].isupper() for word in words if len(word) > 3)


def _has_common_name(cell: str) -> bool:
    return any(fold(word) in COMMON_NAMES for word in _LETTERS.findall(cell)[:4] if word[0].isupper())


def _is_sentence(cell: str) -> bool:
    is_wordy = cell.count(" ") >= PROSE_WORDS - 1
    return is_wordy or bool(_SENTENCES.search(cell)) or bool(_TALKS_OF_A_PERSON.search(cell))
