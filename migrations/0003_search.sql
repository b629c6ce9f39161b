-- What a search of the archive finds studies, series and instances by, and what it answers of them.
-- Plain SQL that SQLite and PostgreSQL both take. Everything is of the output, so nothing identifies a patient.
--
-- Names of persons: `*_name` in lower case between equal signs, `*_words` each word behind a caret. Dates as YYYYMMDD,
-- times as HHMMSS.FFFFFF; all empty where there is none. Numbers: the greatest where there is none, so that it comes last.
-- `attributes`: those of the row's own level as DICOM JSON, without what is large.

ALTER TABLE study ADD COLUMN patient_name TEXT NOT NULL DEFAULT '';
ALTER TABLE study ADD COLUMN patient_words TEXT NOT NULL DEFAULT '';
ALTER TABLE study ADD COLUMN study_date TEXT NOT NULL DEFAULT '';
ALTER TABLE study ADD COLUMN study_time TEXT NOT NULL DEFAULT '';
ALTER TABLE study ADD COLUMN accession_number TEXT NOT NULL DEFAULT '';
ALTER TABLE study ADD COLUMN referring_name TEXT NOT NULL DEFAULT '';
ALTER TABLE study ADD COLUMN referring_words TEXT NOT NULL DEFAULT '';
ALTER TABLE study ADD COLUMN study_id TEXT NOT NULL DEFAULT '';
ALTER TABLE study ADD COLUMN study_description TEXT NOT NULL DEFAULT '';
ALTER TABLE study ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';

ALTER TABLE series ADD COLUMN modality TEXT NOT NULL DEFAULT '';
ALTER TABLE series ADD COLUMN series_number BIGINT NOT NULL DEFAULT 9223372036854775807;
ALTER TABLE series ADD COLUMN performed_date TEXT NOT NULL DEFAULT '';
ALTER TABLE series ADD COLUMN performed_time TEXT NOT NULL DEFAULT '';
ALTER TABLE series ADD COLUMN instance_count BIGINT NOT NULL DEFAULT 0;
ALTER TABLE series ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';

ALTER TABLE instance ADD COLUMN instance_number BIGINT NOT NULL DEFAULT 9223372036854775807;
ALTER TABLE instance ADD COLUMN attributes TEXT NOT NULL DEFAULT '{}';

UPDATE series SET instance_count = (
    SELECT COUNT(*) FROM instance
    WHERE instance.project_id = series.project_id AND instance.study_uid = series.study_uid
        AND instance.series_uid = series.series_uid
);

-- The order in which studies are listed, newest first, and those of a patient.
CREATE INDEX study_by_date ON study (project_id, study_date DESC, study_time DESC, study_uid);
CREATE INDEX study_by_patient ON study (project_id, patient_id, study_date DESC, study_time DESC, study_uid);
CREATE INDEX study_by_accession ON study (project_id, accession_number);

-- The order in which series and instances are listed.
CREATE INDEX series_in_order ON series (project_id, study_uid, series_number, series_uid);
CREATE INDEX series_by_modality ON series (project_id, modality, study_uid);
CREATE INDEX instance_in_order ON instance (project_id, study_uid, series_uid, instance_number, instance_uid);
DROP INDEX instance_by_series;
