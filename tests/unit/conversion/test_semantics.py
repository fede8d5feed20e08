"""What columns are recognised as, over tables of headers and values as hospitals write them."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from medical_data_pipeline.conversion.check_digits import (
    passes_dea,
    passes_loinc,
    passes_npi,
    passes_verhoeff,
)
from medical_data_pipeline.conversion.header_words import header_words
from medical_data_pipeline.conversion.semantics import recognise
from medical_data_pipeline.model.table import PhiClass

SNOMED = ["195662009", "111088007", "73211009", "22298006", "38341003", "44054006", "195967001", "233604007"]
NPIS = ["1234567893", "1245319599", "1003000126", "1003000134", "1003000142", "1003000407", "1003000423"]
UUID = ["9d188916-8390-282b-3ec2-73fce6e08649", "f2de2a64-fdf0-13f1-e7e5-2c466588d688"]
NOTES = [
    "Pt resting. No complaints overnight, will recheck in the morning.",
    "Seen with her daughter; denies pain.",
]

# header, values, PHI class, must stay text
IDENTIFIERS = [
    ("mrn", ["10000001", "20000002"], PhiClass.RECORD_NUMBER, True),
    ("MRN", [], PhiClass.RECORD_NUMBER, True),
    ("medical_record_number", ["123"], PhiClass.RECORD_NUMBER, True),
    ("PatientMRN", ["123"], PhiClass.RECORD_NUMBER, True),
    ("IPP", ["8001234567"], PhiClass.RECORD_NUMBER, True),
    ("NHS Number", ["9434765919"], PhiClass.RECORD_NUMBER, True),
    ("patient_id", ["1", "2"], PhiClass.RECORD_NUMBER, False),
    ("PATIENTID", UUID, PhiClass.RECORD_NUMBER, False),
    ("patientId", ["17"], PhiClass.RECORD_NUMBER, False),
    ("subject_id", ["10006"], PhiClass.RECORD_NUMBER, False),
    ("Patientennummer", ["4711"], PhiClass.RECORD_NUMBER, False),
    ("Patient", ["P1", "P2"], PhiClass.RECORD_NUMBER, False),
    ("Patient", ["Ann Lee", "Bo Chen"], PhiClass.NAME, False),
    ("encounter_id", ["1"], PhiClass.OTHER_ID, False),
    ("visit_id", ["8967064880459163859"], PhiClass.OTHER_ID, False),
    ("hadm_id", ["22595853"], PhiClass.OTHER_ID, False),
    ("order_id", ["1"], PhiClass.OTHER_ID, False),
    ("record_id", ["1"], PhiClass.OTHER_ID, False),
    ("claim_no", ["1"], PhiClass.OTHER_ID, False),
    ("Fallnummer", ["1"], PhiClass.OTHER_ID, False),
    ("id", ["1"], PhiClass.OTHER_ID, False),
    ("uid", ["deadbeef"], PhiClass.OTHER_ID, False),
    ("accession", ["24-118"], PhiClass.OTHER_ID, False),
    ("SERIES_UID", ["1.2.840.99999999.1.98060115"], PhiClass.OTHER_ID, False),
    ("ssn", ["999175017"], PhiClass.SSN, True),
    ("SocialSecurityNumber", [], PhiClass.SSN, True),
    ("x1", ["999-17-5017", "999-33-2112"], PhiClass.SSN, False),
    ("DNI", ["12345678Z"], PhiClass.SSN, True),
    ("phone", ["0123456789"], PhiClass.PHONE, True),
    ("Telefon", ["030123456"], PhiClass.PHONE, True),
    ("mobile_no", ["5551234567"], PhiClass.PHONE, True),
    ("FAX", ["5551234567"], PhiClass.PHONE, True),
    ("kontakt", ["(555) 123-4567", "(555) 987-6543"], PhiClass.PHONE, False),
    ("email", ["a@example.org"], PhiClass.EMAIL, False),
    ("field7", ["ann@example.org", "bo@example.org"], PhiClass.EMAIL, False),
    ("ip", ["10.0.0.1"], PhiClass.IP_ADDRESS, False),
    ("source", ["10.0.0.1", "10.0.0.2"], PhiClass.IP_ADDRESS, False),
    ("portal_url", ["https://example.org/p/1"], PhiClass.URL, False),
    ("zip", ["02139", "10001"], PhiClass.ZIP, True),
    ("ZIP_CODE", ["10001"], PhiClass.ZIP, True),
    ("PLZ", ["10115"], PhiClass.ZIP, True),
    ("code postal", ["75001"], PhiClass.ZIP, True),
    ("cp", ["28001", "08001"], PhiClass.ZIP, True),
    ("area", ["02139-4307", "10001-0001"], PhiClass.ZIP, False),
    ("postcode", ["SW1A 1AA"], PhiClass.ZIP, True),
    ("BIRTHDATE", ["1980-02-29"], PhiClass.BIRTH_DATE, False),
    ("dob", ["1980-02-29"], PhiClass.BIRTH_DATE, False),
    ("dateOfBirth", [], PhiClass.BIRTH_DATE, False),
    ("Geburtsdatum", ["29.02.1980"], PhiClass.BIRTH_DATE, False),
    ("date_naissance", ["29/02/1980"], PhiClass.BIRTH_DATE, False),
    ("fecha_nacimiento", ["29/02/1980"], PhiClass.BIRTH_DATE, False),
    ("birth_year", ["1980"], PhiClass.BIRTH_DATE, False),
    ("生年月日", ["1980-02-29"], PhiClass.BIRTH_DATE, False),
    ("DEATHDATE", ["2020-01-01"], PhiClass.DATE, False),
    ("admission_date", ["01/31/2024"], PhiClass.DATE, False),
    ("START", ["2023-01-27", "2023-02-09"], PhiClass.DATE, False),
    ("visit", ["01/31/2024", "12/05/2023"], PhiClass.DATE, False),
    ("START_YEAR", ["2014-10-14T04:17:47Z"], PhiClass.DATE, False),
    ("when", ["1/31/2024 2:05:00 PM"], PhiClass.DATE, False),
    ("valid_to", ["9999-12-31"], PhiClass.DATE, False),
    ("aufnahmedatum", [], PhiClass.DATE, False),
    ("age", ["34", "102"], PhiClass.AGE, False),
    ("age_in_years", ["34"], PhiClass.AGE, False),
    ("Alter", ["34"], PhiClass.AGE, False),
    ("anchor_age", ["52"], PhiClass.AGE, False),
    ("FIRST", ["Maynard46"], PhiClass.NAME, False),
    ("last_name", ["O'Brien"], PhiClass.NAME, False),
    ("Vorname", ["Zoë"], PhiClass.NAME, False),
    ("Nachname", ["Müller"], PhiClass.NAME, False),
    ("Prénom", ["Zoë"], PhiClass.NAME, False),
    ("nom", ["Dubois"], PhiClass.NAME, False),
    ("apellidos", ["García"], PhiClass.NAME, False),
    ("surname", ["Null"], PhiClass.NAME, False),
    ("MAIDEN", [], PhiClass.NAME, False),
    ("PREFIX", ["Mr.", "Ms."], PhiClass.NAME, False),
    ("patient_name", ["Ann Lee"], PhiClass.NAME, False),
    ("OWNERNAME", ["Gail741 Mosciski958"], PhiClass.NAME, False),
    ("emergency_contact", ["Ann Lee"], PhiClass.NAME, False),
    ("name", ["Aspirin", "Tylenol"], PhiClass.NAME, False),
    ("x", ["Lee, Ann", "Stone, Robert"], PhiClass.NAME, False),
    ("provider_name", ["Ann Lee"], PhiClass.PROVIDER, False),
    ("attending_physician", ["Ann Lee"], PhiClass.PROVIDER, False),
    ("entered_by", ["alee"], PhiClass.PROVIDER, False),
    ("hospital_name", ["STURDY MEMORIAL"], PhiClass.PROVIDER, False),
    ("npi", ["1234567893"], PhiClass.PROVIDER, True),
    ("ADDRESS", ["211 Park St"], PhiClass.GEOGRAPHIC, False),
    ("Straße", ["Hauptstr. 1"], PhiClass.GEOGRAPHIC, False),
    ("ville", ["Besançon"], PhiClass.GEOGRAPHIC, False),
    ("COUNTY", ["Middlesex"], PhiClass.GEOGRAPHIC, False),
    ("LAT", ["42.36877442769006"], PhiClass.GEOGRAPHIC, False),
    ("longitude", ["-71.1"], PhiClass.GEOGRAPHIC, False),
    ("BIRTHPLACE", ["Boston"], PhiClass.GEOGRAPHIC, False),
    ("census_tract", ["000100"], PhiClass.GEOGRAPHIC, True),
    ("policy_number", ["0012345"], PhiClass.PLAN_NUMBER, True),
    ("MEMBERID", UUID, PhiClass.PLAN_NUMBER, True),
    ("medicaid_id", ["001"], PhiClass.PLAN_NUMBER, True),
    ("Versichertennummer", ["A123456780"], PhiClass.PLAN_NUMBER, True),
    ("col3", ["1EG4-TE5-MK73", "1EG4-TE5-MK72"], PhiClass.PLAN_NUMBER, False),
    ("account_number", ["000123"], PhiClass.ACCOUNT_NUMBER, True),
    ("acct_no", ["000123"], PhiClass.ACCOUNT_NUMBER, True),
    ("IBAN", ["DE89370400440532013000"], PhiClass.ACCOUNT_NUMBER, True),
    ("DRIVERS", ["S99994942"], PhiClass.LICENCE_NUMBER, True),
    ("PASSPORT", ["X79835501X"], PhiClass.LICENCE_NUMBER, True),
    ("license_plate", ["7ABC123"], PhiClass.LICENCE_NUMBER, True),
    ("dea_number", ["AB1234563"], PhiClass.LICENCE_NUMBER, True),
    ("UDI", ["(01)13465995954590"], PhiClass.DEVICE, False),
    ("serial_number", ["778"], PhiClass.DEVICE, False),
    ("numero_securite_sociale", ["1850575123456"], PhiClass.SSN, True),
    ("person_source_value", ["17"], PhiClass.RECORD_NUMBER, False),
    ("PAT_ENC_CSN_ID", ["17"], PhiClass.OTHER_ID, False),
    ("drug_exposure_id", ["17"], PhiClass.OTHER_ID, False),
    ("date_of_service", ["17"], PhiClass.DATE, False),
    ("charttime", ["1706700000"], PhiClass.DATE, False),
    ("Patienten-ID", ["17"], PhiClass.RECORD_NUMBER, False),
    ("BENE_BIRTH_DT", ["19500101"], PhiClass.BIRTH_DATE, False),
    ("USUBJID", ["CDISC01.100008"], PhiClass.RECORD_NUMBER, False),
    ("ssn_last4", ["1234"], PhiClass.SSN, True),
    ("policy_effective", ["2024-01-31", "2024-02-01"], PhiClass.DATE, False),
    ("license_expiry", ["01/31/2024"], PhiClass.DATE, False),
    ("signature", ["x"], PhiClass.NAME, False),
    ("x_coord", ["1.0"], PhiClass.GEOGRAPHIC, False),
    ("name_of_patient", ["x"], PhiClass.NAME, False),
    ("note", NOTES, PhiClass.FREE_TEXT, False),
    ("LINENOTE", [], PhiClass.FREE_TEXT, False),
    ("Bemerkungen", ["müde"], PhiClass.FREE_TEXT, False),
    ("q7", NOTES, PhiClass.FREE_TEXT, False),
    ("status", NOTES, PhiClass.FREE_TEXT, False),
    ("result", ["see mail ann@example.org", "5.2", "4.1"], PhiClass.FREE_TEXT, False),
    ("category", ["Robert Smith", "Mary Jones", "Linda Davis"], PhiClass.NAME, False),
]

CODES = [
    ("icd9_code", ["250.00", "038.9", "008.45"], "icd9"),
    ("diagnosis_code", ["250.00", "401.1", "250.50"], "icd9"),
    ("ICD9_CM", ["25000"], "icd9"),
    ("icd10", ["I10", "J45"], "icd10"),
    ("icd10", ["E11.9", "Z00.00", "S52.501A"], "icd10cm"),
    ("icd_code", ["E119", "I10"], "icd10"),
    ("icd_code", ["4019", "25000"], "icd9"),
    ("dx1", ["E11.9", "I10"], "icd10"),
    ("icd10pcs", ["0DTJ4ZZ"], "icd10pcs"),
    ("Hauptdiagnose", ["I50.1", "J18.9"], "icd10"),
    ("loinc", ["8302-2"], "loinc"),
    ("LOINC_NUM", ["4548-4"], "loinc"),
    ("k3", ["8302-2", "4548-4", "2823-3"], "loinc"),
    ("CODE", ["8302-2", "4548-4"], "loinc"),
    ("CODE", SNOMED, "snomed"),
    ("DIAGNOSIS1", SNOMED[:2], "snomed"),
    ("REASONCODE", SNOMED[:3], "snomed"),
    ("reaction1", SNOMED, "snomed"),
    ("snomed_ct", ["73211009"], "snomed"),
    ("rxnorm", ["665078"], "rxnorm"),
    ("RxCUI", ["665078"], "rxnorm"),
    ("ndc", ["0093-0058-01"], "ndc"),
    ("ndc11", ["00093005801"], "ndc"),
    ("product", ["0093-0058-01", "12345-678-90", "12345-6789-0"], "ndc"),
    ("cpt_code", ["99213"], "cpt"),
    ("HCPCS", ["G0008"], "hcpcs"),
    ("procedure_code", ["99213", "99214"], "cpt"),
    ("atc", ["A10BA02"], "atc"),
    ("drg", ["470", "039"], "drg"),
    ("MS-DRG", ["470"], "drg"),
    ("revenue_code", ["0450"], "revenue_code"),
    ("cvx", ["140"], "cvx"),
    ("modifier1", ["25"], "modifier"),
    ("place_of_service", ["11", "02"], "place_of_service"),
    ("taxonomy", ["207Q00000X"], "provider_taxonomy"),
    ("code", ["17", "18"], "code"),
    ("discharge_status_code", ["01", "20"], "code"),
    ("SOP_CODE", ["1.2.840.10008.5.1.4.1.1.1.1"], "dicom_sop_class"),
    ("npis", [*NPIS, "1003000480"], "npi"),
]

NUMBERS = [
    ("hr", ["72", "65"]),
    ("valuenum", ["1.2"]),
    ("risk_modifier", ["1.25", "0.75"]),
    ("hospital_census", ["212", "215"]),
    ("phone_calls", ["3"]),
    ("ops", ["3"]),
    ("cause_of_death_count", ["1"]),
    ("n", ["1", "3"]),
    ("rank", ["1", "2"]),
    ("count", ["1", "2"]),
    ("num_visits", ["1", "2"]),
    ("number_of_beds", ["120"]),
    ("line_number", ["1"]),
    ("seq_num", ["1"]),
    ("TOTALCOST", ["77.49"]),
    ("HEALTHCARE_EXPENSES", ["227761.06"]),
    ("account_balance", ["100.50"]),
    ("REVENUE", ["0.0"]),
    ("UTILIZATION", ["46"]),
    ("COVERED_ENCOUNTERS", ["12"]),
    ("UNCOVERED_PROCEDURES", ["12", "17"]),
    ("MEMBER_MONTHS", ["12"]),
    ("QOLS_AVG", ["0.93"]),
    ("los", ["3.5"]),
    ("birth_weight", ["3200"]),
    ("Gewicht", ["81,5"]),
    ("температура", ["36.6"]),
    ("icd_version", ["9", "10"]),
    ("ndc_qty", ["30"]),
    ("drg_mortality", ["4"]),
    ("cp", ["0", "1", "2"]),
    ("DIAGNOSISREF1", ["1"]),
    ("department_id", ["1"]),
    ("concept_id", ["4024552"]),
    ("sodium", ["140", "138"]),
    ("prothrombin_time", ["12.3"]),
    ("year", ["2024"]),
    ("factor_code", ["1.25", "0.75"]),
]

HARMLESS_TEXT = [
    ("sex", ["M", "F"]),
    ("RACE", ["white", "asian"]),
    ("ETHNICITY", ["nonhispanic"]),
    ("STATE", ["MA", "NY"]),
    ("country", ["US", "NA"]),
    ("units", ["mg/dL"]),
    ("result", ["<0.5", ">100", "positive"]),
    ("ref_range", ["0-5", "3.5-5.1"]),
    ("ENCOUNTERCLASS", ["ambulatory", "wellness"]),
    ("test", ["CRP", "NA"]),
    ("drug_name", ["Metformin 500 MG"]),
    ("icd10_description", ["Essential (primary) hypertension"]),
    ("phone_type", ["home", "work"]),
    ("payer", ["Medicare"]),
    ("smoker", ["true", "unknown"]),
    ("BP (mmHg)", ["120/80", "118/76"]),
    ("valueuom", ["mg/dL"]),
    ("at", ["08:15:00", "23:59:59"]),
]


@pytest.mark.parametrize(("header", "values", "phi", "keep_text"), IDENTIFIERS)
def test_an_identifier_gets_its_phi_class(header, values, phi, keep_text):
    found = recognise(header, header.lower(), values)

    assert (found.meaning.phi, found.keep_text) == (phi, keep_text)
    assert found.meaning.reason


@pytest.mark.parametrize(("header", "values", "tag"), CODES)
def test_a_code_stays_text_and_gets_its_system(header, values, tag):
    found = recognise(header, header.lower(), values)

    assert (found.meaning.tag, found.keep_text) == (tag, True)
    assert found.keep_text_reason
    assert found.meaning.phi is (PhiClass.PROVIDER if tag == "npi" else PhiClass.NONE)


@pytest.mark.parametrize(("header", "values"), NUMBERS + HARMLESS_TEXT)
def test_a_measure_or_category_is_neither_phi_nor_forced_to_text(header, values):
    found = recognise(header, header.lower(), values)

    assert (found.meaning.phi, found.keep_text) == (PhiClass.NONE, False)


def test_the_table_says_which_code_a_bare_code_is():
    assert recognise("CODE", "code", ["140", "08"], "immunizations").meaning.tag == "cvx"
    assert recognise("CODE", "code", ["665078"], "medications").meaning.tag == "rxnorm"


def test_the_name_of_an_organization_is_not_a_persons_but_a_name_alone_is():
    names = ["Mercy Hospital", "Lakeside Clinic", "Harbor Medical Center"]

    assert recognise("NAME", "name", names, "organizations").meaning.phi is PhiClass.PROVIDER
    assert recognise("NAME", "name", ["Dana Fields", "Kim Fox"], "organizations").meaning.phi is PhiClass.NAME


def test_the_id_of_a_table_of_patients_is_a_record_number():
    assert recognise("Id", "id", UUID, "patients").meaning.phi is PhiClass.RECORD_NUMBER


def test_a_description_is_harmless_in_a_clinical_table_and_doubtful_elsewhere():
    terms = [f"Disorder of joint number {n} (disorder)" for n in range(30)]

    assert recognise("DESCRIPTION", "description", terms, "conditions").meaning.phi is PhiClass.NONE
    assert recognise("DESCRIPTION", "description", terms).meaning.phi is PhiClass.FREE_TEXT


def test_a_code_column_with_sentences_in_it_is_free_text():
    assert recognise("icd10", "icd10", NOTES).meaning.phi is PhiClass.FREE_TEXT


def test_unknown_text_with_many_values_is_treated_as_free_text():
    values = [f"kind {letter}{other}" for letter in "abcdef" for other in "ghijkl"]

    assert recognise("q1", "q1", values).meaning.phi is PhiClass.FREE_TEXT


def test_run_together_and_foreign_headers_become_english_words():
    assert header_words("PRIMARYPATIENTINSURANCEID") == ("primary", "patient", "insurance", "id")
    assert header_words("Geburtsdatum") == ("birth", "date")
    assert header_words("percentage") == ("percentage",)
    assert header_words("ICD9_CODE") == ("icd", "9", "code")


def test_check_digits_refuse_a_changed_digit():
    assert passes_npi("1234567893") and not passes_npi("1234567894")
    assert passes_loinc("4548-4") and not passes_loinc("4548-5")
    assert passes_verhoeff("73211009") and not passes_verhoeff("73211008")
    assert passes_dea("AB1234563") and not passes_dea("AB1234564")


@given(st.text(max_size=40), st.lists(st.text(max_size=60), max_size=30), st.text(max_size=20))
@example("Straße", ["é" * 300], "²")
@example("²", ["²³", "①"], "")
def test_recognition_never_fails(header, values, table):
    recognise(header, "column_1", values, table)


MARKED = st.builds("{}qzx7{}".format, st.text(max_size=10), st.text(max_size=10))


@given(st.sampled_from([row[0] for row in IDENTIFIERS + CODES + NUMBERS]), st.lists(MARKED, max_size=8))
def test_no_reason_holds_a_value(header, values):
    found = recognise(header, "column_1", values)

    assert "qzx7" not in found.meaning.reason + found.meaning.tag + found.keep_text_reason
