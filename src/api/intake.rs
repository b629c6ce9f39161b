//! Takes the instances of one request one after the other: bytes → rewriter, or restorer, →
//! destination. Each has its own fate; one that is refused never sinks the others.

use super::Service;
use super::digest::Sha;
use super::restore::{self, Desk};
use crate::budget::Share;
use crate::db::usage::Month;
use crate::deid::engine::Engine;
use crate::deid::receipt::{Names, Receipt, Refused};
use crate::deid::rewriter::{COPIES, Digests, Options, Rewriter};
use crate::destination::{self, Delivery, Restoring, Settled, Target};
use crate::dicomweb::store_response::code;
use crate::layer::context::{Allowance, Caller};
use bytes::Bytes;
use std::borrow::Cow;

/// What became of one instance, in the order sent.
pub(super) enum Record {
    /// Pseudonymized, or restored; how it arrived.
    Passed(Box<Receipt>, Result<(), destination::Fault>),
    /// Refused by the rewriter, or by the restorer.
    Refused(Refused),
    /// Nobody can say whether it may be restored; its names, if they are known.
    Stuck(Option<Box<Names>>, destination::Fault),
    /// Never came to the rewriter: names, if they are known, Failure Reason, words.
    Unread(Option<Names>, u16, Cow<'static, str>),
}

/// A record whose arrival may not be known yet.
enum Pending {
    /// Committed: the delivery knows.
    Committed(Box<Receipt>),
    Known(Record),
}

/// The instances of one request.
pub(super) struct Intake {
    engine: Engine,
    options: Options,
    /// Largest instance, in bytes.
    most: u64,
    /// What the caller may still send.
    allowance: Allowance,
    /// Instances are restored there instead of being pseudonymized.
    desk: Option<Desk>,
    delivery: Delivery,
    pending: Vec<Pending>,
    open: Option<Open>,
    out: Vec<Bytes>,
    /// Memory that the instances take on their way.
    share: Share,
    /// Bytes of the request so far.
    came: u64,
}

/// Bytes of a request that are on their way at the same time: blocks of a spool, parts of an object, compressed blocks.
const ON_THE_WAY: u64 = 2 << 20;

/// The open instance.
struct Open {
    work: Work,
    taken: u64,
    /// Digests of what came in and of what goes out.
    sha_in: Sha,
    sha_out: Sha,
    /// The destination failed: the rest is read for its names only.
    lost: Option<destination::Fault>,
}

/// What is done with an instance.
enum Work {
    Pseudonymize(Box<Rewriter>),
    Restore(Box<Restoring>),
}

const TOO_LARGE: &str = "the instance is larger than this server takes";

impl Intake {
    pub(super) fn new(
        service: &Service,
        caller: &Caller,
        allowance: Allowance,
        study: Option<String>,
        delivery: Delivery,
    ) -> Self {
        let desk = match &caller.target {
            Target::Restore(clinic) => Some(Desk::new(service, clinic, study.clone())),
            Target::Archive(_) | Target::Forward(_) => None,
        };
        Self {
            desk,
            engine: caller.engine.clone(),
            // The digests are computed beside the rewriter: see `digest`.
            options: Options { limits: service.limits, study, digests: Digests::None },
            most: service.instance,
            allowance,
            delivery,
            pending: Vec::new(),
            open: None,
            out: Vec::new(),
            share: service.budget.share(),
            came: 0,
        }
    }

    /// An instance begins.
    pub(super) async fn begin(&mut self) {
        if let Err(none) = self.allowance.take().await {
            self.unread(None, code::OUT_OF_RESOURCES, none.to_string());
            return;
        }
        let work = match &self.desk {
            Some(desk) => Work::Restore(Box::new(desk.begin(&self.engine))),
            None => Work::Pseudonymize(Box::new(Rewriter::new(&self.engine, self.options.clone()))),
        };
        let (sha_in, sha_out) = (Sha::default(), Sha::default());
        self.open = Some(Open { work, taken: 0, sha_in, sha_out, lost: None });
    }

    /// An instance that never came, or a part that is none.
    pub(super) fn unread(&mut self, names: Option<Names>, reason: u16, why: impl Into<Cow<'static, str>>) {
        self.pending.push(Pending::Known(Record::Unread(names, reason, why.into())));
    }

    /// The month's instances were used up while the request came: seconds until the next month.
    pub(super) fn spent(&self) -> Option<u64> {
        self.allowance.is_spent().then(|| Month::now().left())
    }

