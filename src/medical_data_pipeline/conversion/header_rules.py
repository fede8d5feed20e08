"""Which words in a header name which identifier, and which words say that it names none."""

from dataclasses import dataclass

from medical_data_pipeline.model.table import PhiClass


@dataclass(frozen=True)
class HeaderRule:
    """Fits a header that holds all words of one of `reads` and none of `unless`.

    `keep_text`: leading zeros or the format carry meaning, so the column must not become a number.
    """

    tag: str
    phi: PhiClass
    keep_text: bool
    reads: tuple[frozenset[str], ...]
    unless: frozenset[str]

    def fits(self, words: frozenset[str]) -> bool:
        return any(wanted <= words for wanted in self.reads) and not (self.unless & words)


def rules(table: str) -> tuple[HeaderRule, ...]:
    """One rule a line: tag, PHI class, `text` or `-`, word sets parted by `|`, after `!` what forbids it."""
    return tuple(_rule(line) for line in table.splitlines() if line.strip())


def _rule(line: str) -> HeaderRule:
    tag, phi, keep, rest = line.split(maxsplit=3)
    reads, _, unless = rest.partition("!")
    sets = tuple(frozenset(words.split()) for words in reads.split("|"))
    return HeaderRule(tag, PhiClass[phi], keep == "text", sets, frozenset(unless.split()))


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# The first rule that fits decides.
IDENTIFIERS = rules(
    """
    ssn              SSN            text  ssn | social security | social number | last 4
    nhs_number       RECORD_NUMBER  text  nhs number | nhs | chi number
    national_id      SSN            text  national id | national number | tax id | tin
    email            EMAIL          -     email | e mail | mail ! order
    mac_address      DEVICE         text  mac address | mac
    ip_address       IP_ADDRESS     -     ip address | ip | ipv 4 | ipv 6
    url              URL            -     url | uri | website | web address | hyperlink
    fax              PHONE          text  fax
    phone            PHONE          text  phone | telephone | mobile | cell number | pager | phones
    device_id        DEVICE         -     udi | serial | device id | device identifier | implant id
    birth_year       BIRTH_DATE     -     birth year
    birth_place      GEOGRAPHIC     -     birth place | birth city | birth country | birthplace
    age              AGE            -     age | ages | age years | age months | age days
    age              AGE            -     age category | since birth ! bone
    birth_date       BIRTH_DATE     -     birth | birth date | birth time | birth day ! weight length name
    birth_date       BIRTH_DATE     -     birth month | birth datetime | birth timestamp
    death_date       DATE           -     death date | deceased date | death time | death datetime
    zip              ZIP            text  zip | postal | eircode
    dicom_uid        OTHER_ID       -     series uid | instance uid | study uid
    mbi              PLAN_NUMBER    text  mbi | hicn
    dea_number       LICENCE_NUMBER text  dea
    vehicle_id       LICENCE_NUMBER text  licence plate | plate number | vin | vehicle id
    drivers_licence  LICENCE_NUMBER text  drivers | driver licence | driver id
    passport         LICENCE_NUMBER text  passport
    licence_number   LICENCE_NUMBER text  licence | certificate number
    biometric        OTHER_ID       -     fingerprint | biometric | photo | retina scan | voiceprint
    concept_id       NONE           -     concept id
    category_id      NONE           -     type id | status id | class id | category id | department id
    category_id      NONE           -     test id | item id | unit id | drug id | product id ! exposure
    category_id      NONE           -     schedule id | version id
    payer            NONE           -     payer id | payer
    mrn              RECORD_NUMBER  text  mrn | medical record | empi | mpi | chart number | historia clinica
    mrn              RECORD_NUMBER  text  hospital number | health record
    member_number    PLAN_NUMBER    text  member id | member number | subscriber id | subscriber number
    member_number    PLAN_NUMBER    text  beneficiary id | beneficiary number | enrollee id | health card
    member_number    PLAN_NUMBER    text  medicaid id | medicare id | medicaid number | medicare number
    plan_number      PLAN_NUMBER    text  insurance id | insurance number | plan number | plan id | policy
    plan_number      PLAN_NUMBER    text  group number | certificate id | insurance policy
    account_number   ACCOUNT_NUMBER text  account | iban | credit card | card number | bank ! blood tissue
    record_id        OTHER_ID       -     record id | record number | record identifier
    claim_id         OTHER_ID       -     claim id | claim number | claim identifier | claim key
    claim_id         OTHER_ID       -     invoice id | invoice number | bill id | bill number
    provider_id      PROVIDER       -     provider source value
    facility_id      PROVIDER       -     site source value
    location         GEOGRAPHIC     -     location source value
    plan_number      PLAN_NUMBER    text  plan source value | family source value
    encounter_id     OTHER_ID       -     visit source value
    provider_id      PROVIDER       -     provider id | provider number | physician id | physician number
    provider_id      PROVIDER       -     doctor id | nurse id | prescriber id | caregiver id | staff id
    provider_id      PROVIDER       -     employee id | practitioner id | surgeon id | employee number
    facility_id      PROVIDER       -     organization id | facility id | hospital id | facility number
    facility_id      PROVIDER       -     site id | clinic id
    encounter_id     OTHER_ID       -     encounter id | encounter number | visit id | visit number
    encounter_id     OTHER_ID       -     hadm id | stay id | admission id | admission number
    encounter_id     OTHER_ID       -     episode id | case id | case number | csn | fin | appointment id
    order_id         OTHER_ID       -     order id | order number | accession | specimen id | sample id
    patient_id       RECORD_NUMBER  -     person source value | patient source value
    patient_id       RECORD_NUMBER  -     patient id | patient number | patient key | patient identifier
    patient_id       RECORD_NUMBER  -     person id | subject id | participant id | client id | resident id
    secret           OTHER_ID       text  password | passcode | pin code
    latitude         GEOGRAPHIC     -     latitude
    longitude        GEOGRAPHIC     -     longitude | gps | coordinates | geolocation | geocode
    census_area      GEOGRAPHIC     text  census tract | census block | tract | fips | block group
    address          GEOGRAPHIC     -     address | add line | street | house number | apartment | residence
    city             GEOGRAPHIC     -     city | town | village | municipality | suburb | hometown
    county           GEOGRAPHIC     -     county | district | parish | borough | precinct | neighborhood
    location         GEOGRAPHIC     -     region | location | room | bed ! admission discharge body
    user_id          PROVIDER       -     user id | user name | user | username | login
    """
)

