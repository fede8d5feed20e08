"""What a column means: its code system or identifier, its PHI class, and whether it must stay text."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from medical_data_pipeline.conversion import header_rules as rules
from medical_data_pipeline.conversion import value_evidence as evidence
from medical_data_pipeline.conversion.code_systems import (
    FoundCode,
    code_by_header,
    code_by_values,
    head_word,
)
from medical_data_pipeline.conversion.header_words import header_words
from medical_data_pipeline.conversion.value_forms import (
    is_date_like,
    is_measured,
    is_number,
    is_short_code,
    is_time_of_day,
    share,
)
from medical_data_pipeline.model.table import Meaning, PhiClass

MAX_CELLS = 500
MAX_CELL = 200
HALF = 0.5
MOST = 0.8
SOME_NAMES = 0.15
MANY_NAMES = 0.3
# Columns that refer to something shared by many patients; a unique identifier in them is no one's own.
_REFERENCES = frozenset({"payer", "category_id", "concept_id", "department"})


@dataclass(frozen=True)
class Recognition:
    """What a column was recognised as. `keep_text`: it stays text even if every value is a number."""

    meaning: Meaning = field(default_factory=Meaning)
    keep_text: bool = False
    keep_text_reason: str = ""


@dataclass(frozen=True)
class _Seen:
    """One column's header as words, and a bounded, trimmed sample of its values."""

    words: tuple[str, ...]
    cells: tuple[str, ...]
    table: frozenset[str]

    @property
    def head(self) -> str:
        return head_word(self.words)

    @property
    def letters(self) -> frozenset[str]:
        return frozenset(word for word in self.words if not word.isdigit())


def recognise(header: str, name: str, sample: Sequence[str], table: str = "") -> Recognition:
    """What the column `header` (`name` in the catalog) of `table` is, from distinct non-empty cells of it.

    When in doubt a PHI class is given. No reason holds a value.
    """
    trimmed = (cell[:MAX_CELL].strip() for cell in sample[:MAX_CELLS])
    words = _without_abbreviated_number(header_words(header) or header_words(name))
    seen = _Seen(words, tuple(cell for cell in trimmed if cell), frozenset(header_words(table)))
    found = _by_header(seen) or _by_values(seen)
    return _guarded(found, seen)


def _without_abbreviated_number(words: tuple[str, ...]) -> tuple[str, ...]:
    """`claim_no` is a claim number; `no_show` is not."""
    return (*words[:-1], "number") if len(words) > 1 and words[-1] == "no" else words


def _found(tag: str, phi: PhiClass, reason: str, keep_text: str = "") -> Recognition:
    return Recognition(Meaning(tag, phi, reason), bool(keep_text), keep_text)


def _says(tag: str) -> str:
    return f"the header says {tag.replace('_', ' ')}"


def _by_header(seen: _Seen) -> Recognition | None:
    """What the header names, the most telling first; None when it names nothing known."""
    if not seen.words:
        return None
    for step in (_count, _identifier, _number_of, _code, _text, _time, _person):
        if found := step(seen):
            return found
    # Half a dozen check digits that all pass say more than a header such as "reaction" or "value".
    if code := code_by_values(seen.cells):
        return _of_code(code)
    return _measure_or_category(seen) or _other_id(seen)


def _count(seen: _Seen) -> Recognition | None:
    ordinals = {"seq", "sequence", "rank", "line", "row", "version", "value", "result"}
    is_place = seen.head == "number" and bool(ordinals & seen.letters)
    if seen.head in {"count", "counts"} or is_place or seen.words[:2] == ("number", "of"):
        return _found("count", PhiClass.NONE, "the header says count, place in an order or number of")
    return None


def _number_of(seen: _Seen) -> Recognition | None:
    """`num_visits` and `n_beds`, where no identifier is named."""
    is_number_of = len(seen.words) > 1 and seen.words[0] in {"number", "n"}
    if is_number_of and seen.head not in {"id", "code", "number", "n"}:
        return _found("count", PhiClass.NONE, "the header says number of")
    return None


