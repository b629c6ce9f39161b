//! One instance on its way back: made on pseudonymized data, given the originals of what it refers to, its patient and its
//! dates (sans-IO). It asks its caller what names stand for and what the origin says; it judges the answers, fail closed.
//! Holds head and tail, lets the bulk pass.

mod carry;
mod judge;
mod modules;
mod study;
mod survey;

pub use study::Study;

use super::engine::Engine;
use super::patient::Patient;
use super::receipt::{Names, Phi, Receipt, Refused};
use super::refusal::Refusal;
use super::rewriter::{check_order, filter};
use crate::dicom::bulk::BulkFilter;
use crate::dicom::instance::{BulkHeader, Event, Head, Limits};
use crate::dicom::splitter::Splitter;
use crate::dicom::writer::Writer;
use crate::dicom::{Encoding, Fault, FaultKind, meta};
use bytes::Bytes;
use carry::{Carrier, Subject};
use chrono::NaiveDate;
use std::collections::{BTreeSet, HashMap, VecDeque};
use survey::Survey;

/// What the caller wants of one instance.
#[derive(Debug, Clone)]
pub struct Options {
    /// Bounds.
    pub limits: Limits,
    /// The Study Instance UID that the instance must have as it comes in (PS3.18 10.5.1.2).
    pub study: Option<String>,
    /// The last day that can have been: no date of a patient lies behind it.
    pub today: NaiveDate,
}

/// What is to be looked up in the project's crosswalk.
pub struct Asked {
    /// UIDs.
    pub uids: Vec<String>,
    /// Patient ID.
    pub patient: Option<String>,
    /// SOP Instance UID as sent: whether the project restored an instance of that name before.
    pub instance: Option<String>,
}

/// What the crosswalk says.
#[derive(Default)]
pub struct Known {
    /// Originals by their pseudonyms, those that are known.
    pub uids: HashMap<String, Phi<String>>,
    /// The text of the patient.
    pub patient: Option<Phi<String>>,
    /// The original study in which the project restored an instance of that name before.
    pub restored: Option<Phi<String>>,
}

/// What is to be asked of the origin, by original names.
pub struct Wanted {
    /// The study.
    pub study: Phi<String>,
    /// Other studies named in the instance.
    pub others: Vec<Phi<String>>,
    /// Instances that it refers to and that the project gave out.
    pub references: Vec<Phi<String>>,
    /// Whatever else the project gave out of what it names, and what it gives itself for an instance or a series.
    pub names: Vec<Phi<String>>,
    /// Its own SOP Instance UID.
    pub instance: Phi<String>,
    /// Names that the crosswalk does not have, and that may be pseudonyms of what stands in the study.
    pub lost: Vec<String>,
}

/// What the origin says.
pub struct Found {
    /// The study.
    pub study: Study,
    /// The patients of the other studies that are named, or in which anything is that is named.
    pub patients: Vec<Patient>,
    /// What of the names is a series, and in which studies.
    pub series: HashMap<String, BTreeSet<String>>,
    /// The origin has an instance of this SOP Instance UID.
    pub is_taken: bool,
    /// Originals of names that the crosswalk did not have.
    pub again: HashMap<String, Phi<String>>,
}

/// The restorer. After a refusal it is over.
///
/// Bytes go in by `push` and `end`. Each time, as long as [`Restorer::asked`] asks, [`Restorer::identify`] takes the answer,
/// and where it wants something of the origin, [`Restorer::restore`] takes that.
pub struct Restorer {
    engine: Engine,
    options: Options,
    splitter: Splitter,
    waiting: VecDeque<Event>,
    stage: Stage,
    refused_as: RefusedAs,
    bytes_in: u64,
    bytes_out: u64,
}

/// Under which names a refusal is told.
#[derive(Default)]
struct RefusedAs {
    names: Option<Box<Names>>,
    sent: Option<Box<str>>,
}

enum Stage {
    Begun,
    /// The head waits for what its names stand for.
    Asking(Box<(Head, Survey)>),
    /// The head waits for what the origin says.
    Finding(Box<(Head, Survey, Known)>),
    Flowing(Box<Flow>),
}

/// What is known once the head went out.
struct Flow {
    subject: Subject,
    receipt: Receipt,
    encoding: Encoding,
    bulk: Option<BulkHeader>,
    filter: BulkFilter,
    /// The tail waits for what its names stand for.
    tail: Option<(Vec<u8>, survey::Names)>,
}

impl Restorer {
    /// A restorer for one instance.
    pub fn new(engine: &Engine, options: Options) -> Self {
        Self {
            engine: engine.clone(),
            splitter: Splitter::new(options.limits),
            options,
            waiting: VecDeque::new(),
            stage: Stage::Begun,
            refused_as: RefusedAs::default(),
            bytes_in: 0,
            bytes_out: 0,
        }
    }

