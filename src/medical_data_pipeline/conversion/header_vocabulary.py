"""The words headers are written with: English ones to cut run-together names by, and other languages'."""

# Words such as "percentage" stand here so that they are not cut into "percent" and "age".
WORDS = frozenset(
    """
    abnormal accession account acct address adjustment adjustments admission admit admitting age agent
    allergy alternate amount amt anatomical appointment area arrival assessment at atc attending average
    balance barcode base bed billed billing biopsy birth birthdate birthday blood bmi body branch
    building by calculated calendar cancel care carrier case category cause cd cell census center
    certificate charge charges chart chief city claim class clinic clinical close closed code coded codes
    cohort collected collection comment comments company complaint complaints component concept condition
    contact copay cost costs count country county coverage covered cpt created creation current customer
    cvx data date dates datetime day days dea death deathdate deceased deductible delivery department
    describe description destination detail details device diag diagnosis diastolic discharge disease
    dispense dispensed dispenses display disposition district dob dod dosage dose drg driver drivers drug
    drugs dt dttm duration dx effective email emergency employee employer encounter encounters end ended
    enrollment entered entry episode ethnic ethnicity event exam expenses expiration expires expiry
    external facility family father fax fee filename fill final finding findings fips first firstname
    flag fname form frequency from full fullname gender gene given group grouper guarantor guardian guid
    hadm hcpcs head headquartered health healthcare heart heartrate height high hispanic history home
    hospital hostname hour hours icd id identifier ids illness image imaging immunization impression in
    income index indicator initial initials inpatient instance institution instructions insurance insured
    interpretation invoice ip issue issued item key kin kit lab labels language last lastname latitude
    length level licence license line lineage list lname loc location loinc long longitude los lot low
    lower mac maiden manufacturer marital mbi measure medicaid medical medicare medication medications
    member memo message method middle middlename minutes mname mobile modality model modified modifier
    mom month months mother mrn name names narrative national nationality ndc network next nick nickname
    no nonhispanic note notes npi nr num number observation observations occupation of office onset order
    ordering organ organization origin out outpatient outstanding owner oxygen parent passport patient
    patients payer payment payments payor percent percentage person personal phone physician place plan
    plate policy position postal postalcode postcode preferred prefix prescriber prescription present
    pressure previous primary principal prior problem procedure procedures provider providers pt pulse
    purpose px qty quantity race range rank rate ratio reaction reason received record ref reference
    referral referring refills region registration relationship release religion remark remarks rendering
    report request requested resident respiratory responsible result results revenue room rx rxcui rxnorm
    sample saturation schedule score screening secondary section seq sequence serial series service
    severity sex short sig site smoker snomed social source spec speciality specialty specimen spo
    sponsor spouse ssn staff stage start state status stay stop storage street strength study subject
    submitted subscriber substance suffix supervising supply surname symptoms system systolic table tax
    taxonomy telephone temp temperature test text time times timestamp title tm to total tract
    transaction transfer transfers triage trial tube type udi uid uncovered unique unit units update
    updated upper url usage use user username utilization uuid vaccine valid value values variant version
    vin visit visits vital ward web website weight width work year years zip zipcode
    """.split()  # noqa: SIM905
)

