-- Customers, their projects and keys; the catalog of the embedded archive.
-- Plain SQL that SQLite and PostgreSQL both take. Times are milliseconds since 1970 UTC.
-- Nothing here identifies a patient: all UIDs and IDs are those of the output.

CREATE TABLE customer (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- The secret from which a project's pseudonyms follow, sealed under the master key.
CREATE TABLE project (
    id TEXT NOT NULL PRIMARY KEY,
    customer_id TEXT NOT NULL REFERENCES customer (id),
    name TEXT NOT NULL,
    sealed_secret TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- API keys by their SHA-256 in hexadecimal; the keys themselves are nowhere.
CREATE TABLE api_key (
    id TEXT NOT NULL PRIMARY KEY,
    project_id TEXT NOT NULL REFERENCES project (id),
    sha256 TEXT NOT NULL UNIQUE,
    created_ms BIGINT NOT NULL,
    revoked_ms BIGINT
);

CREATE TABLE study (
    project_id TEXT NOT NULL REFERENCES project (id),
    study_uid TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (project_id, study_uid)
);

CREATE TABLE series (
    project_id TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    created_ms BIGINT NOT NULL,
    PRIMARY KEY (project_id, study_uid, series_uid),
    FOREIGN KEY (project_id, study_uid) REFERENCES study (project_id, study_uid)
);

-- One row for each instance held; `object` names its bytes in the object store.
CREATE TABLE instance (
    project_id TEXT NOT NULL,
    instance_uid TEXT NOT NULL,
    series_uid TEXT NOT NULL,
    study_uid TEXT NOT NULL,
    sop_class_uid TEXT NOT NULL,
    transfer_syntax_uid TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    object TEXT NOT NULL UNIQUE,
    stored_ms BIGINT NOT NULL,
    PRIMARY KEY (project_id, instance_uid),
    FOREIGN KEY (project_id, study_uid, series_uid) REFERENCES series (project_id, study_uid, series_uid)
);

CREATE INDEX instance_by_series ON instance (project_id, study_uid, series_uid);
