//! Takes the instances of one request one after the other: bytes → rewriter →
//! destination. Each has its own fate; one that is refused never sinks the others.

use super::Service;
use crate::deid::engine::Engine;
use crate::deid::receipt::{Receipt, Refused};
use crate::deid::rewriter::{Options, Rewriter};
use crate::destination::{self, Answer, Delivery};
use crate::layer::context::{Allowance, Caller};
use bytes::Bytes;

/// What became of one instance, in the order sent.
pub(super) enum Record {
    /// Pseudonymized; how it arrived.
    Passed(Box<Receipt>, Result<(), destination::Fault>),
    /// Refused by the rewriter.
    Refused(Refused),
    /// Not even looked at, with Failure Reason and words.
    Unread(u16, &'static str),
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
    delivery: Delivery,
    pending: Vec<Pending>,
    open: Option<Open>,
    out: Vec<Bytes>,
}

/// The open instance.
struct Open {
    rewriter: Rewriter,
    taken: u64,
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
            options: Options { limits: service.limits, study, digests: true },
            most: service.instance,
            allowed: allowance.instances,
            delivery,
            pending: Vec::new(),
            open: None,
            out: Vec::new(),
        }
    }

    /// An instance begins.
    pub(super) fn begin(&mut self) {
        if self.allowed.is_some_and(|allowed| self.pending.len() as u64 >= allowed) {
            self.unread(0xA700, OVER_ALLOWANCE);
            return;
        }
        let rewriter = Rewriter::new(&self.engine, self.options.clone());
        self.open = Some(Open { rewriter, taken: 0, lost: None });
    }

    /// A part that is no instance.
    pub(super) fn unread(&mut self, reason: u16, why: &'static str) {
        self.pending.push(Pending::Known(Record::Unread(reason, why)));
    }

    /// The next bytes of the instance; dropped if it was refused already.
    pub(super) async fn data(&mut self, bytes: Bytes) {
        let Some(open) = &mut self.open else { return };
        open.taken += bytes.len() as u64;
        if open.taken > self.most {
            self.close(Record::Unread(0xA700, TOO_LARGE)).await;
            return;
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
        let Open { rewriter, taken, lost } = open;
        let finished = rewriter.finish(&mut self.out);
        let receipt = match finished {
            Err(refused) => return self.close(Record::Refused(refused)).await,
            Ok(receipt) => Box::new(receipt),
        };
        debug_assert_eq!(taken, receipt.bytes_in);
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
            if open.lost.is_none() {
                open.lost = self.delivery.write(bytes).await.err();
            }
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
