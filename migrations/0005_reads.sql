-- What left by retrieval: instances of which a representation was given, and bytes of the answers that gave them.
-- Plain SQL that SQLite and PostgreSQL both take.

ALTER TABLE usage ADD COLUMN read_instances BIGINT NOT NULL DEFAULT 0;
ALTER TABLE usage ADD COLUMN read_bytes BIGINT NOT NULL DEFAULT 0;

-- What the request that reserves wants: `store` or `retrieve`.
ALTER TABLE reservation ADD COLUMN action TEXT NOT NULL DEFAULT 'store';
