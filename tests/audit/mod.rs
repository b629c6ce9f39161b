//! Audit chains made for tests, and the tools of one who tampers with them without the signing key.

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

use veilgate::audit::action::{Action, Outcome};
use veilgate::audit::chain::{Entry, Head, Sealed};
use veilgate::audit::checkpoint::{Checkpoint, Segment, Signed};
use veilgate::audit::event::{By, Event};
use veilgate::audit::export::{End, FORMAT, Header, Line, Reader};
use veilgate::audit::finding::Kind;
use veilgate::audit::key::SigningKey;
use veilgate::audit::report::Report;
use veilgate::audit::value::{Id, Time};
use veilgate::audit::verify::Verifier;
use veilgate::deid::plan::Plan;
use veilgate::deid::profile::Profile;
use veilgate::deid::receipt::{Counts, Names, Originals, Phi, Receipt};

pub const PROJECT: &str = "project-1";

pub fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

pub fn key() -> SigningKey {
    SigningKey::from_seed(&[1; 32])
}

pub fn time(sequence: u64) -> Time {
    Time::from_unix_millis(1_795_000_000_000 + 1000 * sequence as i64).unwrap()
}

pub fn plan(preset: &str) -> Plan {
    Plan::new(&Profile::preset(preset).unwrap())
}

pub fn by(action: Action) -> By {
    By { actor: id("key-7f3a"), request: Some(id("req-0001")), action }
}

pub fn receipt(number: u64) -> Receipt {
    let original = |kind: u64| format!("1.2.840.99999.{kind}.{number}");
    Receipt {
        names: Names {
            sop_class: "1.2.840.10008.5.1.4.1.1.2".into(),
            instance: format!("2.25.1000{number}"),
            series: "2.25.2000".into(),
            study: "2.25.3000".into(),
        },
        sent: None,
        patient_id: "DEID-1".into(),
        transfer_syntax: "1.2.840.10008.1.2.1",
        counts: Counts::default(),
        bytes_in: 1,
        bytes_out: 1,
        sha256_in: Some([3; 32]),
        sha256_out: Some([4; 32]),
        originals: Phi::new(Originals {
            instance: original(1),
            series: original(2),
            study: original(3),
            patient_id: "Doe-7781".into(),
            issuer: "Hospital-7781".into(),
        }),
    }
}

/// Events as requests bring them: some instances, then the request.
pub fn event(plan: &Plan, number: u64) -> Event {
    match number % 4 {
        0 => Event::request(&by(Action::Store), Outcome::Done, 3, 0),
        _ => Event::instance(&by(Action::Store), plan, &receipt(number)),
    }
}

pub struct Ledger {
    pub key: SigningKey,
    pub head: Head,
    pub lines: Vec<Line>,
    plan: Plan,
}

impl Ledger {
    pub fn new(project: &str, key: SigningKey) -> Self {
        let head = Head::genesis(&id(project), key.public());
        let header = Header { format: FORMAT, key_id: key.public().id(), project: id(project) };
        Self { key, head, lines: vec![Line::Header(header)], plan: plan("basic") }
    }

    /// Entries up to `count`, a checkpoint after each `every`.
    pub fn of(count: u64, every: u64) -> Self {
        let mut ledger = Self::new(PROJECT, key());
        for number in 1..=count {
            ledger.push();
            if number % every == 0 {
                let checkpoint = ledger.checkpoint();
                ledger.lines.push(Line::Checkpoint(checkpoint));
            }
        }
        ledger
    }

    pub fn push(&mut self) -> Sealed {
        let number = self.head.sequence + 1;
        self.push_event(event(&self.plan, number))
    }

    pub fn push_event(&mut self, event: Event) -> Sealed {
        let (head, mut entries) = self.head.append([(time(self.head.sequence + 1), event)]).unwrap();
        self.head = head;
        let entry = entries.pop().unwrap();
        self.lines.push(Line::Entry(Box::new(entry.clone())));
        entry
    }

    pub fn checkpoint(&self) -> Signed<Checkpoint> {
        Checkpoint::sign(&self.head, time(self.head.sequence), &self.key)
    }

    /// What the gateway exports now.
    pub fn export(&self) -> Vec<Line> {
        let entries = self.lines.iter().filter(|line| matches!(line, Line::Entry(_))).count() as u64;
        let end = Line::End(End { checkpoint: self.checkpoint(), entries });
        self.lines.iter().cloned().chain([end]).collect()
    }

    /// Retention: entries from `first` to `last` (and checkpoints among them) make room for a closing record.
    pub fn seal(&mut self, first: u64, last: u64) {
        let entry = |number| {
            self.lines.iter().find_map(|line| as_entry(line).filter(|it| it.body.sequence == number))
        };
        let record =
            Segment::seal(entry(first).unwrap(), entry(last).unwrap(), time(last), &self.key).unwrap();
        let (from, to) = (at(&self.lines, first), at(&self.lines, last));
        self.lines.splice(from..=to, [Line::Segment(record)]);
    }
}

pub fn as_entry(line: &Line) -> Option<&Sealed> {
    match line {
        Line::Entry(entry) => Some(entry),
        _ => None,
    }
}

/// Index of the line with this entry.
pub fn at(lines: &[Line], sequence: u64) -> usize {
    lines.iter().position(|line| as_entry(line).is_some_and(|it| it.body.sequence == sequence)).unwrap()
}

/// Changes an entry's content and leaves its hash.
pub fn change(lines: &mut [Line], sequence: u64, how: impl Fn(&mut Entry)) {
    let place = at(lines, sequence);
    if let Line::Entry(entry) = &mut lines[place] {
        how(&mut entry.body);
    }
}

/// Hashes an entry anew, as anyone can.
pub fn rehash(lines: &mut [Line], sequence: u64) {
    let place = at(lines, sequence);
    if let Line::Entry(entry) = &mut lines[place] {
        entry.hash = entry.body.hash();
    }
}

/// Makes all entries from `sequence` on fit each other again, with numbers without a gap.
pub fn rebuild(lines: &mut [Line], sequence: u64) {
    let mut before: Option<(u64, _)> = None;
    for line in lines {
        if let Line::Entry(entry) = line {
            if let Some((number, hash)) = before
                && number + 1 >= sequence
            {
                entry.body.sequence = number + 1;
                entry.body.previous = hash;
            }
            if entry.body.sequence >= sequence {
                entry.hash = entry.body.hash();
            }
            before = Some((entry.body.sequence, entry.hash));
        }
    }
}

pub fn later(entry: &mut Entry) {
    entry.time = time(entry.sequence + 5000);
}

pub fn report(lines: &[Line], kept: &[Signed<Checkpoint>]) -> Report {
    let mut verifier = Verifier::new(key().public().clone(), None);
    kept.iter().for_each(|checkpoint| verifier.keep(checkpoint));
    let mut reader = Reader::new(verifier);
    lines.iter().for_each(|line| reader.line(&line.text()));
    reader.finish()
}

/// Kinds and places of what is found.
pub fn found(lines: &[Line], kept: &[Signed<Checkpoint>]) -> Vec<(Kind, Option<(u64, u64)>)> {
    report(lines, kept).findings.iter().map(|finding| (finding.kind, finding.entries)).collect()
}

pub fn one(kind: Kind, first: u64, last: u64) -> Vec<(Kind, Option<(u64, u64)>)> {
    vec![(kind, Some((first, last)))]
}