def _identifier(seen: _Seen) -> Recognition | None:
    bag = frozenset(seen.words)
    blockers = rules.MEASURES | rules.CATEGORIES | rules.DATE_HEADS | rules.FREE_TEXT | rules.DESCRIPTIONS
    for rule in rules.IDENTIFIERS:
        if not rule.fits(bag):
            continue
        if seen.head in blockers and not any(seen.head in r for r in rule.reads if r <= bag):
            continue
        if rule.keep_text and share(seen.cells, _is_written_date, HALF) >= HALF:
            continue
        keep = f"leading zeros and format of a {rule.tag.replace('_', ' ')} carry meaning"
        return _found(rule.tag, rule.phi, _says(rule.tag), keep if rule.keep_text else "")
    return _postcode_by_abbreviation(seen)


def _postcode_by_abbreviation(seen: _Seen) -> Recognition | None:
    # "cp" and "cap" are also chest pain and capillary, so the values have to say it too.
    if seen.words in {("cp",), ("cap",), ("npa",)} and seen.cells:
        is_five_digits = share(seen.cells, lambda cell: cell.isdigit() and len(cell) in (4, 5), MOST) >= MOST
        if is_five_digits:
            return _found(
                "zip", PhiClass.ZIP, "the header may say postcode and the values agree", "a postcode"
            )
    return None


def _code(seen: _Seen) -> Recognition | None:
    found = code_by_header(seen.words, seen.cells, seen.table)
    return _of_code(found) if found else None


def _of_code(found: FoundCode) -> Recognition:
    keep = "a code is not a number: its zeros and points carry meaning"
    if found.tag == "npi":
        return _found("npi", PhiClass.PROVIDER, found.reason, keep)
    phi = PhiClass.NONE if found.matches else PhiClass.FREE_TEXT
    return _found(found.tag, phi, found.reason, keep)


def _text(seen: _Seen) -> Recognition | None:
    """Notes by their header. Findings and histories may be one coded word; those are judged by the values."""
    if seen.head not in rules.FREE_TEXT:
        return None
    if seen.cells and evidence.are_numbers(seen.cells):
        return None
    return _found("note", PhiClass.FREE_TEXT, "the header says notes or narrative")


def _time(seen: _Seen) -> Recognition | None:
    cells = seen.cells
    if seen.head in {"year", "time"} and cells:
        if share(cells, is_date_like, HALF) >= HALF:
            return _found("date", PhiClass.DATE, "the header says time and the values are dates")
        if share(cells, is_time_of_day, MOST) >= MOST:
            return _found("time_of_day", PhiClass.NONE, "the values are times of day without a date")
        if share(cells, _is_long_number, MOST) >= MOST:
            return _found(
                "epoch", PhiClass.DATE, "the header says time and the values can be seconds since 1970"
            )
        if evidence.are_numbers(cells):
            return _found(seen.head, PhiClass.NONE, "the values are plain numbers, not dates")
    is_date = seen.head in rules.DATE_HEADS or (seen.head not in {"id", "code"} and "date" in seen.letters)
    if is_date and seen.head not in rules.CATEGORIES | rules.MEASURES:
        return _found("date", PhiClass.DATE, "the header says date or time")
    return None


def _person(seen: _Seen) -> Recognition | None:
    bag, head = frozenset(seen.words), seen.head
    is_numeric = bool(seen.cells) and evidence.are_numbers(seen.cells)
    if seen.letters == {"patient"} or seen.letters == {"subject"}:
        return _patient(seen)
    if head in rules.PROVIDERS or (head == "by" and seen.words[0] not in {"group", "order", "sort"}):
        return _found("provider", PhiClass.PROVIDER, "the header names someone of the staff")
    if is_numeric or head in rules.MEASURES | rules.CATEGORIES | rules.DATE_HEADS | {"id", "number"}:
        return None
    for rule in rules.NAMES:
        if rule.fits(bag):
            return _found(rule.tag, PhiClass.NAME, _says(rule.tag))
    if len(seen.letters) == 1 and head in rules.BARE_NAMES and not share(seen.cells, is_date_like, HALF):
        return _found("name", PhiClass.NAME, "the header is a part of a person's name, or a person")
    if head in {"name", "names"}:
        return _named(seen)
    if head in rules.FACILITIES:
        return _found("facility", PhiClass.PROVIDER, "the header names a facility")
    return None


