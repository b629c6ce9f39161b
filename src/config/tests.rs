//! Tests of reading settings from their sources.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use super::*;

fn load(file: &str, environment: &[(&str, &str)], flags: &[(&str, String)]) -> Result<Config, Mistakes> {
    let environment = environment.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::from_sources(Some(file), environment, flags)
}

#[test]
fn without_any_source_every_default_is_legal() {
    let config = load("", &[], &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.archive, Site::Folder("./data/archive".into()));
    assert!(config.archive_is_own);
    assert_eq!(config.limits.head, 64 << 20);
    assert!(config.lenient_accept && !config.store_warning);
    assert!(config.downstream.is_none());
}

#[test]
fn flags_win_over_the_environment_and_the_environment_over_the_file() {
    let file = "listen = \"127.0.0.1:1\"\n[limits]\nhead = \"1 MiB\"\ninstance = 5";
    let flags = [("listen", "127.0.0.1:3".to_owned())];
    let environment = [("VEILGATE_LISTEN", "127.0.0.1:2"), ("VEILGATE_LIMITS_HEAD", "2 MiB"), ("HOME", "/")];
    let config = load(file, &environment, &flags).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.limits.head, 2 << 20);
    assert_eq!(config.limits.instance, 5);
}

#[test]
fn a_setting_hears_to_its_aliases_and_its_own_variable_comes_first() {
    let days = |environment: &[(&str, &str)]| {
        let environment = environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        Sources::read(None, environment, &[]).text("billing.trial_days").to_owned()
    };
    let (own, alias) = (("VEILGATE_BILLING_TRIAL_DAYS", "7"), ("STRIPE_TRIAL_DAYS", "30"));
    assert_eq!(days(&[alias]), "30");
    assert_eq!((days(&[own, alias]), days(&[alias, own])), ("7".to_owned(), "7".to_owned()));
    assert_eq!(days(&[("STRIPE_TRIAL_DAYS", "")]), "14", "an empty alias says nothing");
    let environment = [("STRIPE_TEST_KEY", "old"), ("STRIPE_API_KEY", "new")];
    let environment = environment.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned()));
    assert_eq!(Sources::read(None, environment, &[]).text("billing.api_key"), "new");
}

#[test]
fn all_mistakes_are_reported_together_with_their_places() {
    let file = "listen = 5\nspeed = 3\ndestination = \"forward\"\n[limits]\nhead = \"many\"";
    let mistakes = load(file, &[("VEILGATE_PROFIL", "x"), ("VEILGATE_PROFILE", "nobody")], &[]).unwrap_err();
    let text = mistakes.to_string();
    for part in [
        "file, listen: ",
        "file, speed: no such setting",
        "needs downstream.url",
        "file, limits.head: ",
        "VEILGATE_PROFIL: ",
        "VEILGATE_PROFILE: ",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(mistakes.0.len(), 6, "{text}");
}

#[test]
fn what_lies_behind_the_veil_is_not_forwarded_to() {
    let url = ("VEILGATE_DOWNSTREAM_URL", "http://h/dicom-web");
    let veil = ("VEILGATE_ORIGIN", "veil");
    assert_eq!(load("", &[url, veil], &[]).unwrap().origin, Source::Veil);
    let wrong = load("", &[url, veil, ("VEILGATE_DESTINATION", "forward")], &[]).unwrap_err().to_string();
    assert!(wrong.contains("into the clinical server"), "{wrong}");
    let nowhere = load("", &[veil], &[]).unwrap_err().to_string();
    assert!(nowhere.contains("veil needs downstream.url"), "{nowhere}");
}

#[test]
fn a_secret_shows_neither_in_mistakes_nor_in_debug_output() {
    let good =
        [("VEILGATE_DOWNSTREAM_URL", "http://h/dicom-web"), ("VEILGATE_DOWNSTREAM_TOKEN", "t0psecret")];
    let config = load("", &good, &[]).unwrap();
    assert!(config.downstream.is_some());
    assert!(!format!("{config:?}").contains("t0psecret"));
    let bad = load("", &[("VEILGATE_DOWNSTREAM_HEADERS", "t0psecret")], &[]).unwrap_err();
    assert!(!bad.to_string().contains("t0psecret"), "{bad}");
    let broken = load("[downstream]\ntoken = \"t0psecret", &[], &[]).unwrap_err();
    assert!(!broken.to_string().contains("t0psecret"), "{broken}");
}

#[test]
fn the_files_of_secrets_are_known_by_their_settings() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/LICENSE-MIT");
    let set = [
        ("VEILGATE_DOWNSTREAM_URL", "http://h/dicom-web"),
        ("VEILGATE_DOWNSTREAM_TOKEN_FILE", file),
        ("VEILGATE_AUDIT_SINK", "syslog+tls://collector"),
        ("VEILGATE_AUDIT_SINK_CERT_FILE", file),
        ("VEILGATE_AUDIT_SINK_KEY_FILE", file),
    ];
    let names: Vec<_> = load("", &set, &[]).unwrap().secret_files.into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["downstream.token_file", "audit.sink_key_file"], "a certificate is no secret");
}