    /// Bytes of head or tail that are held now.
    pub fn held(&self) -> usize {
        self.splitter.held()
    }

    /// Takes the next bytes of the instance; what can go out is appended to `out`.
    ///
    /// # Errors
    /// The instance is damaged, or beyond what is supported.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Refused> {
        self.bytes_in += chunk.len() as u64;
        let mut events = Vec::new();
        let pushed = self.splitter.push(chunk, &mut events);
        self.waiting.extend(events);
        self.flow(out)?;
        pushed.map_err(|fault| self.refused(fault.into()))
    }

    /// No more bytes come.
    ///
    /// # Errors
    /// As of `push`; what went out must then be discarded.
    pub fn end(&mut self, out: &mut Vec<Bytes>) -> Result<(), Refused> {
        let mut events = Vec::new();
        let splitter = std::mem::replace(&mut self.splitter, Splitter::new(self.options.limits));
        let finished = splitter.finish(&mut events);
        self.waiting.extend(events);
        self.flow(out)?;
        finished.map_err(|fault| self.refused(fault.into()))
    }

    /// What is to be looked up now, if anything.
    pub fn asked(&self) -> Option<Asked> {
        match &self.stage {
            Stage::Asking(head) => {
                let Survey { facts, names } = &head.1;
                let veiled = self.engine.names(facts).instance;
                Some(Asked {
                    uids: names.uids.iter().cloned().chain([veiled]).collect(),
                    patient: Some(facts.patient_id.clone()),
                    instance: Some(facts.instance.clone()),
                })
            }
            Stage::Flowing(flow) => flow.tail.as_ref().map(|(_, names)| Asked {
                uids: names.uids.iter().cloned().collect(),
                patient: None,
                instance: None,
            }),
            Stage::Begun | Stage::Finding(_) => None,
        }
    }

    /// Takes what the crosswalk says; what is wanted of the origin then, if anything.
    ///
    /// # Errors
    /// The instance is not about anything that the project gave out, or not about one patient.
    pub fn identify(&mut self, known: Known, out: &mut Vec<Bytes>) -> Result<Option<Wanted>, Refused> {
        match std::mem::replace(&mut self.stage, Stage::Begun) {
            Stage::Asking(waiting) => {
                let (head, survey) = *waiting;
                let facts = &survey.facts;
                self.refused_as.names = Some(Box::new(judge::names(&self.engine, facts, &known)));
                let told = judge::may_be_told(facts, &known).then(|| facts.instance.as_str().into());
                self.refused_as.sent = told;
                let judged = judge::judge(&self.engine, &self.options, &survey, &known);
                judged.map_err(|refusal| self.refused(refusal))?;
                let wanted = judge::wanted(&survey, &known);
                self.stage = Stage::Finding(Box::new((head, survey, known)));
                Ok(Some(wanted))
            }
            Stage::Flowing(mut flow) => {
                let tail = self.tail(&mut flow, known).map_err(|refusal| self.refused(refusal))?;
                self.goes_out(tail, out);
                self.stage = Stage::Flowing(flow);
                self.flow(out)?;
                Ok(None)
            }
            stage => {
                self.stage = stage;
                Ok(None)
            }
        }
    }

    /// Takes what the origin says; the head goes out.
    ///
    /// # Errors
    /// The study belongs to another patient, or the name is taken.
    pub fn restore(&mut self, found: Found, out: &mut Vec<Bytes>) -> Result<(), Refused> {
        let Stage::Finding(waiting) = std::mem::replace(&mut self.stage, Stage::Begun) else { return Ok(()) };
        let (head, survey, mut known) = *waiting;
        known.uids.extend(found.again.iter().map(|(name, original)| (name.clone(), original.clone())));
        judge::check(&survey, &known, &found).map_err(|refusal| self.refused(refusal))?;
        let (flow, bytes) =
            self.head(&head, survey, known, found.study).map_err(|refusal| self.refused(refusal))?;
        self.goes_out(bytes.into(), out);
        self.stage = Stage::Flowing(Box::new(flow));
        self.flow(out)
    }

    /// The instance is through.
    ///
    /// # Errors
    /// There was none.
    pub fn finish(mut self, out: &mut Vec<Bytes>) -> Result<Receipt, Refused> {
        match std::mem::replace(&mut self.stage, Stage::Begun) {
            Stage::Flowing(mut flow) => {
                self.goes_out(flow.filter.finish(), out);
                Ok(Receipt { bytes_in: self.bytes_in, bytes_out: self.bytes_out, ..flow.receipt })
            }
            _ => Err(Fault::from(FaultKind::NotDicom).into()),
        }
    }

    /// Handles events up to one that something must be asked for.
    fn flow(&mut self, out: &mut Vec<Bytes>) -> Result<(), Refused> {
        while !matches!(self.stage, Stage::Asking(_) | Stage::Finding(_)) {
            let Some(event) = self.waiting.pop_front() else { break };
            match event {
                Event::Head(head) => {
                    let survey = Survey::of(&head, self.options.limits)?;
                    self.stage = Stage::Asking(Box::new((head, survey)));
                }
                Event::Bulk(bytes) => {
                    if let Stage::Flowing(flow) = &mut self.stage {
                        let bytes = flow.filter.push(bytes);
                        self.goes_out(bytes, out);
                    }
                }
                // Zeros are padding.
                Event::Tail(bytes) if bytes.iter().all(|byte| *byte == 0) => {}
                Event::Tail(bytes) => {
                    let begun = self.begin_tail(bytes, out);
                    begun.map_err(|refusal| self.refused(refusal))?;
                }
            }
        }
        Ok(())
    }

    fn head(
        &self,
        head: &Head,
        survey: Survey,
        known: Known,
        study: Study,
    ) -> Result<(Flow, Vec<u8>), Refusal> {
        let Survey { facts, .. } = survey;
        let subject = Subject {
            sop: self.engine.plan().sop(&facts.sop_class),
            shift_days: self.engine.shift_days(study.patient()),
            today: self.options.today,
            pseudonym: facts.patient_id.clone().into_bytes(),
            signed_pixels: facts.signed_pixels,
            study,
            known,
        };
        let carrier = Carrier::of_head(&self.engine, &subject, head.data.len() + 1024);
        let (data, counts) = carrier.carry(&head.data, head.encoding, self.options.limits.depth)?.finish();
        let transfer_syntax = head.transfer_syntax.outgoing();
        let mut bytes = meta::write(&facts.sop_class, &facts.instance, transfer_syntax);
        bytes.extend(data);
        if let Some(bulk) = head.bulk {
            let mut header = Writer::with_capacity(12);
            header.header_only(bulk.tag, bulk.vr, bulk.len);
            bytes.extend(header.finish());
        }
        let patient = subject.study.patient();
        let receipt = judge::receipt(&self.engine, &facts, &subject.known, patient, transfer_syntax, counts);
        let filter = filter(head, &facts, 0)?;
        Ok((Flow { subject, receipt, encoding: head.encoding, bulk: head.bulk, filter, tail: None }, bytes))
    }

    /// What stands behind the bulk value has names too.
    fn begin_tail(&mut self, bytes: Vec<u8>, out: &mut Vec<Bytes>) -> Result<(), Refusal> {
        let limits = self.options.limits;
        let Stage::Flowing(flow) = &mut self.stage else { return Ok(()) };
        check_order(&bytes, flow.encoding, flow.bulk, limits.depth)?;
        let names = survey::Names::of_tail(&bytes, flow.encoding, limits)?;
        flow.tail = Some((bytes, names));
        let rest = flow.filter.finish();
        self.goes_out(rest, out);
        Ok(())
    }

    fn tail(&self, flow: &mut Flow, known: Known) -> Result<Bytes, Refusal> {
        let Some((bytes, names)) = flow.tail.take() else { return Ok(Bytes::new()) };
        judge::one_patient(&names, |id| id == flow.subject.pseudonym)?;
        let is_new = |uid: &String| !flow.subject.known.uids.contains_key(uid);
        let mut pointed_at = names.references.iter().chain(&names.series);
        if !names.studies.is_empty() || pointed_at.any(is_new) || known.uids.keys().any(is_new) {
            // Whose they are was asked of the head's only.
            return Err(Refusal::Untold);
        }
        judge::all_known(&names, &known)?;
        flow.subject.known.uids.extend(known.uids);
        let carrier = Carrier::of_tail(&self.engine, &flow.subject, bytes.len());
        let (data, counts) = carrier.carry(&bytes, flow.encoding, self.options.limits.depth)?.finish();
        flow.receipt.counts.add(&counts);
        Ok(data.into())
    }

    fn goes_out(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        if !chunk.is_empty() {
            self.bytes_out += chunk.len() as u64;
            out.push(chunk);
        }
    }

    /// The names under which the instance may be spoken of, once they are known.
    pub fn names(&self) -> Option<Box<Names>> {
        self.refused_as.names.clone()
    }

    /// This refusal, under those names.
    pub fn refused(&self, refusal: Refusal) -> Refused {
        let RefusedAs { names, sent } = &self.refused_as;
        Refused { refusal, names: names.clone(), sent: sent.clone() }
    }
}
