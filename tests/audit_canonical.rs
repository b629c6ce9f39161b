//! What is hashed and signed is the canonical form of RFC 8785: shown with an independent canonicalizer, which passes the
//! RFC's own vectors, and with hashes and signatures worked out again from an export by nothing but its lines.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod audit;

use audit::{Ledger, by, id, key, plan, receipt};
use ed25519_dalek::{Signature, VerifyingKey};
use serde_json::Value;
use sha2::{Digest, Sha256};
use veilgate::audit::action::{Action, Outcome};
use veilgate::audit::chain::Entry;
use veilgate::audit::event::Event;
use veilgate::deid::refusal::{FailureReason, Refusal};

/// RFC 8785 for all but fractions.
fn canonical(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let mut members: Vec<_> = members.iter().collect();
            members.sort_by_key(|(name, _)| name.encode_utf16().collect::<Vec<u16>>());
            let members: Vec<String> = members
                .iter()
                .map(|(name, value)| format!("{}:{}", string(name), canonical(value)))
                .collect();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        Value::String(text) => string(text),
        Value::Number(number) => number.as_u64().expect("the audit has no other numbers").to_string(),
        Value::Bool(_) | Value::Null => value.to_string(),
    }
}

fn string(text: &str) -> String {
    let mut out = String::from('"');
    for it in text.chars() {
        match it {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            control if control < ' ' => out.push_str(&format!("\\u{:04x}", control as u32)),
            other => out.push(other),
        }
    }
    out + "\""
}

#[test]
fn the_independent_canonicalizer_passes_the_vectors_of_the_rfc() {
    // RFC 8785 3.2.2 without its fractions, and 3.2.3.
    let literals =
        r#"{ "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false] }"#;
    let wanted = "{\"literals\":[null,true,false],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(canonical(&serde_json::from_str(literals).unwrap()), wanted);
    let names = r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
        "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#;
    let sorted = canonical(&serde_json::from_str(names).unwrap());
    let places: Vec<usize> = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"]
        .map(|it| sorted.find(it).unwrap())
        .into();
    assert!(places.is_sorted(), "{sorted}");
}

#[test]
fn strings_are_escaped_as_the_rfc_asks() {
    // The writer behind all canonical bytes, over every character that needs care and many that do not.
    let all: String =
        (0..0x2100).filter_map(char::from_u32).chain(['\u{fb33}', '\u{1f600}', '\u{ffff}']).collect();
    assert_eq!(serde_json::to_string(&all).unwrap(), string(&all));
}

/// A ledger with every kind of line and every kind of event.
fn ledger() -> Ledger {
    let (plan, mut ledger) = (plan("basic"), Ledger::of(12, 5));
    let store = by(Action::Store);
    let refused = Refusal::PrivateSopClass.into();
    for event in [
        Event::undelivered(&store, &plan, &receipt(1), FailureReason::OUT_OF_RESOURCES),
        Event::refusal(&store, &plan, &refused, None),
        Event::request(&store, Outcome::Partial, u64::MAX, 1),
        Event::act(&by(Action::MakeKey), Outcome::Done, Some(id("key-9"))).because("asked-for"),
    ] {
        ledger.push_event(event);
    }
    ledger.seal(2, 7);
    ledger
}

#[test]
fn every_line_of_an_export_is_canonical() {
    for line in ledger().export() {
        let text = line.text();
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(text.trim_end(), canonical(&value));
    }
}

fn public_key() -> VerifyingKey {
    ed25519_dalek::SigningKey::from_bytes(&[1; 32]).verifying_key()
}

#[test]
fn hashes_and_signatures_follow_from_the_lines_alone() {
    let public = public_key();
    let signed = |domain: &str, value: &Value| {
        let bytes: Vec<u8> = (0..64)
            .map(|at| {
                u8::from_str_radix(&value["signature"].as_str().unwrap()[2 * at..2 * at + 2], 16).unwrap()
            })
            .collect();
        let signature = Signature::from_slice(&bytes).unwrap();
        public
            .verify_strict((domain.to_owned() + &canonical(&value["body"])).as_bytes(), &signature)
            .unwrap();
    };
    let mut seen = [0; 3];
    let hex = |text: &str| Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let mut previous = None;
    for line in ledger().export() {
        let value: Value = serde_json::from_str(&line.text()).unwrap();
        if let Some(header) = value.get("header") {
            let (key, project) = (&header["key_id"], &header["project"]);
            previous =
                Some(hex(&format!("veilgate audit genesis 1\n{{\"key_id\":{key},\"project\":{project}}}")));
        } else if let Some(entry) = value.get("entry") {
            let hash = hex(&format!("veilgate audit entry 1\n{}", canonical(&entry["body"])));
            assert_eq!(entry["hash"], hash.as_str());
            assert_eq!(entry["body"]["previous"].as_str(), previous.as_deref());
            (previous, seen[0]) = (Some(hash), seen[0] + 1);
        } else if let Some(segment) = value.get("segment") {
            signed("veilgate audit segment 1\n", segment);
            assert_eq!(segment["body"]["first_previous"].as_str(), previous.as_deref());
            (previous, seen[1]) = (segment["body"]["hash"].as_str().map(str::to_owned), seen[1] + 1);
        } else {
            let checkpoint = value.get("checkpoint").unwrap_or(&value["end"]["checkpoint"]);
            signed("veilgate audit checkpoint 1\n", checkpoint);
            assert_eq!(checkpoint["body"]["hash"].as_str(), previous.as_deref());
            seen[2] += 1;
        }
    }
    assert_eq!(seen, [10, 1, 2]);
}

#[test]
fn an_entry_is_the_same_however_its_json_is_laid_out() {
    let entry = Ledger::of(3, 100).push();
    let value: Value = serde_json::from_str(&entry.body.canonical()).unwrap();
    let spread = serde_json::to_string_pretty(&value).unwrap();
    assert_eq!(Entry::parse(&spread).unwrap().hash(), entry.hash);
    assert!(Entry::parse(&spread.replace("\"sequence\": 4", "\"sequence\": 4.0")).is_err());
    assert!(Entry::parse(&spread.replace("\"sequence\": 4", "\"sequence\": 4, \"sequence\": 4")).is_err());
}

#[test]
fn the_key_id_is_that_of_the_der_form() {
    let prefix = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
    let der = [&prefix[..], public_key().as_bytes()].concat();
    assert_eq!(key().public().id().0, <[u8; 32]>::from(Sha256::digest(der)));
}