NAMES = rules(
    """
    first_name   NAME  -  first name | given name | preferred name | nickname | nick name
    last_name    NAME  -  last name | family name | second name
    middle_name  NAME  -  middle name | middle initial | initials | signature
    maiden_name  NAME  -  maiden | birth name | previous name
    name         NAME  -  full name | patient name | person name | owner name | contact name | alias
    name         NAME  -  guarantor name | next kin | member name | subscriber name | insured name
    name         NAME  -  mother name | father name | spouse name | guardian name | parent name
    name         NAME  -  emergency contact | subject name | participant name | client name
    """
)

# Read as a name only when they are the whole header.
BARE_NAMES = _words(
    """
    client contact customer father first fullname given guarantor guardian kin last maiden middle mother
    parent person prefix relative spouse suffix who
    """
)
PROVIDERS = _words(
    """
    attending caregiver clinician doctor employee nurse operator pharmacist physician practitioner
    prescriber provider staff surgeon technician therapist
    """
)
FACILITIES = _words(
    """
    building clinic company employer facility hospital institution laboratory organization pharmacy
    practice school site
    """
)
NAMED_THINGS = _words(
    """
    allergen analyte brand category class code column component concept condition department device
    diagnosis display drug event field gene generic group immunization ingredient insurance item lab long
    measure measurement medication observation panel payer plan procedure product service short specimen
    study substance system table test type unit vaccine variable ward
    """
)
FREE_TEXT = _words(
    """
    assessment comment comments complaint complaints detail details dictation finding findings history
    hpi impression instructions letter memo message narrative note notes remark remarks report sig
    summary symptoms text transcript
    """
)
DATE_HEADS = _words(
    """
    date dates datetime day month quarter time timestamp week year
    """
)
MEASURES = _words(
    """
    adjustment adjustments amount attempts average avg balance bmi calls contacts copay cost costs count
    counts coverage covered days deductible dosage dose duration expenses fee fees height hours income
    index length level limit los max mean median min minutes months mortality outstanding payment
    payments percent percentage pressure price pulse quantity rank rate ratio refills revenue saturation
    score seconds seq sequence size std strength sum temperature total uncovered utilization variance
    version volume weeks weight width years
    """
)
CATEGORIES = _words(
    """
    abnormal category class country criticality currency department disposition ethnic ethnicity field
    flag form frequency grade hispanic ind indicator interpretation kind language marital method modality
    nationality outcome ownership priority race reaction relationship religion route sequence
    service severity sex smoker speciality specialty stage state status system type unit units uom use
    ward
    """
)
DESCRIPTIONS = _words(
    """
    description display label meaning term title
    """
)
TAGGED_CATEGORIES = _words(
    """
    country currency department ethnicity language marital nationality race relationship religion
    severity sex specialty state status ward
    """
)
CLINICAL_TABLES = _words(
    """
    allergies allergy careplans codes concept condition conditions devices diagnoses diagnosis drg drugs
    encounter encounters icd imaging immunization immunizations lab labs medication medications
    observation observations prescriptions procedure procedures supplies tests vaccines vocabulary
    """
)
THING_TABLES = _words(
    """
    allergies allergy careplans codes concept condition conditions devices diagnoses diagnosis drg drugs
    encounter encounters facilities hospitals icd imaging immunization immunizations lab labs medication
    medications observation observations organization organizations payer payers prescriptions procedure
    procedures supplies tests vaccines vocabulary
    """
)
COMPANY_WORDS = _words(
    """
    associates capsule care center centre clinic community gmbh group health home hospice hospital inc
    injection insurance llc llp ltd medicaid medical medicare mg ml oral pc pharmacy service services
    solution system tablet
    """
)
