//! What stays provable: entries by the receipts that clients keep, the chain across deleted segments; and what an entry
//! must never hold.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]

mod audit;

use audit::{Ledger, PROJECT, at, by, change, found, id, key, later, one, plan, receipt, report};
use veilgate::audit::action::{Action, Kind as EventKind, Outcome};
use veilgate::audit::checkpoint::{BadReceipt, EntryReceipt, Segment};
use veilgate::audit::event::Event;
use veilgate::audit::export::{Line, Reader, kept_checkpoint};
use veilgate::audit::finding::Kind;
use veilgate::audit::key::SigningKey;
use veilgate::audit::report::Report;
use veilgate::audit::verify::Verifier;
use veilgate::deid::receipt::{Names, Refused};
use veilgate::deid::refusal::Refusal;

fn with_receipt(lines: &[Line], receipt: &EntryReceipt) -> Report {
    let mut verifier = Verifier::new(key().public().clone(), Some(id(PROJECT)));
    verifier.keep_receipt(receipt);
    let mut reader = Reader::new(verifier);
    lines.iter().for_each(|line| reader.line(&line.text()));
    reader.finish()
}

/// The receipt of the last of 15 entries, its checkpoint so many entries later, and the ledger grown to 40.
fn kept(later: u64) -> (EntryReceipt, Ledger) {
    let mut ledger = Ledger::of(14, 10);
    let entry = ledger.push();
    (0..later).for_each(|_| drop(ledger.push()));
    let receipt = EntryReceipt::new(&entry, ledger.checkpoint()).unwrap();
    (0..25 - later).for_each(|_| drop(ledger.push()));
    (receipt, ledger)
}

#[test]
fn a_receipt_proves_its_entry_in_a_later_export() {
    for behind in [0, 4] {
        let (receipt, ledger) = kept(behind);
        let text = receipt.canonical();
        assert!(text.is_ascii() && text.len() < 700 && !text.contains('\n'), "fit for a header: {text}");
        let receipt = EntryReceipt::parse(&text).unwrap();
        assert_eq!(receipt.check(key().public()), Ok(behind == 0));
        let report = with_receipt(&ledger.export(), &receipt);
        assert!(report.is_whole() && report.seen.agreeing >= 1, "{report}");
    }
}

#[test]
fn a_receipt_exposes_a_chain_without_its_entry() {
    let (receipt, _) = kept(0);
    let mut forged = Ledger::of(14, 10);
    (0..26).for_each(|number| drop(forged.push_event(audit::event(&plan("basic"), 900 + number))));
    let kinds =
        |lines: &[Line]| with_receipt(lines, &receipt).findings.iter().map(|it| it.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&forged.export()), [Kind::Rewritten]);
    assert_eq!(kinds(&Ledger::of(12, 10).export()), [Kind::RolledBack]);
}

#[test]
fn a_receipt_that_proves_nothing_is_refused() {
    let (receipt, mut ledger) = kept(0);
    let foreign = SigningKey::from_seed(&[9; 32]);
    assert_eq!(receipt.check(foreign.public()), Err(BadReceipt::Signature));
    let mut other = receipt.clone();
    other.sequence += 1;
    assert_eq!(other.check(key().public()), Err(BadReceipt::NotCovered));
    other = receipt.clone();
    other.hash.0[0] ^= 1;
    assert_eq!(other.check(key().public()), Err(BadReceipt::NotCovered));
    let kinds: Vec<Kind> = with_receipt(&ledger.export(), &other).findings.iter().map(|it| it.kind).collect();
    assert_eq!(kinds, [Kind::Malformed]);
    let (old, entry) = (ledger.checkpoint(), ledger.push());
    assert_eq!(EntryReceipt::new(&entry, old), Err(BadReceipt::NotCovered));
    assert_eq!(EntryReceipt::parse("{}"), Err(BadReceipt::Form));
}

#[test]
fn an_auditor_may_keep_the_closing_line_of_an_export() {
    let ledger = Ledger::of(20, 10);
    for text in [ledger.export().last().unwrap().text(), ledger.checkpoint().canonical()] {
        assert_eq!(kept_checkpoint(&text).unwrap(), ledger.checkpoint());
    }
    assert!(kept_checkpoint(&ledger.lines[1].text()).is_err());
}

/// 40 entries of which 5 to 12 and 13 to 20 are deleted.
fn sealed() -> Vec<Line> {
    let mut ledger = Ledger::of(40, 10);
    ledger.seal(5, 12);
    ledger.seal(13, 20);
    ledger.export()
}

#[test]
fn a_chain_stays_whole_across_sealed_segments() {
    let report = report(&sealed(), &[Ledger::of(20, 10).checkpoint(), Ledger::of(8, 10).checkpoint()]);
    assert!(report.is_whole(), "{report}");
    assert_eq!((report.seen.entries, report.seen.segments, report.seen.deleted), (24, 2, 16));
    assert_eq!(
        (report.seen.agreeing, report.seen.uncompared),
        (1, 1),
        "entry 20 is vouched for, entry 8 is gone"
    );

    let mut ledger = Ledger::of(40, 10);
    ledger.seal(1, 40);
    assert_eq!(found(&ledger.export(), &[]), []);
}

