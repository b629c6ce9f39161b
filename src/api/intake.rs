//! Takes the instances of one request one after the other: bytes → rewriter →
//! destination. Each has its own fate; one that is refused never sinks the others.

use super::Service;
use super::digest::Sha;
use crate::deid::engine::Engine;
use crate::deid::receipt::{Names, Receipt, Refused};
use crate::deid::rewriter::{Digests, Options, Rewriter};
use crate::destination::{self, Answer, Delivery};
use crate::dicomweb::store_response::code;
use crate::layer::context::{Allowance, Caller};
use bytes::Bytes;
use chrono::{DateTime, Datelike, Months, NaiveTime};
use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

/// What became of one instance, in the order sent.
pub(super) enum Record {
    /// Pseudonymized; how it arrived.
    Passed(Box<Receipt>, Result<(), destination::Fault>),
    /// Refused by the rewriter.
    Refused(Refused),
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
    /// Instances the caller may still send.
    allowed: Option<u64>,
    /// The allowance was used up while instances came.
    spent: bool,
    delivery: Delivery,
    pending: Vec<Pending>,
    open: Option<Open>,
    out: Vec<Bytes>,
}

/// The open instance.
struct Open {
    rewriter: Rewriter,
    taken: u64,
    /// Digests of what came in and what goes out, where somebody wants them.
    sha_in: Option<Sha>,
    sha_out: Option<Sha>,
    /// The destination failed: the rest is read for its names only.
    lost: Option<destination::Fault>,
}

const TOO_LARGE: &str = "the instance is larger than this server takes";
const OVER_ALLOWANCE: &str = "the caller's allowance of instances is used up";

impl Intake {
    pub(super) fn new(
        service: &Service,
        caller: &Caller,
        allowance: Allowance,
        study: Option<String>,
        delivery: Delivery,
    ) -> Self {
        Self {
            engine: caller.engine.clone(),
            // Digests are computed beside the rewriter: see `digest`.
            options: Options { limits: service.limits, study, digests: Digests::None },
            most: service.instance,
            allowed: allowance.instances,
            spent: false,
            delivery,
            pending: Vec::new(),
            open: None,
            out: Vec::new(),
        }
    }

    /// An instance begins.
    pub(super) fn begin(&mut self) {
        if self.allowed.is_some_and(|allowed| self.pending.len() as u64 >= allowed) {
            self.spent = true;
            self.unread(None, code::OUT_OF_RESOURCES, OVER_ALLOWANCE);
            return;
        }
        let rewriter = Rewriter::new(&self.engine, self.options.clone());
        let digests = self.delivery.digests();
        let sha_in = (digests == Digests::Both).then(Sha::default);
        let sha_out = (digests != Digests::None).then(Sha::default);
        self.open = Some(Open { rewriter, taken: 0, sha_in, sha_out, lost: None });
    }

    /// An instance that never came, or a part that is none.
    pub(super) fn unread(&mut self, names: Option<Names>, reason: u16, why: impl Into<Cow<'static, str>>) {
        self.pending.push(Pending::Known(Record::Unread(names, reason, why.into())));
    }

    /// The allowance was used up: seconds until there is a new one.
    pub(super) fn spent(&self) -> Option<u64> {
        self.spent.then(month_left)
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
        if let Some(sha) = &mut open.sha_in {
            sha.push(bytes.clone()).await;
        }
        let pushed = open.rewriter.push(bytes, &mut self.out);
        self.deliver().await;
        if let Err(refused) = pushed {
            self.close(Record::Refused(refused)).await;
        }
    }

    /// The instance is complete.
    pub(super) async fn end(&mut self) {
        let Some(open) = self.open.take() else { return };
        let Open { rewriter, sha_in, sha_out, lost, .. } = open;
        let mut receipt = match rewriter.finish(&mut self.out) {
            Err(refused) => return self.close(Record::Refused(refused)).await,
            Ok(receipt) => Box::new(receipt),
        };
        match self.complete(lost, sha_in, sha_out, &mut receipt).await {
            Ok(()) => self.pending.push(Pending::Committed(receipt)),
            Err(fault) => self.close(Record::Passed(receipt, Err(fault))).await,
        }
    }

    async fn complete(
        &mut self,
        lost: Option<destination::Fault>,
        sha_in: Option<Sha>,
        mut sha_out: Option<Sha>,
        receipt: &mut Receipt,
    ) -> Result<(), destination::Fault> {
        if let Some(fault) = lost {
            return Err(fault);
        }
        for bytes in self.out.drain(..) {
            if let Some(sha) = &mut sha_out {
                sha.push(bytes.clone()).await;
            }
            self.delivery.write(bytes).await?;
        }
        if let Some(sha) = sha_in {
            receipt.sha256_in = sha.finish().await;
        }
        if let Some(sha) = sha_out {
            receipt.sha256_out = sha.finish().await;
        }
        self.delivery.commit(receipt).await
    }

    /// Passes on what the rewriter gave, unless the destination failed before.
    async fn deliver(&mut self) {
        let Some(open) = &mut self.open else { return };
        for bytes in self.out.drain(..) {
            if open.lost.is_some() {
                continue;
            }
            if let Some(sha) = &mut open.sha_out {
                sha.push(bytes.clone()).await;
            }
            open.lost = self.delivery.write(bytes).await.err();
        }
    }

    /// Ends the open instance without its arrival.
    async fn close(&mut self, record: Record) {
        self.open = None;
        self.out.clear();
        self.delivery.discard().await;
        self.pending.push(Pending::Known(record));
    }

    /// The request broke off.
    pub(super) async fn abandon(self) {
        self.delivery.abandon().await;
    }

    /// All instances have come: their fates in the order sent, and the answer that holds
    /// them, if they go back.
    pub(super) async fn settle(self) -> (Vec<Record>, Option<Answer>) {
        let settled = self.delivery.settle().await;
        let mut fates = settled.fates.into_iter();
        let record = |pending| match pending {
            Pending::Known(record) => record,
            Pending::Committed(receipt) => {
                Record::Passed(receipt, fates.next().unwrap_or(Err(destination::Fault::Storage)))
            }
        };
        (self.pending.into_iter().map(record).collect(), settled.answer)
    }
}

/// Seconds until the next month (UTC) begins, in which there is a new allowance.
fn month_left() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let date = DateTime::from_timestamp(now.cast_signed(), 0).map(|now| now.date_naive());
    let next =
        date.and_then(|date| date.with_day(1)).and_then(|first| first.checked_add_months(Months::new(1)));
    let next = next.map_or(0, |first| first.and_time(NaiveTime::MIN).and_utc().timestamp());
    next.cast_unsigned().saturating_sub(now).max(1)
}
