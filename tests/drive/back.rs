//! Drives the restorer for the tests: a crosswalk and an origin made of one original instance, an instance in, an instance
//! out.

use crate::support::Tag;
use crate::support::compare::compare;
use crate::support::walk::walk;
use bytes::Bytes;
use chrono::NaiveDate;
use std::collections::{BTreeSet, HashMap};
use veilgate::deid::engine::Engine;
use veilgate::deid::patient::Patient;
use veilgate::deid::receipt::{Phi, Receipt, Refused};
use veilgate::deid::restore::{Found, Known, Options, Restorer, Study};
use veilgate::dicom::instance::{Event, Limits};
use veilgate::dicom::splitter::Splitter;
use veilgate::dicomweb::json_in;
use veilgate::dicomweb::json_out::{self, Bounds};

/// A SOP Instance UID of a sender's own, as long as a pseudonym may be.
pub const OWN: &str = "1.2.826.0.1.3680043.8.498.";

/// What a project knows of one instance that it gave out, and what its origin says.
#[derive(Clone)]
pub struct World {
    pub engine: Engine,
    /// Originals by pseudonym.
    pub uids: HashMap<String, String>,
    pub patients: HashMap<String, Patient>,
    pub restored: Option<String>,
    pub study: Study,
    pub others: Vec<Patient>,
    /// Studies of the origin's series.
    pub series: HashMap<String, BTreeSet<String>>,
    pub taken: bool,
    /// Originals that the origin tells of, and the crosswalk did not know.
    pub again: HashMap<String, String>,
    pub today: NaiveDate,
    pub path_study: Option<String>,
}

/// An instance that was pseudonymized, and how to lead it back. `None` where it was refused, or has no legal metadata.
pub fn given_out(engine: &Engine, original: &[u8]) -> Option<(Vec<u8>, World)> {
    let (given, receipt) = super::whole(engine, original).ok()?;
    let mut uids = HashMap::new();
    for (before, after) in compare(&walk(original), &walk(&given)).changed {
        if after.vr == Some(*b"UI") {
            uids.extend(values(&after.bytes()).into_iter().zip(values(&before.bytes())));
        }
    }
    uids.remove("");
    let before = walk(original);
    let study = before.text((0x0020, 0x000d)).unwrap_or_default();
    let series = before.leaves.iter().filter(|leaf| leaf.tag == (0x0020, 0x000e));
    let series = series.flat_map(|leaf| values(&leaf.bytes()));
    let patients = HashMap::from([(receipt.patient_id.clone(), receipt.originals.expose().patient())]);
    let world = World {
        engine: engine.clone(),
        uids,
        patients,
        restored: None,
        study: self::study(original)?,
        others: Vec::new(),
        series: series.map(|series| (series, BTreeSet::from([study.clone()]))).collect(),
        taken: false,
        again: HashMap::new(),
        today: NaiveDate::from_ymd_opt(2026, 11, 30).unwrap(),
        path_study: None,
    };
    Some((given, world))
}

fn values(value: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(value).into_owned();
    text.split('\\').map(|uid| uid.trim_matches(['\0', ' ']).to_owned()).collect()
}

/// What the origin's metadata says of the study of an instance: through DICOM JSON, as in earnest.
pub fn study(original: &[u8]) -> Option<Study> {
    let mut events = Vec::new();
    let mut splitter = Splitter::new(Limits::default());
    splitter.push(Bytes::copy_from_slice(original), &mut events).ok()?;
    splitter.finish(&mut events).ok()?;
    let head = events.into_iter().find_map(|event| match event {
        Event::Head(head) => Some(head),
        _ => None,
    })?;
    let bounds = Bounds { value: usize::MAX, sequence: usize::MAX, whole: usize::MAX, depth: 64 };
    let json = json_out::data_set(&head.data, head.encoding, bounds).ok()?.to_json();
    let read = json_in::parse(json.as_bytes()).ok()?.into_iter().next()?.ok()?;
    Study::new(read.encoded(&Study::wants)).ok()
}

/// The same file under a SOP Instance UID of its sender's own: as long as the one it had.
pub fn as_own(file: &[u8]) -> (Vec<u8>, String) {
    let before = walk(file).text((0x0008, 0x0018)).unwrap();
    let number: String = before.chars().rev().filter(char::is_ascii_digit).collect();
    let own = format!("{OWN}1{number}")[..before.len()].to_owned();
    (replaced(file, before.as_bytes(), own.as_bytes()), own)
}

/// The same file with other bytes, of the same number, wherever these stand.
pub fn replaced(file: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = file.to_vec();
    let mut at = 0;
    while let Some(found) = crate::support::multipart::find(&out[at..], from) {
        out[at + found..at + found + to.len()].copy_from_slice(to);
        at += found + to.len();
    }
    out
}

impl World {
    /// One instance through the restorer, in chunks of `step` bytes.
    pub fn restore(&self, input: &[u8], step: usize) -> Result<(Vec<u8>, Receipt), Box<Refused>> {
        let options =
            Options { limits: Limits::default(), study: self.path_study.clone(), today: self.today };
        let mut restorer = Restorer::new(&self.engine, options);
        let mut out = Vec::new();
        for chunk in input.chunks(step) {
            restorer.push(Bytes::copy_from_slice(chunk), &mut out)?;
            self.answer(&mut restorer, &mut out)?;
        }
        restorer.end(&mut out)?;
        self.answer(&mut restorer, &mut out)?;
        let receipt = restorer.finish(&mut out)?;
        Ok((out.concat(), receipt))
    }

    fn answer(&self, restorer: &mut Restorer, out: &mut Vec<Bytes>) -> Result<(), Refused> {
        while let Some(asked) = restorer.asked() {
            let known = asked.uids.iter().filter_map(|uid| Some((uid.clone(), self.uids.get(uid)?)));
            let uids = known.map(|(uid, original)| (uid, Phi::new(original.clone()))).collect();
            let patient = asked.patient.and_then(|id| self.patients.get(&id));
            let known = Known {
                uids,
                patient: patient.map(|it| Phi::new(it.text())),
                restored: self.restored.clone().map(Phi::new),
            };
            if restorer.identify(known, out)?.is_none() {
                continue;
            }
            let found = Found {
                study: self.study.clone(),
                patients: self.others.clone(),
                series: self.series.clone(),
                is_taken: self.taken,
                again: self.again.iter().map(|(name, it)| (name.clone(), Phi::new(it.clone()))).collect(),
            };
            restorer.restore(found, out)?;
        }
        Ok(())
    }
}

/// Attributes that all instances of a study share, as far as the tests' instances have them.
pub const OF_STUDY: &[Tag] = &[
    (0x0008, 0x0020),
    (0x0008, 0x0030),
    (0x0008, 0x0050),
    (0x0008, 0x0090),
    (0x0008, 0x1030),
    (0x0010, 0x0010),
    (0x0010, 0x0020),
    (0x0010, 0x0021),
    (0x0010, 0x0030),
    (0x0010, 0x0040),
    (0x0010, 0x1000),
    (0x0010, 0x1010),
    (0x0010, 0x1030),
    (0x0010, 0x4000),
    (0x0020, 0x0010),
];