#[test]
fn a_segment_deleted_with_its_record_is_found() {
    let mut lines = sealed();
    lines.retain(|line| !matches!(line, Line::Segment(it) if it.body.first == 5));
    assert_eq!(found(&lines, &[]), one(Kind::Deleted, 5, 12));
}

#[test]
fn segments_out_of_order_or_twice_are_found() {
    let mut lines = sealed();
    let place = lines.iter().position(|line| matches!(line, Line::Segment(_))).unwrap();
    lines.swap(place, place + 1);
    assert_eq!(found(&lines, &[]), one(Kind::Reordered, 5, 12));
    lines.swap(place, place + 1);
    lines.insert(place + 2, lines[place].clone());
    assert_eq!(found(&lines, &[]), one(Kind::Inserted, 5, 12));
}

#[test]
fn a_tampered_closing_record_is_found() {
    let mut lines = sealed();
    for line in &mut lines {
        if let Line::Segment(record) = line
            && record.body.first == 5
        {
            record.body.last = 13;
            record.body.count = 9;
        }
    }
    assert_eq!(found(&lines, &[])[0], (Kind::BadSignature, Some((5, 13))));
}

#[test]
fn entries_made_anew_before_a_closing_record_contradict_it() {
    let mut lines = sealed();
    change(&mut lines, 4, later);
    audit::rehash(&mut lines, 4);
    assert_eq!(found(&lines, &[]), one(Kind::Edited, 4, 4));
    let mut lines = sealed();
    change(&mut lines, 21, |entry| entry.previous.0[0] ^= 1);
    audit::rebuild(&mut lines, 22);
    audit::rehash(&mut lines, 21);
    assert_eq!(found(&lines, &[])[0], (Kind::Rewritten, Some((21, 21))));
}

#[test]
fn a_segment_has_its_first_entry_before_its_last() {
    let ledger = Ledger::of(5, 10);
    let entry = |number: u64| audit::as_entry(&ledger.lines[at(&ledger.lines, number)]).unwrap();
    assert!(Segment::seal(entry(3), entry(2), audit::time(1), &key()).is_err());
    let mut other = Ledger::new("project-2", key());
    assert!(Segment::seal(entry(3), &other.push(), audit::time(1), &key()).is_err());
    assert_eq!(Segment::seal(entry(3), entry(3), audit::time(1), &key()).unwrap().body.count, 1);
}

#[test]
fn an_entry_holds_no_original_identifier() {
    let store = by(Action::Store);
    let receipt = receipt(7);
    let originals = receipt.originals.expose().clone();
    // `blank` keeps UIDs: then the names of the output are the original ones.
    let kept = Names {
        sop_class: receipt.names.sop_class.clone(),
        instance: originals.instance.clone(),
        series: originals.series.clone(),
        study: originals.study.clone(),
    };
    let mut retained = receipt.clone();
    retained.names = kept.clone();
    let refused = Refused { refusal: Refusal::OtherStudy, names: Some(Box::new(kept)), sent: None };
    let blank = plan("blank");
    for event in [
        Event::instance(&store, &plan("basic"), &receipt),
        Event::instance(&store, &blank, &retained),
        Event::refusal(&store, &blank, &refused, None),
    ] {
        let entry = Ledger::new(PROJECT, key()).push_event(event);
        let text = entry.body.canonical();
        for original in [&originals.instance, &originals.series, &originals.study, &originals.patient_id] {
            assert!(!text.contains(original.as_str()), "{text}");
        }
        assert!(text.contains(&receipt.names.sop_class), "{text}");
    }
}

#[test]
fn an_entry_tells_what_was_done_under_which_plan() {
    let (basic, receipt) = (plan("basic"), receipt(7));
    let event = Event::instance(&by(Action::Store), &basic, &receipt);
    assert_eq!(
        (event.kind(), event.action(), event.outcome()),
        (EventKind::Instance, Action::Store, Outcome::Done)
    );
    assert_eq!(event.uids(), [Some("2.25.3000"), Some("2.25.2000"), Some("2.25.10007")]);
    let text = Ledger::new(PROJECT, key()).push_event(event).body.canonical();
    for part in
        [basic.id(), &"03".repeat(32), &"04".repeat(32), "key-7f3a", "req-0001", env!("CARGO_PKG_VERSION")]
    {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn what_is_no_uid_does_not_get_into_an_entry() {
    let mut receipt = receipt(7);
    receipt.names.study = "Doe^John".into();
    let event = Event::instance(&by(Action::Store), &plan("basic"), &receipt);
    assert_eq!(event.uids()[0], None);
}
