"""Writes a synthetic hospital's extracts, with the dirt of real ones; every person in them is invented."""

import argparse
import codecs
import csv
import gzip
import io
import random
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

PATIENTS, ENCOUNTERS, OBSERVATIONS_A_MONTH, CLAIMS, REFERRED_LABS, IMMUNIZATIONS = (
    2500,
    6000,
    4500,
    4000,
    2500,
    400,
)
FIRST_DAY = date(2023, 1, 1)
# What many hospital systems write for "still alive" and "still valid"; a nanosecond clock cannot hold it.
FOREVER = "9999-12-31"

FIRST_NAMES = (
    *("Ann", "Zoë", "José", "María", "Jürgen", "François", "Søren", "Chloë", "Amélie", "Björn", "Inés"),
    *("Noémi", "Lucía", "Émile", "Renée", "André", "Ruth", "Paul", "Hannah", "Omar", "Priya", "Wei"),
    *("Fatima", "Diego", "Sofia", "Marcus", "Elena", "Tom", "Grace", "Ivan", "Leila", "Samuel", "Naomi"),
)
LAST_NAMES = (
    *("O'Brien", "O\u2019Neill", "D'Angelo", "Müller", "Núñez", "Lefèvre", "Björk", "Peña", "Dubois", "Groß"),
    *("Castañeda", "Null", "Nan", "Smith", "Stone", "Lee", "Fields", "Rivera", "Okafor", "Novak", "Haddad"),
    *("Iyer", "Chen", "Larsen", "Weber", "Marsh", "Costa", "Lindqvist", "Moreau", "Quinn", "Yilmaz"),
)
STREETS = ("Harbor", "Maple", "Chestnut", "Quarry", "Mill", "Orchard", "Beacon", "Foundry", "Willow")
# City, state and ZIP: New England's ZIPs begin with zero.
PLACES = (
    *(
        ("Boston", "MA", "02139"),
        ("Salem", "MA", "01970"),
        ("Portland", "ME", "04101"),
        ("Keene", "NH", "03431"),
    ),
    *(
        ("Newark", "NJ", "07102"),
        ("Hartford", "CT", "06103"),
        ("Albany", "NY", "12207"),
        ("Ithaca", "NY", "14850"),
    ),
)
RACES = ("white", "black", "asian", "native", "other", "declined")
# ICD-9 code, DRG, usual days in hospital.
DIAGNOSES = (
    *(
        ("038.9", "871", 7),
        ("250.00", "639", 3),
        ("250.50", "638", 4),
        ("401.9", "305", 2),
        ("428.0", "291", 5),
    ),
    *(
        ("486", "193", 5),
        ("008.45", "371", 6),
        ("410.71", "280", 5),
        ("820.21", "481", 6),
        ("V57.89", "945", 11),
    ),
    *(
        ("433.10", "039", 2),
        ("540.9", "343", 2),
        ("296.20", "885", 9),
        ("599.0", "690", 4),
        ("174.9", "582", 3),
    ),
)
DEPARTMENTS = ("Medicine", "Cardiology", "Surgery", "Psychiatry", "Orthopedics", "Oncology")
DISPOSITIONS = ("home", "home health", "skilled nursing", "rehab", "expired")
PAYERS = ("Medicare", "Medicaid", "Harbor Health Plan", "Granite Mutual", "Self-pay")
# LOINC code, description, unit, usual value, spread, decimals, and what is printed out of its range.
TESTS = (
    ("2823-3", "Potassium", "mmol/L", 4.2, 0.7, 1, "<2.0", ">8.0"),
    ("4548-4", "Hemoglobin A1c", "%", 6.8, 1.8, 1, "<4.0", ">15.0"),
    ("2160-0", "Creatinine", "mg/dL", 1.1, 0.5, 2, "<0.15", ">25.0"),
    ("1988-5", "C reactive protein", "mg/L", 12.0, 14.0, 1, "<0.5", ">100"),
    ("2345-7", "Glucose", "mg/dL", 118.0, 45.0, 0, "<20", ">600"),
)
NOTES = (
    'Specimen hemolyzed; repeat requested.\nCaller said "within the hour".',
    "Called to ward,\nread back by nurse.",
    'Patient "felt fine", fasting since 22:00',
    "Diluted 1:10",
)
# Vaccine, NDC, abbreviation on the label ("NA": sodium chloride diluent), maker's country (NA: Namibia).
VACCINES = (
    ("Influenza, injectable", "00019100010", "IIV", "US"),
    ("Tetanus and diphtheria", "00042100215", "TD", "DE"),
    ("Hepatitis B", "00073100320", "HEPB", "BE"),
    ("Sodium chloride diluent", "00091100401", "NA", "NA"),
)

