-- Tiers, quotas and rights; usage and its reservations; the audit chains; what billing keeps.
-- Plain SQL that SQLite and PostgreSQL both take. Times are milliseconds since 1970 UTC, but for billing's, which
-- are seconds. Nothing here identifies a patient: all UIDs and IDs are those of the output.

-- One row: this installation, whichever gateways serve it. `sealed_check` opens only under the right master key;
-- the audit key is the seed of an Ed25519 key.
CREATE TABLE installation (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    id TEXT NOT NULL,
    sealed_check TEXT NOT NULL,
    sealed_audit_key TEXT NOT NULL,
    created_ms BIGINT NOT NULL
);

-- `tier` is given by the operator; `paid_tier` by billing, and holds until `paid_until_ms` (NULL: without end).
-- `quota` (instances a month) stands above that of the tier; -1 for no bound.
ALTER TABLE customer ADD COLUMN tier TEXT NOT NULL DEFAULT 'enterprise';
ALTER TABLE customer ADD COLUMN quota BIGINT;
ALTER TABLE customer ADD COLUMN paid_tier TEXT;
ALTER TABLE customer ADD COLUMN paid_until_ms BIGINT;
ALTER TABLE customer ADD COLUMN stripe_customer TEXT;
ALTER TABLE customer ADD COLUMN reference TEXT;
CREATE UNIQUE INDEX customer_by_reference ON customer (reference);

-- NULL: what the server's settings say. `profile` is the text of a profile or the name of a preset.
-- `changed_ms` tells when any of it was changed last.
ALTER TABLE project ADD COLUMN changed_ms BIGINT NOT NULL DEFAULT 0;
ALTER TABLE project ADD COLUMN profile TEXT;
ALTER TABLE project ADD COLUMN destination TEXT;
ALTER TABLE project ADD COLUMN downstream_url TEXT;
ALTER TABLE project ADD COLUMN sealed_downstream TEXT;
CREATE UNIQUE INDEX project_by_name ON project (customer_id, name);

-- `prefix` is what may be shown of a key. `rate` is its own limit a minute. `origin` is `environment` for keys that
-- stand in the environment and go when they stand there no more.
ALTER TABLE api_key ADD COLUMN name TEXT NOT NULL DEFAULT '';
ALTER TABLE api_key ADD COLUMN prefix TEXT NOT NULL DEFAULT '';
ALTER TABLE api_key ADD COLUMN rights TEXT NOT NULL DEFAULT '';
ALTER TABLE api_key ADD COLUMN rate BIGINT;
ALTER TABLE api_key ADD COLUMN origin TEXT NOT NULL DEFAULT '';
ALTER TABLE api_key ADD COLUMN expires_ms BIGINT;
ALTER TABLE api_key ADD COLUMN used_ms BIGINT;
CREATE INDEX api_key_by_project ON api_key (project_id);

-- Instances pseudonymized for a customer in a UTC month (2026-11), and those reserved by requests under way.
CREATE TABLE usage (
    customer_id TEXT NOT NULL REFERENCES customer (id),
    month TEXT NOT NULL,
    used BIGINT NOT NULL,
    reserved BIGINT NOT NULL,
    PRIMARY KEY (customer_id, month)
);

-- One row for each request under way. Its gateway gives it back; that of a gateway which died is given back by another.
CREATE TABLE reservation (
    id TEXT NOT NULL PRIMARY KEY,
    gateway TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    month TEXT NOT NULL,
    project_id TEXT NOT NULL,
    api_key_id TEXT NOT NULL,
    amount BIGINT NOT NULL,
    made_ms BIGINT NOT NULL
);
CREATE INDEX reservation_by_gateway ON reservation (gateway);

CREATE TABLE gateway (
    id TEXT NOT NULL PRIMARY KEY,
    seen_ms BIGINT NOT NULL
);

-- Where each chain ends. `checkpoint` was signed there. `kept_*` tell of the last checkpoint kept for good.
CREATE TABLE audit_head (
    project_id TEXT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL,
    checkpoint TEXT,
    kept_sequence BIGINT NOT NULL,
    kept_ms BIGINT NOT NULL
);

-- `body` is the entry's canonical JSON, `hash` its SHA-256.
CREATE TABLE audit_entry (
    project_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    hash TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (project_id, sequence)
);

CREATE TABLE audit_checkpoint (
    project_id TEXT NOT NULL,
    sequence BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (project_id, sequence)
);

-- Closing records of segments whose entries were deleted.
CREATE TABLE audit_segment (
    project_id TEXT NOT NULL,
    first_sequence BIGINT NOT NULL,
    last_sequence BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (project_id, first_sequence)
);

-- How far the second sink has come.
CREATE TABLE audit_sink (
    project_id TEXT NOT NULL PRIMARY KEY,
    sequence BIGINT NOT NULL
);

-- Usage to be told to Stripe. The id is random and never used again.
CREATE TABLE usage_line (
    id BIGINT NOT NULL PRIMARY KEY,
    customer_id TEXT NOT NULL,
    stripe_customer TEXT NOT NULL,
    at_s BIGINT NOT NULL,
    instances BIGINT NOT NULL,
    batch TEXT
);
CREATE INDEX usage_line_by_batch ON usage_line (batch);

CREATE TABLE meter_batch (
    identifier TEXT NOT NULL PRIMARY KEY,
    stripe_customer TEXT NOT NULL,
    at_s BIGINT NOT NULL,
    instances BIGINT NOT NULL,
    delivery TEXT NOT NULL,
    next_at_s BIGINT NOT NULL,
    state TEXT NOT NULL,
    parked TEXT
);
CREATE INDEX meter_batch_by_state ON meter_batch (state, next_at_s);

CREATE TABLE stripe_event (
    id TEXT NOT NULL PRIMARY KEY,
    taken_ms BIGINT NOT NULL
);

-- What is known of each Stripe subscription, as JSON.
CREATE TABLE subscription (
    id TEXT NOT NULL PRIMARY KEY,
    reference TEXT,
    stripe_customer TEXT,
    ledger TEXT NOT NULL
);
CREATE INDEX subscription_by_reference ON subscription (reference);
CREATE INDEX subscription_by_stripe_customer ON subscription (stripe_customer);
