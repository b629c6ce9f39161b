//! The one list of settings. The file, the environment, `--help` and the README all
//! follow it; reading the values is `super`, what a setting is `setting`.

mod access;

use super::setting::{Setting, join, plain, secret};
use access::ACCESS;

/// Every setting, in the order of the documentation. Sizes are bytes or carry KiB, MiB,
/// GiB; times are seconds or carry ms, s, m, h.
pub const SETTINGS: &[Setting] = &join::<{ GATEWAY.len() + ACCESS.len() }>(GATEWAY, ACCESS);

/// Those of the gateway itself; how clients reach it, and show who they are, is `access`.
const GATEWAY: &[Setting] = &[
    plain(
        "listen",
        "VEILGATE_LISTEN",
        "127.0.0.1:8080",
        "Address and port to listen on; port 0 takes a free one.",
    ),
    plain(
        "data",
        "VEILGATE_DATA",
        "./data",
        "Folder of database, keys, archive and spool; made if missing (0700).",
    ),
    secret(
        "database",
        "VEILGATE_DATABASE",
        "URL of a PostgreSQL database (postgres://USER:PASSWORD@HOST/NAME), which several gateways may share, or of an SQLite file (sqlite:///FILE, sqlite:////ABSOLUTE/FILE); by default SQLite in DATA/veilgate.db.",
    )
    .or(&["DCM_DB_URL"]),
    secret(
        "master_key",
        "VEILGATE_MASTER_KEY",
        "Key that seals the secrets in the database, 64 hexadecimal digits; by default in DATA/master.key, made at the first start.",
    ),
    plain(
        "master_key_file",
        "VEILGATE_MASTER_KEY_FILE",
        "",
        "File with that key. Gateways that share a database share it.",
    ),
    secret(
        "admin_key",
        "VEILGATE_ADMIN_KEY",
        "Key of the admin API, 16 characters or more; without it there is no admin API.",
    ),
    plain("admin_key_file", "VEILGATE_ADMIN_KEY_FILE", "", "File with that key."),
    secret(
        "api_keys",
        "VEILGATE_API_KEYS",
        "API keys besides those in the database, CUSTOMER:KEY separated by commas; each customer is made if it is new (tier free, project default), and a key that stands here no more is revoked at the next start. Of one with less than 16 characters the log and `veilgate doctor` warn.",
    )
    .or(&["DCM_API_KEYS"]),
    plain(
        "public_base_url",
        "VEILGATE_PUBLIC_BASE_URL",
        "",
        "URL under which clients reach the DICOMweb root; by default http://LISTEN/dicom-web (https with tls.certificate_file). Links are built from it, never from Host.",
    ),
    plain(
        "destination",
        "VEILGATE_DESTINATION",
        "archive",
        "Where a pushed instance goes unless Accept asks for it back: archive, forward or restore (with the origin veil: back to that server, led back to its originals).",
    ),
    plain(
        "origin",
        "VEILGATE_ORIGIN",
        "archive",
        "Where pulled resources come from: archive, downstream (that server, which holds pseudonymized studies) or veil (that server, which holds identified studies: pseudonymized on their way).",
    ),
    plain(
        "archive.url",
        "VEILGATE_ARCHIVE_URL",
        "",
        "Where the archive lies: a folder (or file:// URL), s3://BUCKET/PREFIX, or memory:// for trials, which keeps nothing; by default the folder DATA/archive.",
    ),
    plain(
        "archive.endpoint",
        "VEILGATE_ARCHIVE_ENDPOINT",
        "",
        "URL of the S3-compatible server that has the bucket; by default Amazon's in the region.",
    )
    .or(&["AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"]),
    plain(
        "archive.region",
        "VEILGATE_ARCHIVE_REGION",
        "us-east-1",
        "Region of the bucket, which requests are signed for.",
    )
    .or(&["AWS_REGION", "AWS_DEFAULT_REGION"]),
    plain(
        "archive.access_key_id",
        "VEILGATE_ARCHIVE_ACCESS_KEY_ID",
        "",
        "Access key that may list, read, write and delete in the bucket.",
    )
    .or(&["AWS_ACCESS_KEY_ID"]),
    secret("archive.secret_access_key", "VEILGATE_ARCHIVE_SECRET_ACCESS_KEY", "Secret of that key.")
        .or(&["AWS_SECRET_ACCESS_KEY"]),
    plain(
        "archive.secret_access_key_file",
        "VEILGATE_ARCHIVE_SECRET_ACCESS_KEY_FILE",
        "",
        "File with that secret.",
    ),
    plain(
        "archive.ca_file",
        "VEILGATE_ARCHIVE_CA_FILE",
        "",
        "PEM file of certificate authorities to trust for that server besides the system's.",
    ),
    plain(
        "archive.allow_http",
        "VEILGATE_ARCHIVE_ALLOW_HTTP",
        "false",
        "Let the endpoint be http:// on another machine; on this one it always may.",
    ),
    plain(
        "archive.answer_time",
        "VEILGATE_ARCHIVE_ANSWER_TIME",
        "60 s",
        "Time that server has for one request, which moves 5 MiB at the most.",
    ),
    plain(
        "profile",
        "VEILGATE_PROFILE",
        "basic",
        "Name of a built-in profile, or the path of a profile file.",
    ),
    plain(
        "crosswalk.keep",
        "VEILGATE_CROSSWALK_KEEP",
        "always",
        "Whose names are kept, encrypted, so that pseudonyms can be led back to originals: always (pushed and pulled) or pull (only what is pulled through the gateway).",
    ),
    plain(
        "crosswalk.rows",
        "VEILGATE_CROSSWALK_ROWS",
        "5000000",
        "Most names kept of a project; beyond that the longest unseen go, looked at every hour.",
    ),
    plain(
        "limits.head",
        "VEILGATE_LIMITS_HEAD",
        "64 MiB",
        "Most bytes of an instance before and after its pixel data.",
    ),
    plain("limits.instance", "VEILGATE_LIMITS_INSTANCE", "16 GiB", "Largest instance."),
    plain("limits.parts", "VEILGATE_LIMITS_PARTS", "50000", "Most parts of a request; more get 400."),
    plain("limits.request", "VEILGATE_LIMITS_REQUEST", "64 GiB", "Largest request body."),
    plain(
        "limits.metadata",
        "VEILGATE_LIMITS_METADATA",
        "256 MiB",
        "Most bytes held of one request in the metadata and bulk data form, which has to be joined in memory.",
    ),
    plain(
        "limits.spool_memory",
        "VEILGATE_LIMITS_SPOOL_MEMORY",
        "16 MiB",
        "Rewritten bytes of one answer kept in memory; the rest goes to an unlinked temporary file.",
    ),
    plain(
        "limits.concurrent",
        "VEILGATE_LIMITS_CONCURRENT",
        "256",
        "Most requests served at the same time; more get 503.",
    ),
    plain(
        "limits.memory",
        "VEILGATE_LIMITS_MEMORY",
        "512 MiB",
        "Memory that all requests hold together: heads of instances, metadata, answers. One that finds none for 5 s gets 503; an answer goes to its file.",
    ),
    plain(
        "limits.connections",
        "VEILGATE_LIMITS_CONNECTIONS",
        "16384",
        "Most connections, idle ones too, as far as the bound of open files allows; more get 503 and are closed.",
    ),
    plain("limits.uri", "VEILGATE_LIMITS_URI", "8 KiB", "Longest request target; longer ones get 414."),
    plain(
        "limits.header_time",
        "VEILGATE_LIMITS_HEADER_TIME",
        "30 s",
        "Time a client has to send its headers, and before that for its TLS handshake; a connection without a request is closed after it.",
    ),
    plain(
        "limits.idle_time",
        "VEILGATE_LIMITS_IDLE_TIME",
        "60 s",
        "Longest silence of a client within a body, either way; and how long a body may come slower than 1 KiB a second.",
    ),
    plain(
        "limits.drain_time",
        "VEILGATE_LIMITS_DRAIN_TIME",
        "30 s",
        "Time running requests have after SIGTERM.",
    ),
    plain(
        "rate.free",
        "VEILGATE_RATE_FREE",
        "30",
        "Requests a minute of a key whose customer's tier is free; half of them, or ten, may come at once. 0 or unlimited: no bound.",
    ),
    plain("rate.pro", "VEILGATE_RATE_PRO", "600", "The same for the tier pro."),
    plain("rate.enterprise", "VEILGATE_RATE_ENTERPRISE", "6000", "The same for the tier enterprise."),
    plain(
        "page.choose",
        "VEILGATE_PAGE_CHOOSE",
        "false",
        "Let a request to /api/deidentify or /v1/preview choose a preset and options of its own (headers Veilgate-Profile, Veilgate-Options) in place of its project's profile; the page then offers them. Whoever has a key can then keep more than the project does.",
    ),
    plain("cors.origins", "VEILGATE_CORS_ORIGINS", "*", "Web origins that may call: * or a list."),
    plain(
        "lenient_accept",
        "VEILGATE_LENIENT_ACCEPT",
        "true",
        "Take a request without Accept as */* instead of 406.",
    ),
    plain(
        "store_warning",
        "VEILGATE_STORE_WARNING",
        "false",
        "Answer 202 with Warning Reason B000 for each stored instance (PS3.18 I.2.1) instead of a plain 200, which Orthanc and other clients insist on.",
    ),
    plain(
        "vault.request",
        "VEILGATE_VAULT_REQUEST",
        "2 GiB",
        "Largest request body of /v1/anonymize; larger ones get 413.",
    ),
    plain("vault.files", "VEILGATE_VAULT_FILES", "1000", "Most files in one such request; more get 400."),
    plain(
        "vault.compression",
        "VEILGATE_VAULT_COMPRESSION",
        "fast",
        "How the files stand in the ZIP archive that it answers: fast, best or stored.",
    ),
    plain("downstream.url", "VEILGATE_DOWNSTREAM_URL", "", "DICOMweb root of the downstream server: to forward to, or to pull from."),
    plain("downstream.user", "VEILGATE_DOWNSTREAM_USER", "", "User name for Basic authentication there."),
    secret("downstream.password", "VEILGATE_DOWNSTREAM_PASSWORD", "Password for Basic authentication there."),
    plain("downstream.password_file", "VEILGATE_DOWNSTREAM_PASSWORD_FILE", "", "File with that password."),
    secret("downstream.token", "VEILGATE_DOWNSTREAM_TOKEN", "Bearer token for the server to forward to."),
    plain("downstream.token_file", "VEILGATE_DOWNSTREAM_TOKEN_FILE", "", "File with that token."),
    secret(
        "downstream.headers",
        "VEILGATE_DOWNSTREAM_HEADERS",
        "Further request headers for it, one `Name: value` a line or list entry.",
    ),
    plain(
        "downstream.ca_file",
        "VEILGATE_DOWNSTREAM_CA_FILE",
        "",
        "PEM file of certificate authorities to trust for it besides the system's.",
    ),
    plain("downstream.connect_time", "VEILGATE_DOWNSTREAM_CONNECT_TIME", "10 s", "Time to reach it."),
    plain(
        "downstream.answer_time",
        "VEILGATE_DOWNSTREAM_ANSWER_TIME",
        "120 s",
        "Longest silence of it: while it takes no bytes, or after the last one until its answer.",
    ),
    plain(
        "downstream.concurrent",
        "VEILGATE_DOWNSTREAM_CONCURRENT",
        "4",
        "Most pulls from it, and as many pushes to it, at the same time, of all projects that ask it.",
    ),
    plain(
        "downstream.retries",
        "VEILGATE_DOWNSTREAM_RETRIES",
        "2",
        "How often a request is repeated where that is safe.",
    ),
    plain(
        "quota.free",
        "VEILGATE_QUOTA_FREE",
        "50",
        "Instances a customer of the tier free may have pseudonymized in a UTC month, or unlimited.",
    ),
    plain("quota.pro", "VEILGATE_QUOTA_PRO", "10000", "The same for the tier pro."),
    plain("quota.enterprise", "VEILGATE_QUOTA_ENTERPRISE", "unlimited", "The same for the tier enterprise."),
    plain(
        "quota.reads",
        "VEILGATE_QUOTA_READS",
        "false",
        "Instances that are read (pulled) count against the quota like pushed ones, and are told to billing like them.",
    ),
    plain(
        "audit.checkpoint_entries",
        "VEILGATE_AUDIT_CHECKPOINT_ENTRIES",
        "1000",
        "A signed checkpoint of an audit chain is kept for good at the latest after so many entries.",
    ),
    plain(
        "audit.checkpoint_time",
        "VEILGATE_AUDIT_CHECKPOINT_TIME",
        "10 m",
        "And at the latest after this time, if there are new entries.",
    ),
    secret(
        "billing.api_key",
        "VEILGATE_BILLING_API_KEY",
        "Secret or restricted key of the Stripe account; without it nothing is sold.",
    )
    .or(&["STRIPE_API_KEY", "STRIPE_TEST_KEY"]),
    plain("billing.api_key_file", "VEILGATE_BILLING_API_KEY_FILE", "", "File with that key."),
    secret(
        "billing.webhook_secret",
        "VEILGATE_BILLING_WEBHOOK_SECRET",
        "Signing secret of the webhook; while one is being rotated both, separated by a comma.",
    )
    .or(&["STRIPE_WEBHOOK_SECRET"]),
    plain(
        "billing.webhook_secret_file",
        "VEILGATE_BILLING_WEBHOOK_SECRET_FILE",
        "",
        "File with that secret, or one a line.",
    ),
    plain(
        "billing.price_monthly",
        "VEILGATE_BILLING_PRICE_MONTHLY",
        "",
        "Id of the monthly plan's price; older prices that customers still pay may follow.",
    )
    .or(&["STRIPE_PRICE_ID"]),
    plain("billing.price_annual", "VEILGATE_BILLING_PRICE_ANNUAL", "", "The same for the annual plan.")
        .or(&["STRIPE_PRICE_ID_ANNUAL"]),
    plain(
        "billing.trial_days",
        "VEILGATE_BILLING_TRIAL_DAYS",
        "14",
        "Days of trial of a customer who buys for the first time; 0 for none, 730 at the most.",
    )
    .or(&["STRIPE_TRIAL_DAYS"]),
    plain(
        "billing.collect_tax",
        "VEILGATE_BILLING_COLLECT_TAX",
        "true",
        "Let Stripe compute tax and ask for tax ids; the account needs Stripe Tax for it.",
    ),
    plain(
        "billing.meter_event",
        "VEILGATE_BILLING_METER_EVENT",
        "veilgate_instances",
        "Event name of the meter that delivered instances are told to.",
    ),
    plain("billing.meter_time", "VEILGATE_BILLING_METER_TIME", "10 s", "How often they are told."),
    plain(
        "billing.base_url",
        "VEILGATE_BILLING_BASE_URL",
        "https://api.stripe.com/",
        "Where Stripe answers: https, or http on a loopback address.",
    ),
    plain(
        "audit.sink",
        "VEILGATE_AUDIT_SINK",
        "",
        "Where audit entries go once more: fhir:FILE (FHIR AuditEvent lines), or DICOM audit messages to syslog+tcp://HOST:PORT or syslog+tls://HOST:PORT; empty: nowhere.",
    ),
    plain(
        "audit.sink_ca_file",
        "VEILGATE_AUDIT_SINK_CA_FILE",
        "",
        "PEM file of certificate authorities to trust for syslog+tls instead of the system's.",
    ),
    plain(
        "audit.sink_cert_file",
        "VEILGATE_AUDIT_SINK_CERT_FILE",
        "",
        "PEM file of our certificate, for a collector that asks for one.",
    ),
    plain(
        "audit.sink_key_file",
        "VEILGATE_AUDIT_SINK_KEY_FILE",
        "",
        "PEM file of that certificate's private key.",
    ),
    secret(
        "metrics.token",
        "VEILGATE_METRICS_TOKEN",
        "Bearer token that opens /metrics, 16 characters or more; the admin key opens it too. Without either there is no /metrics.",
    ),
    plain("metrics.token_file", "VEILGATE_METRICS_TOKEN_FILE", "", "File with that token."),
    plain(
        "otlp.endpoint",
        "VEILGATE_OTLP_ENDPOINT",
        "",
        "URL that traces are sent to, as OTLP over HTTP (protobuf), such as http://127.0.0.1:4318/v1/traces; empty: nowhere.",
    ),
    secret("otlp.headers", "VEILGATE_OTLP_HEADERS", "Further request headers for it, one `Name: value` a line or list entry."),
    plain("otlp.ca_file", "VEILGATE_OTLP_CA_FILE", "", "PEM file of certificate authorities to trust for it besides the system's."),
    plain("log.format", "VEILGATE_LOG_FORMAT", "text", "text or json, on stderr."),
    plain("log.level", "VEILGATE_LOG_LEVEL", "info", "error, warn, info, debug or trace."),
];