Row = Sequence[object]


@dataclass(frozen=True)
class Extract:
    """One file as the hospital sends it: the key it is uploaded under, and what is wrong with it."""

    key: str
    path: Path
    table: str
    note: str


@dataclass(frozen=True)
class Encounter:
    """One stay, which observations and claims refer to."""

    encounter_id: int
    mrn: str
    admitted: date
    discharged: date


def write_extracts(directory: Path, seed: int = 2024) -> list[Extract]:
    """Write all extracts under `directory`; the same seed gives the same bytes."""
    draw = random.Random(seed)
    mrns = [f"{number:08d}" for number in sorted(draw.sample(range(1000, 30000000), PATIENTS))]
    encounters = _stays(draw, mrns)
    january, february = (_observations(draw, encounters, month) for month in (1, 2))
    files = [
        ("patients/patients_2024-03-01.csv", _patients(draw, mrns), _PATIENTS_NOTE),
        ("encounters/encounters_2023-2024.csv.gz", _encounters(draw, encounters), _ENCOUNTERS_NOTE),
        ("observations/observations_2024-01.csv", _with_unclosed_quote(january).encode(), _JANUARY_NOTE),
        (
            "observations/observations_2024-02.csv",
            codecs.BOM_UTF16_LE + february.encode("utf-16-le"),
            _FEBRUARY_NOTE,
        ),
        ("claims/claims_2023-2024.csv", _claims(draw, encounters), _CLAIMS_NOTE),
        ("referred_labs/referred_labs_2024.csv", _referred_labs(draw, mrns), _REFERRED_NOTE),
        ("immunizations/immunizations.csv", _immunizations(draw, mrns), _IMMUNIZATIONS_NOTE),
    ]
    return [_written(directory, name, content, note) for name, content, note in files]


_PATIENTS_NOTE = "cp1252 with accents and curly apostrophes; MRNs and ZIPs with leading zeros; 9999-12-31"
_ENCOUNTERS_NOTE = (
    "gzip; MM/DD/YYYY; ICD-9 038.9 beside 250.00; fields missing at the end, and too many of them"
)
_JANUARY_NOTE = (
    "UTF-8; <0.5, >100 and positive among the values; notes over two lines; one quote never closed"
)
_FEBRUARY_NOTE = "the same table in UTF-16"
_CLAIMS_NOTE = "title lines before the header; semicolons, decimal commas, DD.MM.YYYY"
_REFERRED_NOTE = "05/03/2024 and nothing that proves day or month first: stays text until it is declared"
_IMMUNIZATIONS_NOTE = "NDC codes that begin with zeros; NA is a country and a product, not a null"


def _written(directory: Path, name: str, content: bytes, note: str) -> Extract:
    path = directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return Extract(f"input/{name}", path, name.split("/")[0], note)


def _csv(rows: Iterable[Row], delimiter: str = ",", line_end: str = "\n") -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=line_end).writerows(rows)
    return text.getvalue()