    /// Decides about this request's instances.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// The next bytes of the instance; dropped if it was refused already.
    pub(super) async fn data(&mut self, bytes: Bytes) {
        let Some(open) = &mut self.open else { return };
        open.taken += bytes.len() as u64;
        if open.taken > self.most {
            self.close(Record::Unread(None, code::OUT_OF_RESOURCES, TOO_LARGE.into())).await;
            return;
        }
        self.came += bytes.len() as u64;
        let held = open.work.will_hold(bytes.len()).saturating_mul(COPIES);
        if self.share.hold(held.saturating_add(self.came.min(ON_THE_WAY))).await.is_err() {
            self.close(Record::Stuck(None, destination::Fault::Memory)).await;
            return;
        }
        open.sha_in.push(bytes.clone()).await;
        let pushed = open.work.push(bytes, &mut self.out).await;
        self.deliver().await;
        if let Err(record) = pushed {
            self.close(record).await;
        }
    }

    /// The open instance came, but not as it was sent.
    pub(super) async fn spoil(&mut self, why: &'static str) {
        if self.open.is_some() {
            self.close(Record::Unread(None, code::CANNOT_UNDERSTAND, why.into())).await;
        }
    }

    /// The instance is complete.
    pub(super) async fn end(&mut self) {
        let Some(open) = self.open.take() else { return };
        let Open { work, sha_in, mut sha_out, lost, .. } = open;
        let mut receipt = match work.finish(&mut self.out).await {
            Err(record) => return self.close(record).await,
            Ok(receipt) => Box::new(receipt),
        };
        for bytes in &self.out {
            sha_out.push(bytes.clone()).await;
        }
        (receipt.sha256_in, receipt.sha256_out) = (sha_in.finish().await, sha_out.finish().await);
        match self.complete(lost, &receipt).await {
            Ok(()) => self.pending.push(Pending::Committed(receipt)),
            Err(fault) => self.close(Record::Passed(receipt, Err(fault))).await,
        }
    }

    async fn complete(
        &mut self,
        lost: Option<destination::Fault>,
        receipt: &Receipt,
    ) -> Result<(), destination::Fault> {
        if let Some(fault) = lost {
            return Err(fault);
        }
        for bytes in self.out.drain(..) {
            self.delivery.write(bytes).await?;
        }
        self.delivery.commit(receipt).await
    }

    /// Passes on what the rewriter gave, unless the destination failed before.
    async fn deliver(&mut self) {
        let Some(open) = &mut self.open else { return };
        for bytes in self.out.drain(..) {
            open.sha_out.push(bytes.clone()).await;
            if open.lost.is_none() {
                open.lost = self.delivery.write(bytes).await.err();
            }
        }
    }

    /// Ends the open instance without its arrival.
    async fn close(&mut self, record: Record) {
        self.open = None;
        self.out.clear();
        self.allowance.put_back();
        self.delivery.discard().await;
        self.pending.push(Pending::Known(record));
    }

    /// The request broke off: the fates of the instances that had come.
    pub(super) async fn abandon(self) -> Vec<Record> {
        records(self.pending, self.delivery.abandon().await)
    }

    /// All instances have come: their fates in the order sent, and what the delivery came to.
    pub(super) async fn settle(self) -> (Vec<Record>, Settled) {
        let mut settled = self.delivery.settle().await;
        let fates = std::mem::take(&mut settled.fates);
        (records(self.pending, fates), settled)
    }
}

impl Work {
    /// Bytes of head or tail that are held when so many more have come.
    fn will_hold(&self, more: usize) -> u64 {
        match self {
            Self::Pseudonymize(rewriter) => rewriter.will_hold(more),
            Self::Restore(restoring) => restoring.held().saturating_add(more) as u64,
        }
    }

    async fn push(&mut self, bytes: Bytes, out: &mut Vec<Bytes>) -> Result<(), Record> {
        match self {
            Self::Pseudonymize(rewriter) => rewriter.push(bytes, out).map_err(Record::Refused),
            Self::Restore(restoring) => restoring.push(bytes, out).await.map_err(restore::record),
        }
    }

    async fn finish(self, out: &mut Vec<Bytes>) -> Result<Receipt, Record> {
        match self {
            Self::Pseudonymize(rewriter) => rewriter.finish(out).map_err(Record::Refused),
            Self::Restore(restoring) => restoring.finish(out).await.map_err(restore::record),
        }
    }
}

/// Each instance with its fate, in the order sent.
fn records(pending: Vec<Pending>, fates: Vec<Result<(), destination::Fault>>) -> Vec<Record> {
    let mut fates = fates.into_iter();
    let record = |pending| match pending {
        Pending::Known(record) => record,
        Pending::Committed(receipt) => {
            Record::Passed(receipt, fates.next().unwrap_or(Err(destination::Fault::Storage)))
        }
    };
    pending.into_iter().map(record).collect()
}