_FOREIGN = """
geburtsdatum=birth date; gebdatum=birth date; gebdat=birth date; geb=birth date; geburtstag=birth date
geburtsjahr=birth year; geburtsort=birth place; geburtsname=maiden name; sterbedatum=death date
todesdatum=death date; todestag=death date; aufnahmedatum=admission date; entlassdatum=discharge date
entlassungsdatum=discharge date; aufnahme=admission; entlassung=discharge; datum=date; uhrzeit=time
zeitpunkt=datetime; zeitstempel=timestamp; plz=zip; postleitzahl=zip; ort=city; wohnort=city
stadt=city; gemeinde=city; strasse=street; str=street; hausnummer=house number; hausnr=house number
adresse=address; anschrift=address; bundesland=state; landkreis=county; land=country
vorname=first name; nachname=last name; familienname=last name; zuname=last name; telefon=phone
tel=phone; telefonnummer=phone number; handy=mobile phone; mobil=mobile phone
mobilnummer=mobile phone; rufnummer=phone number; versichertennummer=member number
versichertennr=member number; kvnr=member number; versicherungsnummer=policy number
krankenkasse=payer; kostentraeger=payer; patientennummer=patient number; patientennr=patient number
patnr=patient number; patientenid=patient id; fallnummer=encounter number; fallnr=encounter number
fallid=encounter id; aufnahmenummer=encounter number; alter=age; geschlecht=sex; bemerkung=note
bemerkungen=note; kommentar=comment; anmerkung=note; anmerkungen=note; notiz=note; notizen=note
befund=report; befundtext=report text; anamnese=history; freitext=free text; betrag=amount
summe=amount; gesamtbetrag=amount; anzahl=count; wert=value; messwert=value; ergebnis=result
einheit=unit; groesse=height; grosse=height; gewicht=weight; arzt=physician; behandler=physician
hausarzt=physician; krankenhaus=hospital; klinik=clinic; abteilung=department; diagnose=diagnosis
diagnosecode=diagnosis code; hauptdiagnose=diagnosis; nebendiagnose=diagnosis; prozedur=procedure
anrede=prefix; titel=prefix; staatsangehorigkeit=nationality; lanr=provider number
arztnummer=provider number; bsnr=facility number; iban=account number; kontonummer=account number
konto=account; rechnungsnummer=invoice number; beruf=occupation; familienstand=marital status
kennzeichen=licence plate; fuhrerschein=drivers licence; reisepass=passport; nummer=number
schlussel=code; medikament=medication; nom=last name; prenom=first name; prenoms=first name
naissance=birth; deces=death; ville=city; commune=city; rue=street; telephone=phone
portable=mobile phone; courriel=email; mel=email; sexe=sex; numero=number; nir=ssn; secu=ssn; ipp=mrn
nda=encounter number; sejour=encounter; medecin=physician; hopital=hospital; etablissement=facility
mutuelle=payer; remarque=note; remarques=note; commentaire=comment; commentaires=comment; pays=country
departement=county; montant=amount; poids=weight; taille=height; valeur=value; unite=unit
entree=admission; sortie=discharge; compte=account; profession=occupation; libelle=description
nombre=name; nombres=name; apellido=last name; apellidos=last name; apellido1=last name
apellido2=last name; fecha=date; nacimiento=birth; nac=birth; defuncion=death; fallecimiento=death
muerte=death; direccion=address; domicilio=address; calle=street; ciudad=city; municipio=city
localidad=city; provincia=county; correo=email; telefono=phone; movil=mobile phone
celular=mobile phone; edad=age; sexo=sex; dni=national id; nif=national id; nie=national id
curp=national id; nss=ssn; nhc=mrn; medico=physician; paciente=patient; codigo=code
observaciones=note; nota=note; notas=note; comentario=comment; comentarios=comment; pais=country
raza=race; peso=weight; ingreso=admission; alta=discharge; importe=amount; cantidad=count
diagnostico=diagnosis; cama=bed; cognome=last name; nome=name; nascita=birth; indirizzo=address
citta=city; sesso=sex; eta=age; voornaam=first name; achternaam=last name; geboortedatum=birth date
woonplaats=city; huisnummer=house number; straat=street; bsn=national id; geslacht=sex; leeftijd=age
telefoonnummer=phone number; telefoon=phone; opmerking=note; opmerkingen=note; sobrenome=last name
nascimento=birth; cpf=national id; cep=zip; telefone=phone; endereco=address; cidade=city; idade=age
aadhaar=national id; pesel=national id; nin=national id; sin=national id; 年齢=age; 氏名=name
姓名=name; 名前=name; 患者名=patient name; 生年月日=birth date; 出生日期=birth date; 住所=address
地址=address; 電話番号=phone number; 电话=phone; 郵便番号=zip; 備考=note; 性別=sex; 性别=sex
фамилия=last name; имя=first name; отчество=middle name; фио=name; дата=date; рождения=birth
адрес=address; телефон=phone; возраст=age; пол=sex; примечание=note; комментарий=comment
температура=temperature; fname=first name; mname=middle name; lname=last name; firstname=first name
lastname=last name; fullname=full name; middlename=middle name; forename=first name
forenames=first name; surname=last name; familyname=last name; givenname=first name; dob=birth date
birthdate=birth date; birthday=birth date; dod=death date; deathdate=death date; zipcode=zip
postcode=zip; postalcode=zip; acct=account; qty=quantity; amt=amount; num=number; nr=number; cd=code
dx=diagnosis; diag=diagnosis; px=procedure; proc=procedure; pt=patient; pat=patient; dt=date
dttm=datetime; desc=description; descr=description; addr=address; ph=phone; tele=phone; payor=payer
license=licence; prov=provider; hosp=hospital; dept=department; med=medication; rx=prescription
sys=system; ident=identifier; yob=birth year; ht=height; wt=weight; lng=longitude; lon=longitude
lat=latitude; cnt=count; pct=percent; temp=temperature; gender=sex; telno=phone number
phoneno=phone number; mobileno=mobile phone
bene=beneficiary; clm=claim; prvdr=provider; dgns=diagnosis; physn=physician; pmt=payment; nm=name
brthdtc=birth date; brthdat=birth date; usubjid=subject id; subjid=subject id; enc=encounter
pcp=physician; gp=physician; dr=physician; lieu=place; patienten=patient; nok=next kin; versicherung=insurance
aufn=admission; uom=unit; ageu=age unit; telecom=phone; securite=social; sociale=security; coord=coordinates
coordinate=coordinates; easting=coordinates; northing=coordinates
"""


def _entries() -> dict[str, tuple[str, ...]]:
    pairs = (entry.split("=") for line in _FOREIGN.splitlines() for entry in line.split(";") if entry.strip())
    return {word.strip(): tuple(english.split()) for word, english in pairs}


FOREIGN = _entries()
