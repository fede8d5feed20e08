"""Code systems of medicine: recognised by the header, the form of the codes, and their check digits."""

from collections.abc import Sequence
from dataclasses import dataclass

from medical_data_pipeline.conversion import value_forms as forms
from medical_data_pipeline.conversion.header_rules import (
    CATEGORIES,
    DATE_HEADS,
    DESCRIPTIONS,
    FREE_TEXT,
    MEASURES,
)

MOST = 0.8
NEARLY_ALL = 0.95
NOT_A_CODE = MEASURES | CATEGORIES | DESCRIPTIONS | FREE_TEXT | DATE_HEADS | {"name", "names", "ref", "note"}


@dataclass(frozen=True)
class CodeSystem:
    """A code system: what its header says, how a code looks, how many make sure without a header."""

    tag: str
    title: str
    reads: tuple[frozenset[str], ...]
    test: forms.Test | None = None
    enough: int = 0

    def named_by(self, words: frozenset[str], head: str) -> bool:
        """Whether the header names it; a header whose last word is a measure is about it, not of it."""
        return any(wanted <= words and (head not in NOT_A_CODE or head in wanted) for wanted in self.reads)


@dataclass(frozen=True)
class FoundCode:
    """A recognised code system. `matches` is false when the header names it and the values look otherwise."""

    tag: str
    reason: str
    matches: bool = True


def _system(tag: str, title: str, reads: str, test: forms.Test | None = None, enough: int = 0) -> CodeSystem:
    return CodeSystem(tag, title, tuple(frozenset(r.split()) for r in reads.split("|") if r), test, enough)


_ICD10_CM = _system("icd10cm", "ICD-10-CM", "icd 10 cm", forms.is_icd10)
_ICD10 = _system("icd10", "ICD-10", "icd 10|icd 10 gm|cim 10|cie 10", forms.is_icd10)
_ICD10_DOTTED = _system("icd10", "ICD-10", "", forms.is_icd10_dotted, 3)
_ICD10_PCS = _system("icd10pcs", "ICD-10-PCS", "icd 10 pcs|pcs code|icd 10 procedure", forms.is_icd10_pcs)
_ICD9 = _system("icd9", "ICD-9", "icd 9|icd 9 cm", forms.is_icd9)
_ICD9_PROCEDURE = _system("icd9proc", "ICD-9 procedure", "icd 9 procedure", forms.is_icd9_procedure)
_LOINC = _system("loinc", "LOINC", "loinc", forms.is_loinc, 3)
_SNOMED = _system("snomed", "SNOMED CT", "snomed|sct|sctid|snomedct", forms.is_snomed, 8)
_NPI = _system("npi", "National Provider Identifier", "npi", forms.is_npi, 8)
_NDC = _system("ndc", "National Drug Code", "ndc", forms.is_ndc)
_NDC_HYPHENATED = _system("ndc", "National Drug Code", "", forms.is_ndc_hyphenated, 3)
_CPT = _system("cpt", "CPT", "cpt", forms.is_cpt)
_HCPCS = _system("hcpcs", "HCPCS", "hcpcs", forms.is_hcpcs)
_RXNORM = _system("rxnorm", "RxNorm", "rxnorm|rxcui|rx norm|rx cui", forms.is_integer)
_CVX = _system("cvx", "CVX vaccine", "cvx", forms.is_integer)
_ATC = _system("atc", "ATC", "atc", forms.is_atc, 3)
_TAXONOMY = _system("provider_taxonomy", "provider taxonomy", "taxonomy", forms.is_taxonomy, 2)
_CURIE = _system("curie", "prefixed concept", "", forms.is_curie, 2)
_SOP = _system("dicom_sop_class", "DICOM class", "sop code|sop class", forms.is_dicom_class, 1)

# What a header that only says "ICD", "diagnosis" or "procedure" can hold, by its values.
_ANY_ICD = (_ICD10, _ICD9, _ICD10_PCS)
_DIAGNOSIS = (_SNOMED, _ICD10, _ICD9)
_PROCEDURE = (_SNOMED, _LOINC, _CPT, _HCPCS, _ICD10_PCS, _ICD9_PROCEDURE)
_ANY_CODE = (_SNOMED, _LOINC, _NDC_HYPHENATED, _ICD10_DOTTED, _ATC, _TAXONOMY, _CURIE, _SOP)
_DIAGNOSES = frozenset({"diagnosis", "diagnoses", "problem", "condition", "indication", "comorbidity"})
_PROCEDURES = frozenset({"procedure"})

BY_HEADER = (
    *(_ICD10_PCS, _ICD10_CM, _ICD9_PROCEDURE),
    _system("icd11", "ICD-11", "icd 11"),
    _system("icdo", "ICD-O", "icd o|icdo"),
    *(_ICD10, _ICD9, _LOINC, _SNOMED, _RXNORM, _NDC, _CPT, _HCPCS, _NPI, _CVX, _ATC),
    _system("ops", "OPS", "ops code|ops kode", forms.is_ops),
    _system("drg", "diagnosis related group", "drg|ms drg|apr drg|msdrg"),
    _system("revenue_code", "revenue centre", "revenue code|rev code|revenue center"),
    _system("place_of_service", "place of service", "place service|pos code"),
    _system("type_of_bill", "type of bill", "bill type|tob code"),
    _system("modifier", "procedure modifier", "modifier|modifiers"),
    _system("meddra", "MedDRA", "meddra"),
    _system("gtin", "trade item number", "gtin|ean code|upc code|pzn|ucc"),
    *(_TAXONOMY, _SOP),
)
BY_VALUES = (_LOINC, _SNOMED, _NPI, _NDC_HYPHENATED, _ICD10_DOTTED, _ATC, _TAXONOMY, _CURIE, _SOP)