def _patient(seen: _Seen) -> Recognition:
    if seen.cells and not share(seen.cells, lambda cell: any(map(str.isdigit, cell)), HALF) >= HALF:
        return _found("name", PhiClass.NAME, "the header says patient and the values are not numbers")
    return _found("patient_id", PhiClass.RECORD_NUMBER, "the header says patient")


def _named(seen: _Seen) -> Recognition:
    """`name` with whatever stands before it: of staff, of a facility, of a thing, or else of a person."""
    subjects = seen.letters
    if subjects & rules.PROVIDERS:
        return _found("provider_name", PhiClass.PROVIDER, "the header says a name of the staff")
    if subjects & rules.FACILITIES:
        return _found("facility_name", PhiClass.PROVIDER, "the header says the name of a facility")
    if subjects & rules.NAMED_THINGS:
        return _found("name_of_thing", PhiClass.NONE, "the header says the name of a thing, not of a person")
    if seen.table & rules.THING_TABLES and share(seen.cells, _is_of_a_company, MANY_NAMES) >= MANY_NAMES:
        tag = "facility_name" if not seen.table & rules.CLINICAL_TABLES else "name_of_thing"
        phi = PhiClass.PROVIDER if tag == "facility_name" else PhiClass.NONE
        return _found(tag, phi, "the header says name; the table and the values say of what")
    return _found("name", PhiClass.NAME, "the header says name and nothing proves that it is not a person's")


def _is_of_a_company(cell: str) -> bool:
    return not rules.COMPANY_WORDS.isdisjoint(cell.casefold().split()) or any(map(str.isdigit, cell))


def _measure_or_category(seen: _Seen) -> Recognition | None:
    head = seen.head
    if head in rules.MEASURES or head in {"value", "result", "results", "measurement", "range"}:
        tag = "result" if head in {"value", "result", "results"} else "measurement"
        return _found(tag, PhiClass.NONE, "the header says a result or a quantity")
    if head in rules.CATEGORIES or (seen.letters & rules.TAGGED_CATEGORIES and head != "id"):
        tagged = sorted(seen.letters & rules.TAGGED_CATEGORIES)
        is_ward = bool(seen.letters & {"care", "nursing"})
        tag = (
            "unit"
            if head in {"unit", "units", "uom"} and not is_ward
            else (tagged[0] if tagged else "category")
        )
        return _found(tag, PhiClass.NONE, _says(tag))
    if head in rules.DESCRIPTIONS:
        return _description(seen)
    if head in {"diagnosis", "diagnoses", "procedure", "test", "drug", "medication", "vaccine"}:
        return _found(head, PhiClass.NONE, _says(head))
    return None


def _description(seen: _Seen) -> Recognition:
    is_of_a_thing = bool(
        seen.letters & (rules.NAMED_THINGS | {"reason", "icd", "loinc", "drg", "ndc", "cpt"})
    )
    if is_of_a_thing or seen.table & rules.CLINICAL_TABLES or evidence.are_few_short_words(seen.cells):
        return _found("description", PhiClass.NONE, "the header says description of a code or a thing")
    return _found("description", PhiClass.FREE_TEXT, "the header says description, of what is not known")


