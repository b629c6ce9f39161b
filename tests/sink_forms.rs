//! The two forms of the second sink: snapshots, and the rules of both formats held against every kind of entry.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod audit;
#[path = "sink/fhir_r4.rs"]
mod fhir_r4;
#[path = "sink/schema.rs"]
mod schema;
mod sink;

use serde_json::Value;
use sink::{by, chain, id, sealed};
use std::path::Path;
use veilgate::audit::action::{Action, Outcome};
use veilgate::audit::chain::Sealed;
use veilgate::audit::digest::Digest;
use veilgate::audit::event::Event;
use veilgate::deid::plan::Plan;
use veilgate::deid::profile::Profile;
use veilgate::deid::receipt::Refused;
use veilgate::deid::refusal::{FailureReason, Refusal};
use veilgate::sink::{dicom, fhir};

const ACTIONS: [Action; 21] = [
    Action::Store,
    Action::Restore,
    Action::Retrieve,
    Action::Search,
    Action::Delete,
    Action::ChangeCustomer,
    Action::MakeProject,
    Action::ChangeProfile,
    Action::ChangeProject,
    Action::ChangePseudonyms,
    Action::MakeKey,
    Action::RevokeKey,
    Action::RotateMasterKey,
    Action::Reidentify,
    Action::ReadAudit,
    Action::ExportAudit,
    Action::KeepCheckpoint,
    Action::SealSegment,
    Action::ChangeTier,
    Action::Buy,
    Action::Preview,
];

const OUTCOMES: [Outcome; 4] = [Outcome::Done, Outcome::Partial, Outcome::Refused, Outcome::Failed];

/// Every kind of entry under every action and outcome.
fn every_entry() -> Vec<Sealed> {
    let plan = audit::plan("basic");
    let mut events = Vec::new();
    for by in ACTIONS.map(by) {
        let receipt = audit::receipt(1);
        let named =
            Refused { refusal: Refusal::Directory, names: Some(Box::new(receipt.names.clone())), sent: None };
        let nameless = Refused { refusal: Refusal::OtherStudy, names: None, sent: None };
        events.push(Event::instance(&by, &plan, &receipt));
        events.push(Event::undelivered(&by, &plan, &receipt, FailureReason::OUT_OF_RESOURCES));
        events.push(Event::refusal(&by, &plan, &named, Some(Digest([9; 32]))));
        events.push(Event::refusal(&by, &plan, &nameless, None));
        for outcome in OUTCOMES {
            events.push(Event::request(&by, outcome, 3, 1).because("why"));
            events.push(Event::act(&by, outcome, Some(id("subject"))));
            events.push(Event::act(&by, outcome, None));
        }
    }
    chain("project-1", events)
}

fn examples() -> Vec<Sealed> {
    include_str!("sink/entries.jsonl").lines().map(sealed).collect()
}

/// Holds `lines` against a file beside the tests. To accept a change, copy what the failure names over that file.
fn is_as_recorded(name: &str, lines: &[String]) {
    let now = lines.join("\n") + "\n";
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sink").join(name);
    if std::fs::read_to_string(&recorded).unwrap_or_default() != now {
        let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::write(&made, now).unwrap();
        panic!("tests/sink/{name} tells otherwise than {}", made.display());
    }
}

#[test]
fn the_fhir_lines_of_the_examples_are_as_recorded() {
    // Members in the order of their names, which the JSON library may or may not do by itself.
    let sorted = |entry: &Sealed| {
        let mut value: Value = serde_json::from_str(&fhir::line(entry)).unwrap();
        value.sort_all_objects();
        value.to_string()
    };
    is_as_recorded("fhir.jsonl", &examples().iter().map(sorted).collect::<Vec<_>>());
}

#[test]
fn the_dicom_messages_of_the_examples_are_as_recorded() {
    let messages = examples().into_iter().flat_map(|entry| dicom::messages(&entry));
    is_as_recorded("dicom.xml-lines", &messages.map(|message| message.xml).collect::<Vec<_>>());
}

#[test]
fn every_entry_becomes_one_line_that_is_a_legal_audit_event_of_fhir_r4() {
    let entries = every_entry();
    assert!(entries.len() > 200);
    for entry in entries {
        let line = fhir::line(&entry);
        assert!(!line.contains('\n'));
        fhir_r4::check(&serde_json::from_str(&line).unwrap(), &line);
    }
}

#[test]
fn every_entry_becomes_messages_that_follow_the_schema_of_ps3_15_a_5_1() {
    for entry in every_entry() {
        for message in dicom::messages(&entry) {
            assert!(!message.xml.contains('\n'));
            assert!(message.xml.len() < 32_768, "what every collector takes (PS3.15 A.6)");
            schema::check(&message.xml);
        }
    }
}

/// The row of an action in the statement, from what is sent.
fn row(action: Action) -> String {
    let entry = &chain("p", [Event::request(&by(action), Outcome::Done, 1, 0)])[0];
    let event: Value = serde_json::from_str(&fhir::line(entry)).unwrap();
    let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (alert, word) = match text("/subtype/1/code") {
        only if only.is_empty() => (only, text("/subtype/0/code")),
        word => (text("/subtype/0/code"), word),
    };
    let role = match text("/agent/0/type/coding/0/code").as_str() {
        "110153" => "source",
        "110152" => "destination",
        _ => "",
    };
    let (id, letter) = (text("/type/code"), text("/action"));
    format!("| `{word}` | {id} | {alert} | {letter} | {role} |").replace("|  |", "| |")
}

#[test]
fn the_statement_tells_the_events_that_are_sent() {
    let statement = include_str!("../conformance/audit_messages.md");
    let rows: Vec<&str> = statement.lines().filter(|line| line.starts_with("| `")).collect();
    assert_eq!(rows.len(), ACTIONS.len());
    for row in ACTIONS.map(row) {
        assert!(rows.contains(&row.as_str()), "{row}");
    }
}

#[test]
fn successes_and_failures_of_a_request_are_told_in_two_messages() {
    let partial = chain("p", [Event::request(&by(Action::Store), Outcome::Partial, 3, 1)]);
    let outcomes: Vec<u8> = dicom::messages(&partial[0]).iter().map(|message| message.outcome).collect();
    assert_eq!(outcomes, [0, 4]);
}

#[test]
fn no_original_value_is_in_either_form() {
    // Under this option the names of the output are the original ones (PS3.15 E.3.9).
    let plan = Plan::new(&Profile::parse("options = [\"retain-uids\"]").unwrap());
    let mut receipt = audit::receipt(7);
    receipt.names.study = "1.2.840.99999.3.7".to_owned();
    receipt.names.series = "1.2.840.99999.2.7".to_owned();
    receipt.names.instance = "1.2.840.99999.1.7".to_owned();
    let retained = chain("p", [Event::instance(&by(Action::Store), &plan, &receipt)]);
    for entry in every_entry().into_iter().chain(retained) {
        let xml = dicom::messages(&entry).into_iter().map(|message| message.xml);
        for text in xml.chain([fhir::line(&entry)]) {
            for original in ["1.2.840.99999", "Doe", "DEID-1"] {
                assert!(!text.contains(original), "{original}");
            }
        }
    }
}
