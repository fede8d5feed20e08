"""Five questions a clinician asks, in Athena's SQL over the tables of the demonstration."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Question:
    """What is asked, and the SQL that answers it."""

    title: str
    sql: str


QUESTIONS = (
    Question(
        "How long do inpatients stay, by the chapter of their admission diagnosis?",
        """
WITH stays AS (
    SELECT
        icd9_code,
        try_cast(substr(icd9_code, 1, 3) AS integer) AS category,
        date_diff('day', admit_date, discharge_date) AS days
    FROM encounters
    WHERE encounter_class = 'inpatient'
)
SELECT
    CASE
        WHEN icd9_code LIKE 'V%' THEN 'Supplementary (V codes)'
        WHEN category BETWEEN 1 AND 139 THEN 'Infectious diseases'
        WHEN category BETWEEN 140 AND 239 THEN 'Neoplasms'
        WHEN category BETWEEN 240 AND 279 THEN 'Endocrine and metabolic'
        WHEN category BETWEEN 290 AND 319 THEN 'Mental disorders'
        WHEN category BETWEEN 390 AND 459 THEN 'Circulatory system'
        WHEN category BETWEEN 460 AND 519 THEN 'Respiratory system'
        WHEN category BETWEEN 520 AND 579 THEN 'Digestive system'
        WHEN category BETWEEN 580 AND 629 THEN 'Genitourinary system'
        WHEN category BETWEEN 800 AND 999 THEN 'Injury and poisoning'
        ELSE 'Other'
    END AS chapter,
    count(*) AS stays,
    round(avg(CAST(days AS double)), 1) AS average_days,
    max(days) AS longest
FROM stays
GROUP BY 1
ORDER BY average_days DESC, chapter
""",
    ),
    Question(
        "How many inpatients are back within 30 days of discharge, by department?",
        """
WITH ordered AS (
    SELECT
        department,
        discharge_date,
        lead(admit_date) OVER (PARTITION BY mrn ORDER BY admit_date, encounter_id) AS next_admit_date
    FROM encounters
    WHERE encounter_class = 'inpatient'
)
SELECT
    coalesce(department, 'unknown') AS department,
    count(*) AS discharges,
    count_if(date_diff('day', discharge_date, next_admit_date) BETWEEN 0 AND 30) AS readmissions,
    round(
        100.0 * count_if(date_diff('day', discharge_date, next_admit_date) BETWEEN 0 AND 30) / count(*), 1
    ) AS percent_readmitted
FROM ordered
GROUP BY 1
ORDER BY readmissions DESC, department
""",
    ),
    Question(
        "Whose latest HbA1c is above 9 %, by sex?",
        """
WITH results AS (
    SELECT
        mrn,
        CASE WHEN value LIKE '>%' THEN 15.0E0 ELSE try_cast(value AS double) END AS hba1c,
        row_number() OVER (PARTITION BY mrn ORDER BY observed_at DESC, observation_id DESC) AS newest
    FROM observations
    WHERE loinc_code = '4548-4'
)
SELECT
    p.sex,
    count(*) AS patients,
    count_if(r.hba1c > 9) AS above_9,
    round(100.0 * count_if(r.hba1c > 9) / count(*), 1) AS percent_above_9
FROM results r
JOIN patients p ON p.mrn = r.mrn
WHERE r.newest = 1
GROUP BY p.sex
ORDER BY p.sex
""",
    ),
    Question(
        "How many potassium results are abnormal each month, those beyond the analyser's range included?",
        """
SELECT
    date_trunc('month', observed_at) AS month,
    count(*) AS results,
    count_if(value LIKE '<%' OR try_cast(value AS double) < 3.5) AS low,
    count_if(value LIKE '>%' OR try_cast(value AS double) > 5.1) AS high,
    count_if(value LIKE '<%' OR value LIKE '>%') AS beyond_the_analyser
FROM observations
WHERE loinc_code = '2823-3'
GROUP BY 1
ORDER BY 1
""",
    ),
    Question(
        "What is billed and what is paid, by payer?",
        """
SELECT
    payer,
    count(*) AS claims,
    count_if(claim_status = 'denied') AS denied,
    sum(billed_amount) AS billed,
    sum(coalesce(paid_amount, 0)) AS paid,
    round(100 * CAST(sum(paid_amount) AS double) / CAST(sum(billed_amount) AS double), 1) AS percent_paid
FROM claims
GROUP BY payer
ORDER BY billed DESC
""",
    ),
)
