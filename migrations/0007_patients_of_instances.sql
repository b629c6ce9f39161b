-- The patient of each instance, by pseudonym, as its study may have come under two: who is erased goes with all of it.
-- Plain SQL that SQLite and PostgreSQL both take.

ALTER TABLE instance ADD COLUMN patient_id TEXT NOT NULL DEFAULT '';

UPDATE instance SET patient_id = COALESCE(
    (SELECT study.patient_id FROM study WHERE study.project_id = instance.project_id AND study.study_uid = instance.study_uid), '');
