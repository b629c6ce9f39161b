//! One instance in flight: encoded bytes in, pseudonymized bytes out (sans-IO). Holds
//! head and tail, lets the bulk pass. Judgement lives in `engine`.

use super::carry::Carrier;
use super::claims::CHARACTERISTICS;
use super::engine::{Decision, Engine, Place, Subject};
use super::facts::{Facts, Gather};
use super::receipt::{Counts, Originals, Phi, Receipt, Refused};
use super::refusal::Refusal;
use super::stamp::{self, Prior};
use crate::dicom::bulk::BulkFilter;
use crate::dicom::comments::Comments;
use crate::dicom::instance::{BulkHeader, Event, Head, Limits};
use crate::dicom::splitter::Splitter;
use crate::dicom::token::Token;
use crate::dicom::walker::Walker;
use crate::dicom::writer::Writer;
use crate::dicom::{Encoding, Fault, FaultKind, meta, value};
use bytes::Bytes;
use dicom_core::VR;
use sha2::{Digest, Sha256};

/// What the caller wants of one instance.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Bounds.
    pub limits: Limits,
    /// The Study Instance UID that the instance must have as it comes in (PS3.18
    /// 10.5.1.2).
    pub study: Option<String>,
    /// Which SHA-256 digests somebody wants: they cost more than the rewriting itself.
    pub digests: Digests,
}

/// Which digests of an instance are computed on the way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Digests {
    /// None.
    #[default]
    None,
    /// Those of input and output.
    Both,
}

/// How many times a head is in memory at the most: as it came, written anew, and behind its file meta.
pub const COPIES: u64 = 3;

/// The rewriter. After a refusal it is over.
pub struct Rewriter {
    engine: Engine,
    options: Options,
    splitter: Splitter,
    stage: Stage,
    tally: Tally,
}

enum Stage {
    Head,
    Bulk { instance: Box<Instance>, passing: bool, filter: Pixels },
}

/// What happens to pixels on their way.
enum Pixels {
    Native(BulkFilter),
    Compressed(Comments),
}

impl Pixels {
    fn push(&mut self, chunk: Bytes) -> Result<Bytes, Fault> {
        match self {
            Self::Native(filter) => Ok(filter.push(chunk)),
            Self::Compressed(comments) => comments.push(chunk),
        }
    }

    fn finish(&mut self) -> Bytes {
        match self {
            Self::Native(filter) => filter.finish(),
            Self::Compressed(_) => Bytes::new(),
        }
    }
}

/// What is known once the head went out.
struct Instance {
    subject: Subject,
    encoding: Encoding,
    bulk: Option<BulkHeader>,
    transfer_syntax: &'static str,
}

#[derive(Default)]
struct Tally {
    counts: Counts,
    bytes_in: u64,
    bytes_out: u64,
    hash_in: Option<Sha256>,
    hash_out: Option<Sha256>,
}

impl Rewriter {
    /// A rewriter for one instance.
    pub fn new(engine: &Engine, options: Options) -> Self {
        let hash_in = (options.digests == Digests::Both).then(Sha256::new);
        let hash_out = (options.digests == Digests::Both).then(Sha256::new);
        Self {
            engine: engine.clone(),
            tally: Tally { hash_in, hash_out, ..Tally::default() },
            splitter: Splitter::new(options.limits),
            stage: Stage::Head,
            options,
        }
    }

    /// The instance and the transfer syntax in which it goes out, once its head was admitted.
    pub fn admitted(&self) -> Option<(&Subject, &'static str)> {
        match &self.stage {
            Stage::Head => None,
            Stage::Bulk { instance, .. } => Some((&instance.subject, instance.transfer_syntax)),
        }
    }

    /// Bytes of head or tail that are held once so many more have come; several times as many while they are written
    /// anew ([`COPIES`]). Pixels are not held.
    pub fn will_hold(&self, more: usize) -> u64 {
        let held = self.splitter.held();
        if held == 0 && self.admitted().is_some() { 0 } else { held.saturating_add(more) as u64 }
    }

    /// Takes the next bytes of the instance; what can go out is appended to `out`.
    ///
    /// # Errors
    /// Every refusal that the head justifies comes before the first byte of output.
    pub fn push(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) -> Result<(), Refused> {
        self.tally.came_in(&chunk);
        let mut events = Vec::new();
        let pushed = self.splitter.push(chunk, &mut events);
        self.events(events, out)?;
        pushed.map_err(|fault| self.refused(fault.into()))
    }

