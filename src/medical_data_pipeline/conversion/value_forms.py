"""What cells look like: one compiled form for each identifier and code system, and how many cells have it."""

import re
from collections.abc import Callable, Sequence

from medical_data_pipeline.conversion.check_digits import (
    passes_dea,
    passes_loinc,
    passes_npi,
    passes_verhoeff,
)

Test = Callable[[str], object]
PROBE = 24


def share(sample: Sequence[str], test: Test, wanted: float = 0.0) -> float:
    """The share of cells that pass; 0.0 as soon as the first ones show that `wanted` is out of reach."""
    if not sample:
        return 0.0
    if len(sample) > 2 * PROBE and wanted > 0:
        probed = sum(1 for cell in sample[:PROBE] if test(cell))
        if probed < wanted * PROBE / 2:
            return 0.0
    return sum(1 for cell in sample if test(cell)) / len(sample)


def form(pattern: str, flags: int = 0) -> Test:
    return re.compile(pattern, re.ASCII | flags).fullmatch


_LOINC = form(r"[1-9]\d{0,4}-\d|[1-9]\d{5,6}-\d")
# The two digits before the check digit say what a SNOMED CT identifier is of: concept, description, relation.
_SNOMED = form(r"[1-9]\d{2,14}[01][0-2]\d")
_NPI = form(r"[12]\d{9}")
_DEA = form(r"[A-Z][A-Z9]\d{7}")

is_icd10_dotted = form(r"[A-Z]\d[0-9AB](?:\.[0-9A-Z]{1,4}[*†!+]?)?", re.IGNORECASE)
is_icd10 = form(r"[A-Z]\d[0-9AB]\.?[0-9A-Z]{0,4}[*†!+-]?", re.IGNORECASE)
is_icd10_pcs = form(r"[0-9A-HJ-NP-Z]{7}")
is_icd9 = form(r"(?:\d{3}|V\d{2})(?:\.?\d{1,2})?|E\d{3}(?:\.?\d)?", re.IGNORECASE)
is_icd9_procedure = form(r"\d{2}(?:\.\d{1,2})?|\d{3,4}")
is_ndc_hyphenated = form(r"\d{4}-\d{4}-\d{2}|\d{5}-\d{3}-\d{2}|\d{5}-\d{4}-\d{1,2}")
is_ndc = form(r"\d{9,11}|\d{4}-\d{4}-\d{2}|\d{5}-\d{3}-\d{2}|\d{5}-\d{4}-\d{1,2}")
is_cpt = form(r"\d{4}[0-9FTUM]|\d{5}[ -][0-9A-Z]{2}")
is_hcpcs = form(r"[A-V]\d{4}|\d{4}[0-9FTU]")
is_atc = form(r"[A-DGHJ-NPRSV]\d{2}[A-Z]{2}\d{2}")
is_taxonomy = form(r"\d{3}[0-9A-Z]{6}X")
is_curie = form(r"(?:HP|MONDO|ORPHA|GO|OMIM|SNOMED|LOINC|RXNORM|NCIT|DOID|UBERON):[0-9A-Z-]+", re.IGNORECASE)
is_ops = form(r"\d-[0-9]{2}[0-9a-z](?:\.[0-9a-z]{1,2})?")
is_dicom_class = form(r"1\.2\.840\.10008(?:\.\d+)+")

is_ssn = form(r"\d{3}[- ]\d{2}[- ]\d{4}")
is_nine_digits = form(r"\d{9}")
is_mbi = form(
    r"[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?"
    r"[AC-HJKMNP-RT-Y]{2}\d{2}"
)
is_phone = form(
    r"(?:\+\d{1,3}[ .-]?|1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?: ?(?:x|ext\.?) ?\d+)?"
    r"|\+\d{1,3}[ .-]?\(?\d{1,4}\)?(?:[ ./-]?\d{2,4}){2,5}"
    r"|(?!\d{4,5}-\d{3,4}-\d{1,2}$)0\d{1,4}[ /-]\d{2,4}(?:[ /-]\d{2,5}){1,4}",
    re.IGNORECASE,
)
is_email = form(r"[^\s@,;<>]+@[^\s@,;<>]+\.[A-Za-z]{2,}")
is_url = form(r"(?:https?|ftp|file|s3)://\S+|www\.\S+\.\S+", re.IGNORECASE)
is_ip = form(
    r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)|(?:[0-9a-f]{1,4}:){3,7}[0-9a-f:]+",
    re.IGNORECASE,
)
is_mac = form(r"(?:[0-9A-F]{2}[:-]){5}[0-9A-F]{2}", re.IGNORECASE)
is_zip_plus_4 = form(r"\d{5}-\d{4}")
is_uk_or_canadian_postcode = form(r"[A-Z]{1,2}\d[A-Z\d]? \d[A-Z]{2}|[A-Z]\d[A-Z] \d[A-Z]\d")
is_uuid = form(r"\{?[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\}?", re.IGNORECASE)
is_oid = form(r"[0-2](?:\.\d+){5,}")
is_udi = form(r"\(01\)\d{14}.*|\+[A-Z]\d{3}[0-9A-Z]{5,}/.*")
is_vin = form(r"(?=.*[A-Z])(?=.*\d)[A-HJ-NPR-Z0-9]{17}")
_MONTH = (
    r"(?:jan|feb|fev|mar|mrz|apr|avr|abr|may|mai|jun|jui|jul|aug|aou|ago"
    r"|sep|set|oct|okt|nov|dec|dez|dic|ene)[a-z]*"
)
is_date_like = form(
    r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ].*)?|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}(?:[T ,].*)?"
    rf"|\d{{1,2}}[ .-]*{_MONTH}\.?[ -]?\d{{2,4}}(?:[T :].*)?|{_MONTH}\.? \d{{1,2}},? \d{{4}}(?: .*)?"
    r"|\d{1,2}/\d{1,2}/\d{2}(?: .*)?|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[T ]?\d{4,6})?"
    r"|(?:19|20)\d{2}-(?:0[1-9]|1[0-2])|\d{1,2}\.\d{1,2}\.\d{2}",
    re.IGNORECASE,
)
is_time_of_day = form(r"\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?")
is_number = form(r"[-+]?(?:\d+(?:[.,]\d+)*|[.,]\d+)(?:[eE][-+]?\d+)? ?%?|nan|inf|-inf", re.IGNORECASE)
is_measured = form(
    r"(?:[<>~=]{1,2} ?)?[-+]?\d{1,6}(?:[.,]\d{1,6})?|\d{1,3}(?:[.,]\d{1,3})? ?[-/] ?\d{1,3}(?:[.,]\d{1,3})?"
)
is_integer = form(r"-?\d+")
is_short_code = form(r"[0-9A-Za-z][0-9A-Za-z.\-_/:+*]{0,23}")
is_icd9_decimal = form(r"\d{3}\.\d{1,2}")


def is_loinc(cell: str) -> bool:
    return bool(_LOINC(cell)) and passes_loinc(cell)


def is_snomed(cell: str) -> bool:
    return len(cell) >= 6 and bool(_SNOMED(cell)) and passes_verhoeff(cell)


def is_npi(cell: str) -> bool:
    return bool(_NPI(cell)) and passes_npi(cell)


def is_dea(cell: str) -> bool:
    return bool(_DEA(cell)) and passes_dea(cell)


def is_numeric_code(cell: str) -> bool:
    """A code written in digits, or with a letter and digits; not a measured decimal."""
    if not is_short_code(cell):
        return False
    return not is_number(cell) or cell.isdigit() or bool(is_icd9_decimal(cell))