def _other_id(seen: _Seen) -> Recognition | None:
    ids = {
        "id",
        "ids",
        "uid",
        "uuid",
        "guid",
        "identifier",
        "key",
        "number",
        "encounter",
        "visit",
        "claim",
        "case",
    }
    if seen.letters == {"id"} and seen.table & {"patient", "patients", "persons"}:
        return _found("patient_id", PhiClass.RECORD_NUMBER, "the header says id, in a table of patients")
    if seen.head in ids and not share(seen.cells, is_date_like, HALF) >= HALF:
        return _found("id", PhiClass.OTHER_ID, "the header says identifier or number")
    return None


def _by_values(seen: _Seen) -> Recognition:
    """What the values alone say of a column whose header says nothing."""
    cells = seen.cells
    if not cells:
        return Recognition()
    if found := code_by_values(cells):
        return _of_code(found)
    if share(cells, is_time_of_day, MOST) >= MOST:
        return _found("time_of_day", PhiClass.NONE, "the values are times of day without a date")
    if seen_as := evidence.evidence_of(cells):
        return _found(seen_as.tag, seen_as.phi, seen_as.reason)
    if evidence.share_of_common_names(cells) >= SOME_NAMES:
        return _found("name", PhiClass.NAME, "many values hold common names of persons")
    if evidence.are_numbers(cells):
        return _long_numbers(cells)
    if share(cells, is_measured, MOST) >= MOST:
        return Recognition()
    if evidence.look_like_persons(cells):
        return _found("name", PhiClass.NAME, "nearly all values are written like names of persons")
    if evidence.reads_like_prose(cells):
        return _found("note", PhiClass.FREE_TEXT, "the values read like prose")
    if evidence.look_like_identifiers(cells):
        return _found("id", PhiClass.OTHER_ID, "the values look like identifiers")
    if evidence.are_few_short_words(cells):
        return Recognition()
    return _found("", PhiClass.FREE_TEXT, "text of an unknown kind with many different values")


def _long_numbers(cells: tuple[str, ...]) -> Recognition:
    """Distinct whole numbers of eight digits or more count nothing that is measured in a patient."""
    if len(cells) >= 10 and share(cells, _is_long_number, MOST) >= MOST:
        return _found("id", PhiClass.OTHER_ID, "the values are long whole numbers, all different")
    return Recognition()


def _is_written_date(cell: str) -> bool:
    """Eight digits alone can be a record number as well as a date."""
    return not cell.isdigit() and bool(is_date_like(cell))


def _is_long_number(cell: str) -> bool:
    return cell.isdigit() and len(cell) >= 8


def _guarded(found: Recognition, seen: _Seen) -> Recognition:
    """The finding, made stricter where the values show that a harmless header holds persons after all."""
    cells = seen.cells
    if found.meaning.phi is not PhiClass.NONE or not cells:
        return found
    if share(cells, is_number, MOST) >= MOST and not evidence.holds_an_identifier(cells):
        return found
    seen_as = evidence.evidence_of(cells)
    if seen_as and seen_as.tag == "uuid" and found.meaning.tag in _REFERENCES:
        return found
    if seen_as and not (found.keep_text and seen_as.phi is PhiClass.DATE) and seen_as.tag != "oid":
        return _stricter(found, seen_as.phi, seen_as.reason)
    if evidence.holds_an_identifier(cells):
        return _stricter(found, PhiClass.FREE_TEXT, "a value holds an e-mail address, a phone number or such")
    if found.keep_text:
        if share(cells, is_short_code, MOST) >= MOST:
            return found
        return _stricter(found, PhiClass.FREE_TEXT, "the values do not look like codes")
    if evidence.share_of_common_names(cells) >= MANY_NAMES:
        return _stricter(found, PhiClass.NAME, "many values hold common names of persons")
    if evidence.tells_of_persons(cells):
        return _stricter(found, PhiClass.FREE_TEXT, "the values read like sentences about a person")
    return found


def _stricter(found: Recognition, phi: PhiClass, why: str) -> Recognition:
    before = f"{found.meaning.reason}, but " if found.meaning.reason else ""
    return replace(found, meaning=replace(found.meaning, phi=phi, reason=before + why))