    /// The instance is complete.
    ///
    /// # Errors
    /// Truncation and faults behind the pixel data come only now: the caller must then
    /// discard what went out.
    pub fn finish(mut self, out: &mut Vec<Bytes>) -> Result<Receipt, Refused> {
        let mut events = Vec::new();
        let splitter = std::mem::replace(&mut self.splitter, Splitter::new(self.options.limits));
        let finished = splitter.finish(&mut events);
        self.events(events, out)?;
        finished.map_err(|fault| self.refused(fault.into()))?;
        match self.stage {
            Stage::Head => Err(Fault::from(FaultKind::NotDicom).into()),
            Stage::Bulk { instance, mut filter, .. } => {
                self.tally.goes_out(filter.finish(), out);
                Ok(self.tally.receipt(*instance))
            }
        }
    }

    fn events(&mut self, events: Vec<Event>, out: &mut Vec<Bytes>) -> Result<(), Refused> {
        for event in events {
            match event {
                Event::Head(head) => self.head(&head, out)?,
                Event::Bulk(bytes) => {
                    if let Stage::Bulk { passing: true, filter, .. } = &mut self.stage {
                        match filter.push(bytes) {
                            Ok(bytes) => self.tally.goes_out(bytes, out),
                            Err(fault) => return Err(self.refused(fault.into())),
                        }
                    }
                }
                Event::Tail(bytes) => self.tail(&bytes, out).map_err(|refusal| self.refused(refusal))?,
            }
        }
        Ok(())
    }

    /// The refusal under the names that the head gave, if it was read.
    fn refused(&self, refusal: Refusal) -> Refused {
        let names = match &self.stage {
            Stage::Head => None,
            Stage::Bulk { instance, .. } => Some(Box::new(instance.subject.names.clone())),
        };
        Refused { refusal, names, sent: None }
    }

    fn head(&mut self, head: &Head, out: &mut Vec<Bytes>) -> Result<(), Refused> {
        let (gather, prior) = survey(head, self.options.limits)?;
        let facts = gather.finish()?;
        let names = Some(Box::new(self.engine.names(&facts)));
        let named = |refusal: Refusal| Refused { refusal, names: names.clone(), sent: None };
        if self.options.study.as_ref().is_some_and(|study| *study != facts.study) {
            return Err(named(Refusal::OtherStudy));
        }
        let native = head.bulk.is_none_or(|bulk| bulk.len.is_some());
        let subject = self.engine.admit(facts, head.bulk.is_some(), native).map_err(named)?;
        let filter = match native {
            true => Pixels::Native(filter(head, &subject.facts, subject.facts.overlay_bits).map_err(named)?),
            false => Pixels::Compressed(Comments::of(head.transfer_syntax.uid)),
        };
        let instance = Instance {
            subject,
            encoding: head.encoding,
            bulk: head.bulk,
            transfer_syntax: head.transfer_syntax.outgoing(),
        };
        let passing = self.write_head(head, &instance, &prior, out).map_err(named)?;
        self.stage = Stage::Bulk { instance: Box::new(instance), passing, filter };
        Ok(())
    }

    /// Writes file meta, the new head and the header of the bulk value; true if the bulk
    /// value follows.
    fn write_head(
        &mut self,
        head: &Head,
        instance: &Instance,
        prior: &Prior,
        out: &mut Vec<Bytes>,
    ) -> Result<bool, Refusal> {
        let subject = &instance.subject;
        let stamps = stamp::stamps(self.engine.plan(), prior);
        let mut carrier = Carrier::new(&self.engine, subject, stamps, head.data.len() + 1024);
        carrier.carry(&head.data, head.encoding, self.options.limits.depth)?;
        let (data, counts) = carrier.finish();
        self.tally.counts = counts;
        let names = &subject.names;
        let mut bytes = meta::write(&names.sop_class, &names.instance, instance.transfer_syntax);
        bytes.extend(data);
        let passing = match head.bulk {
            Some(bulk) => self.bulk_header(bulk, subject, &mut bytes)?,
            None => false,
        };
        self.tally.goes_out(bytes.into(), out);
        Ok(passing)
    }

    fn bulk_header(
        &mut self,
        bulk: BulkHeader,
        subject: &Subject,
        bytes: &mut Vec<u8>,
    ) -> Result<bool, Refusal> {
        let place = Place { path: &[], creator: None };
        match self.engine.element(subject, place, bulk.tag, bulk.vr, &[])? {
            Decision::Keep => {
                let mut header = Writer::with_capacity(12);
                header.header_only(bulk.tag, bulk.vr, bulk.len);
                bytes.extend(header.finish());
                self.tally.counts.kept += 1;
                Ok(true)
            }
            _ => {
                self.tally.counts.removed += 1;
                Ok(false)
            }
        }
    }