#[test]
fn credentials_come_whole_or_not_at_all() {
    let url = ("VEILGATE_DOWNSTREAM_URL", "http://h/dicom-web");
    let lone = load("", &[url, ("VEILGATE_DOWNSTREAM_USER", "u")], &[]).unwrap_err();
    assert!(lone.to_string().contains("user and password"), "{lone}");
    let both = [url, ("VEILGATE_DOWNSTREAM_TOKEN", "a"), ("VEILGATE_DOWNSTREAM_TOKEN_FILE", "/nowhere")];
    assert!(load("", &both, &[]).unwrap_err().to_string().contains("give one of them"));
}

#[test]
fn the_audit_sink_is_off_unless_set_and_its_certificates_come_whole() {
    use crate::sink::Target;
    assert!(load("", &[], &[]).unwrap().sink.is_none());
    let tls = ("VEILGATE_AUDIT_SINK", "syslog+tls://collector");
    let sink = load("", &[tls], &[]).unwrap().sink.unwrap();
    assert!(matches!(sink.target, Target::Tls(address) if address.port == 6514));
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/LICENSE-MIT");
    let key = ("VEILGATE_AUDIT_SINK_KEY_FILE", file);
    let cert = ("VEILGATE_AUDIT_SINK_CERT_FILE", file);
    let whole = load("", &[tls, key, cert], &[]).unwrap();
    assert!(!format!("{whole:?}").contains("Permission"), "a key shows in no output");
    for (sources, part) in [
        (vec![tls, key], "certificate and key"),
        (vec![("VEILGATE_AUDIT_SINK", "syslog+tcp://h"), key, cert], "syslog+tls only"),
        (vec![("VEILGATE_AUDIT_SINK", "udp://h")], "syslog+tls://HOST:PORT"),
    ] {
        let mistakes = load("", &sources, &[]).unwrap_err();
        assert!(mistakes.to_string().contains(part), "{part}: {mistakes}");
    }
}

#[test]
fn a_rate_of_zero_or_unlimited_is_no_bound() {
    let environment = [("VEILGATE_RATE_PRO", "0"), ("VEILGATE_RATE_ENTERPRISE", "unlimited")];
    let rates = load("", &environment, &[]).unwrap().layers.rates;
    assert_eq!((rates.free, rates.pro, rates.enterprise), (Some(30), Some(0), None));
    assert!(load("", &[("VEILGATE_RATE_FREE", "many")], &[]).is_err());
}

#[test]
fn the_key_of_another_server_is_no_unknown_setting() {
    let named = |name: &str| {
        Config::from_sources(None, std::iter::once((name.to_owned(), "x".to_owned())), &[]).map(drop)
    };
    assert!(named(CONFORMANCE_VARIABLE).is_ok() && named(CONFIG_VARIABLE).is_ok());
    assert!(named("VEILGATE_CONFORMANCE_KEYS").is_err(), "but nothing like it");
}

#[test]
fn what_a_secret_must_be_is_told_and_not_what_it_is() {
    for (name, must) in
        [("VEILGATE_ADMIN_KEY", "16 characters or more"), ("VEILGATE_MASTER_KEY", "64 hexadecimal digits")]
    {
        let told =
            Config::from_sources(None, std::iter::once((name.to_owned(), "t0psecret".to_owned())), &[]);
        let told = told.map(drop).unwrap_err().to_string();
        assert!(told.contains(name) && told.contains(must) && !told.contains("t0psecret"), "{told}");
    }
}
