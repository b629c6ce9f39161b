-- Which original a pseudonym stands for, by project, and a project's own pseudonyms of patients.
-- Plain SQL that SQLite and PostgreSQL both take. Times are milliseconds since 1970 UTC.
-- Nothing here can be read without the project's secret: `pseudonym` and `original` are marks made by HMAC-SHA256, `value`
-- is the original, encrypted under a key of the project and bound to the row. All three in base64.

-- `kind` is `uid`, `patient` or `restored`. `seen_ms`, which is exact to a day, tells which rows go first when there are too many.
CREATE TABLE crosswalk (
    project_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    pseudonym TEXT NOT NULL,
    original TEXT NOT NULL,
    value TEXT NOT NULL,
    seen_ms BIGINT NOT NULL,
    PRIMARY KEY (project_id, kind, pseudonym)
);
CREATE INDEX crosswalk_by_age ON crosswalk (project_id, seen_ms);

-- A project's own pseudonyms of patients, all in one text, encrypted under a key of the project.
CREATE TABLE pseudonym_table (
    project_id TEXT NOT NULL PRIMARY KEY REFERENCES project (id),
    value TEXT NOT NULL
);