    /// What stands behind the bulk value is treated like the head, except that nothing
    /// that decides may stand there. Zeros are padding.
    fn tail(&mut self, bytes: &[u8], out: &mut Vec<Bytes>) -> Result<(), Refusal> {
        let Stage::Bulk { instance, filter, .. } = &mut self.stage else { return Ok(()) };
        let rest = filter.finish();
        self.tally.goes_out(rest, out);
        if bytes.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        check_order(bytes, instance.encoding, instance.bulk, self.options.limits.depth)?;
        let mut carrier = Carrier::new(&self.engine, &instance.subject, Vec::new(), bytes.len());
        carrier.carry(bytes, instance.encoding, self.options.limits.depth)?;
        let (data, counts) = carrier.finish();
        self.tally.counts.add(&counts);
        self.tally.goes_out(data.into(), out);
        Ok(())
    }
}

/// PS3.5 7.1: elements ascend. Behind the pixels only what comes after them may stand.
pub(super) fn check_order(
    bytes: &[u8],
    encoding: Encoding,
    bulk: Option<BulkHeader>,
    depth: usize,
) -> Result<(), Refusal> {
    let Some(bulk) = bulk else { return Ok(()) };
    let mut walker = Walker::new(bytes, encoding, depth);
    while let Some(token) = walker.next_token()? {
        let tag = match token {
            Token::Element { tag, .. } | Token::Fragments { tag, .. } if walker.depth() == 0 => tag,
            Token::Sequence { tag, .. } if walker.depth() == 1 => tag,
            _ => continue,
        };
        if tag <= bulk.tag {
            return Err(Fault::at(FaultKind::OutOfOrder, tag).into());
        }
    }
    Ok(())
}

/// The first walk: gathers what decides and what earlier steps left behind.
pub(super) fn survey(head: &Head, limits: Limits) -> Result<(Gather, Prior), Refusal> {
    let mut gather = Gather::default();
    let mut prior = Prior::default();
    let mut walker = Walker::new(&head.data, head.encoding, limits.depth);
    while let Some(token) = walker.next_token()? {
        match token {
            Token::Element { tag, vr, value, encoding } => {
                let value = value::little_endian(value, vr, encoding);
                gather.see_vr(tag, vr)?;
                gather.see(tag, &value)?;
                prior.see(tag, &value);
            }
            Token::Sequence { tag: stamp::METHOD_CODES, .. } => stamp::read_codes(&mut walker, &mut prior)?,
            Token::Sequence { tag: CHARACTERISTICS, .. } => gather.claims.read(&mut walker)?,
            Token::Sequence { tag, .. } => {
                gather.see_sequence(tag)?;
                walker.skip_sequence()?;
            }
            Token::Fragments { tag, .. } => gather.see_unread(tag)?,
            _ => {}
        }
    }
    Ok((gather, prior))
}

/// What native pixels need: byte order (PS3.5 7.3), the bits of `cleared` cleared (PS3.15 Table
/// E.1-1 (60xx,3000), retired embedded form).
pub(super) fn filter(head: &Head, facts: &Facts, cleared: u32) -> Result<BulkFilter, Refusal> {
    let Some(bulk) = head.bulk else { return Ok(BulkFilter::default()) };
    let bits = facts.bits_allocated;
    let cell = usize::from(bits / 8).clamp(1, 4);
    if !head.encoding.is_big_endian() {
        return Ok(BulkFilter::new(1, cell, cleared));
    }
    if bulk.vr == VR::OW && bits > 16 {
        return Err(Refusal::AmbiguousByteOrder);
    }
    Ok(BulkFilter::new(value::unit(bulk.vr), cell, cleared))
}

impl Tally {
    fn came_in(&mut self, chunk: &Bytes) {
        self.bytes_in += chunk.len() as u64;
        if let Some(hash) = &mut self.hash_in {
            hash.update(chunk);
        }
    }

    fn goes_out(&mut self, chunk: Bytes, out: &mut Vec<Bytes>) {
        if chunk.is_empty() {
            return;
        }
        self.bytes_out += chunk.len() as u64;
        if let Some(hash) = &mut self.hash_out {
            hash.update(&chunk);
        }
        out.push(chunk);
    }

    fn receipt(self, instance: Instance) -> Receipt {
        let subject = instance.subject;
        let facts = subject.facts;
        Receipt {
            names: subject.names,
            sent: None,
            patient_id: subject.patient_id,
            transfer_syntax: instance.transfer_syntax,
            counts: self.counts,
            bytes_in: self.bytes_in,
            bytes_out: self.bytes_out,
            sha256_in: self.hash_in.map(|hash| hash.finalize().into()),
            sha256_out: self.hash_out.map(|hash| hash.finalize().into()),
            originals: Phi::new(Originals {
                instance: facts.instance,
                series: facts.series,
                study: facts.study,
                patient_id: facts.patient_id,
                issuer: facts.issuer,
            }),
        }
    }
}