def _patients(draw: random.Random, mrns: Sequence[str]) -> bytes:
    header = (
        "mrn,last_name,first_name,birth_date,sex,race,ssn,phone,street,city,state,zip,death_date,valid_to"
    )
    rows: list[Row] = [header.split(",")]
    for mrn in mrns:
        born = date(1926, 1, 1) + timedelta(days=draw.randrange(34000))
        died = FIRST_DAY + timedelta(days=draw.randrange(400))
        # No number that begins with 9 was ever given out as an SSN; 555-01xx is nobody's phone.
        ssn = f"{draw.randrange(900, 1000)}-{draw.randrange(10, 100)}-{draw.randrange(10000):04d}"
        phone = f"({draw.choice(('617', '207', '518'))}) 555-01{draw.randrange(100):02d}"
        street = f"{draw.randrange(1, 400)} {draw.choice(STREETS)} St"
        city, state, zip_code = draw.choice(PLACES)
        death = died.isoformat() if draw.random() < 0.04 and died > born else FOREVER
        name = (draw.choice(LAST_NAMES), draw.choice(FIRST_NAMES))
        about = (born.isoformat(), draw.choice("FMFMU"), draw.choice(RACES), ssn, phone, street)
        rows.append((mrn, *name, *about, city, state, zip_code, death, FOREVER))
    return _csv(rows, line_end="\r\n").encode("cp1252")