def code_by_header(words: Sequence[str], cells: Sequence[str], table: frozenset[str]) -> FoundCode | None:
    """The code system the header names, made exact by the values where the header leaves it open."""
    bag, head = frozenset(words), head_word(words)
    for system in BY_HEADER:
        if system.named_by(bag, head) and not _are_measured(cells):
            return _confirmed(system, cells)
    if head in NOT_A_CODE:
        return None
    if "icd" in bag:
        return _first_that_fits(_ANY_ICD, cells) or FoundCode("icd", "the header says ICD")
    is_code = head in {"code", "codes"} or head.endswith("code")
    if bag & _DIAGNOSES and head != "id":
        found = _first_that_fits(_DIAGNOSIS, cells)
        return found or (_plain_code("diagnosis_code", cells) if is_code else None)
    if bag & _PROCEDURES and head != "id":
        # Without "code" in the header, two or four digits may just as well be a number of procedures.
        found = _first_that_fits(_PROCEDURE if is_code else _PROCEDURE[:-1], cells)
        return found or (_plain_code("procedure_code", cells) if is_code else None)
    if is_code:
        return _first_that_fits(_ANY_CODE, cells) or _by_table(cells, table) or _plain_code("code", cells)
    return None


def code_by_values(cells: Sequence[str]) -> FoundCode | None:
    """The code system that nearly all of enough values belong to, whatever the header says."""
    for system in BY_VALUES:
        if len(cells) < system.enough or system.test is None:
            continue
        if forms.share(cells, system.test, NEARLY_ALL) >= NEARLY_ALL and _is_evident(system, cells):
            return FoundCode(system.tag, f"nearly all values have the form of {system.title} codes")
    return None


def head_word(words: Sequence[str]) -> str:
    """The word that says what the column is of: the last one, or the one before "of"; numbering aside."""
    named = words[: words.index("of")] if "of" in words else words
    return next((word for word in reversed(named) if not word.isdigit()), "")


def _are_measured(cells: Sequence[str]) -> bool:
    """Decimals that no code has: a DRG's weight, a risk modifier of 1.25."""
    are_numbers = bool(cells) and forms.share(cells, forms.is_number) >= MOST
    return are_numbers and forms.share(cells, forms.is_numeric_code) < MOST


def _is_evident(system: CodeSystem, cells: Sequence[str]) -> bool:
    # Undotted, a room or bed number ("B12") looks like an ICD-10 category.
    return system is not _ICD10_DOTTED or sum("." in cell for cell in cells) * 4 >= len(cells)


def _confirmed(system: CodeSystem, cells: Sequence[str]) -> FoundCode:
    tag = "icd10cm" if system is _ICD10 and _is_clinical_modification(cells) else system.tag
    said = f"the header says {system.title} code"
    if not cells or system.test is None:
        return FoundCode(tag, said)
    if forms.share(cells, system.test) >= MOST:
        return FoundCode(tag, f"{said} and the values have its form")
    matches = forms.share(cells, forms.is_short_code) >= MOST
    return FoundCode(tag, f"{said}, though many values have another form", matches)


def _first_that_fits(systems: Sequence[CodeSystem], cells: Sequence[str]) -> FoundCode | None:
    for system in systems:
        if system.test is not None and cells and forms.share(cells, system.test, MOST) >= MOST:
            is_cm = system is _ICD10 and _is_clinical_modification(cells)
            title = "ICD-10-CM" if is_cm else system.title
            tag = "icd10cm" if is_cm else system.tag
            return FoundCode(tag, f"the header says code and the values have the form of {title}")
    return None


def _is_clinical_modification(cells: Sequence[str]) -> bool:
    """Only the American ICD-10 has codes of six and seven characters."""
    return any(len(cell.replace(".", "")) > 5 for cell in cells)


def _by_table(cells: Sequence[str], table: frozenset[str]) -> FoundCode | None:
    said = "the header says code, the table's name says which"
    if not cells or forms.share(cells, forms.is_integer) < MOST:
        return None
    if table & {"immunization", "immunizations", "vaccine", "vaccines", "vaccinations"}:
        return FoundCode("cvx", said)
    if table & {"medication", "medications", "prescription", "prescriptions", "drugs"}:
        is_ndc = forms.share(cells, forms.is_ndc) >= MOST
        return FoundCode("ndc" if is_ndc else "rxnorm", said)
    return None


def _plain_code(tag: str, cells: Sequence[str]) -> FoundCode | None:
    if not cells or forms.share(cells, forms.is_numeric_code) >= MOST:
        return FoundCode(tag, "the header says code")
    return None