def _stays(draw: random.Random, mrns: Sequence[str]) -> list[Encounter]:
    stays = []
    regulars = draw.sample(mrns, len(mrns) // 4)
    for number in range(ENCOUNTERS):
        mrn = draw.choice(regulars if number % 3 == 0 else mrns)
        admitted = FIRST_DAY + timedelta(days=draw.randrange(420))
        stays.append(Encounter(700001 + number, mrn, admitted, admitted))
    return stays


def _encounters(draw: random.Random, stays: list[Encounter]) -> bytes:
    header = (
        "encounter_id,mrn,admit_date,discharge_date,encounter_class,icd9_code,drg,attending_npi,department"
    )
    rows: list[list[object]] = [[*header.split(","), "disposition", "referral_source"]]
    npis = [_npi(draw.randrange(100000000, 200000000)) for _ in range(60)]
    for place, stay in enumerate(stays):
        code, drg, usual = draw.choice(DIAGNOSES)
        kind = draw.choice(("inpatient", "inpatient", "emergency", "outpatient"))
        days = max(1, round(draw.gauss(usual, usual / 3))) if kind == "inpatient" else 0
        stays[place] = Encounter(stay.encounter_id, stay.mrn, stay.admitted, stay.admitted + timedelta(days))
        dates = [day.strftime("%m/%d/%Y") for day in (stays[place].admitted, stays[place].discharged)]
        about = [kind, code, drg, draw.choice(npis), draw.choice(DEPARTMENTS)]
        ends = [draw.choice(DISPOSITIONS), draw.choice(("physician", "transfer", "self", ""))]
        rows.append([stay.encounter_id, stay.mrn, *dates, *about, *ends])
    for row in draw.sample(rows[1:], 90):
        del row[-draw.choice((1, 2)) :]
    for row in draw.sample([row for row in rows[1:] if len(row) == len(rows[0])], 8):
        row.extend(draw.choice((["see chart"], ["", "amended"], [""])))
    return gzip.compress(_csv(rows).encode(), mtime=0)


def _npi(nine_digits: int) -> str:
    digits = f"80840{nine_digits}"
    doubled = (int(digit) * (2 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return f"{nine_digits}{-sum(n // 10 + n % 10 for n in doubled) % 10}"


def _observations(draw: random.Random, stays: Sequence[Encounter], month: int) -> str:
    header = "observation_id,mrn,encounter_id,observed_at,loinc_code,description,value,unit,flag,note"
    rows: list[Row] = [header.split(",")]
    for number in range(OBSERVATIONS_A_MONTH):
        stay = draw.choice(stays)
        at = datetime(2024, month, 1) + timedelta(minutes=draw.randrange(28 * 24 * 60))  # noqa: DTZ001
        identity = (month * 1000000 + number, stay.mrn, stay.encounter_id, at.isoformat())
        # The last rows have no notes, so that the quote that is never closed has nothing to be closed by.
        note = draw.choice(NOTES) if draw.random() < 0.06 and number < OBSERVATIONS_A_MONTH - 60 else ""
        rows.append((*identity, *_result(draw), note))
    return _csv(rows)


def _result(draw: random.Random) -> tuple[str, str, str, str, str]:
    if draw.random() < 0.08:
        found = draw.choice(("positive", "negative", "negative", "not detected"))
        return "94500-6", "SARS-CoV-2 RNA", found, "", "A" if found == "positive" else ""
    code, description, unit, usual, spread, decimals, below, above = draw.choice(TESTS)
    if draw.random() < 0.03:
        value = draw.choice((below, above))
        return code, description, value, unit, "L" if value == below else "H"
    number = max(usual / 10, draw.gauss(usual, spread))
    flag = "H" if number > usual + spread else "L" if number < usual - spread else ""
    return code, description, f"{number:.{decimals}f}", unit, flag


def _with_unclosed_quote(text: str) -> str:
    lines = text.split("\n")
    lines[-30] += '"called to the ward'
    return "\n".join(lines)


def _claims(draw: random.Random, stays: Sequence[Encounter]) -> bytes:
    header = "claim_number;mrn;encounter_id;payer;policy_number;service_date;billed_amount;paid_amount"
    rows: list[Row] = [[*header.split(";"), "claim_status"]]
    for number in range(CLAIMS):
        stay, payer = draw.choice(stays), draw.choice(PAYERS)
        billed = draw.randrange(9000, 3500000)
        status = draw.choice(("paid", "paid", "paid", "denied", "pending"))
        share = 0.25 if payer == "Self-pay" else draw.uniform(0.45, 0.9)
        paid = _with_comma(round(billed * share)) if status == "paid" else ""
        policy = "" if payer == "Self-pay" else f"{draw.randrange(10**7):010d}"
        service = stay.admitted.strftime("%d.%m.%Y")
        identity = (f"{900000 + number}", stay.mrn, stay.encounter_id, payer, policy)
        rows.append((*identity, service, _with_comma(billed), paid, status))
    titles = "Claims register\nPeriod: 01.01.2023 to 29.02.2024\n\n"
    return (titles + _csv(rows, delimiter=";")).encode()


def _with_comma(cents: int) -> str:
    return f"{cents // 100},{cents % 100:02d}"


def _referred_labs(draw: random.Random, mrns: Sequence[str]) -> bytes:
    header = "accession,mrn,collected_on,test,loinc_code,result,unit,reference_range"
    rows: list[Row] = [header.split(",")]
    for number in range(REFERRED_LABS):
        # The courier comes in the first twelve days of a month: no date here proves its order.
        day = date(2024, draw.randrange(1, 13), draw.randrange(1, 13)).strftime("%d/%m/%Y")
        code, description, value, unit, _ = _result(draw)
        about = (f"R24-{number:05d}", draw.choice(mrns), day, description, code, value, unit)
        rows.append((*about, "3.5-5.1" if code == "2823-3" else ""))
    return _csv(rows).encode()


def _immunizations(draw: random.Random, mrns: Sequence[str]) -> bytes:
    return _csv(_immunization_rows(draw, mrns)).encode()


def _immunization_rows(draw: random.Random, mrns: Sequence[str]) -> Iterator[Row]:
    yield (
        "immunization_id",
        "mrn",
        "given_on",
        "vaccine_name",
        "ndc11",
        "abbreviation",
        "maker_country",
        "doses",
    )
    for number in range(IMMUNIZATIONS):
        name, ndc, short, country = draw.choice(VACCINES)
        given = FIRST_DAY + timedelta(days=draw.randrange(420))
        yield (
            number + 1,
            draw.choice(mrns),
            given.isoformat(),
            name,
            ndc,
            short,
            country,
            draw.randrange(1, 4),
        )


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--seed", type=int, default=2024)
    chosen = parser.parse_args(arguments)
    for extract in write_extracts(chosen.directory, chosen.seed):
        sys.stdout.write(f"{extract.key}: {extract.note}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
