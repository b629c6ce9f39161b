//! Where the instances of one request go: back in the answer, into the archive, on to a downstream server, back to the
//! clinical origin. What is sent there is decided above.

mod answer;
mod clinic;
mod forward;
mod keep;
mod packer;
mod respond;

pub use answer::Answer;
pub use clinic::{Clinic, Restoring, Stop, Visit};
pub use packer::Packing;
pub use respond::Form;

use crate::archive::Archive;
use crate::db::catalog::Entry;
use crate::deid::receipt::Receipt;
use crate::downstream::{self, Downstream};
use crate::spool::Spools;
use bytes::Bytes;

/// Why an instance did not arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The spool, the object store or the catalog fails.
    #[error("the storage of this server fails")]
    Storage,
    /// The downstream server failed as a whole.
    #[error("{0}")]
    Downstream(downstream::Fault),
    /// The downstream server refused this instance, with this Failure Reason.
    #[error("the downstream server refused the instance with reason {0:04X}H")]
    Refused(u16),
    /// The downstream server's answer does not say that it has the instance.
    #[error("the downstream server does not list the instance as stored")]
    Unlisted,
    /// Other requests hold the memory that the instance needs.
    #[error("the server has no memory left for it")]
    Memory,
    /// An instance without study or series has no place in an archive of studies (PS3.3 C.7.2.1, C.7.3.1).
    #[error("it has no Study or no Series Instance UID, so that it has no place among studies")]
    NoStudy,
    /// The request broke off before the instance was delivered.
    #[error("the request broke off before the instance was delivered")]
    BrokenOff,
}

impl From<crate::spool::Fault> for Fault {
    fn from(_: crate::spool::Fault) -> Self {
        Self::Storage
    }
}

impl Fault {
    /// Failure Reason of the instance (PS3.18 I.2.2).
    pub fn reason(self) -> u16 {
        match self {
            Self::Storage | Self::Memory => 0xA700,
            Self::Downstream(fault) if fault.is_passing() => 0xA700,
            Self::Downstream(_) | Self::Unlisted | Self::BrokenOff => 0x0110,
            Self::NoStudy => 0xA900,
            Self::Refused(reason) => reason,
        }
    }
}

/// The instances of one request on their way, in the order sent. At most one is open:
/// `write` opens it, `commit` or `discard` closes it; `settle` ends the delivery.
pub enum Delivery {
    /// Back to the client.
    Respond(Box<respond::Respond>),
    /// Into the archive.
    Keep(keep::Keep),
    /// On to the downstream server.
    Forward(forward::Forward),
}

/// How a delivery ended.
pub struct Settled {
    /// One fate for each committed instance, in the order committed.
    pub fates: Vec<Result<(), Fault>>,
    /// The instances, if they go back to the client.
    pub answer: Option<Answer>,
    /// Where the instances are now.
    pub custody: Custody,
}

/// Where the instances of a request are until its account is settled.
#[derive(Clone, Default)]
pub enum Custody {
    /// With us: withheld with the answer.
    #[default]
    Here,
    /// In the archive, where nobody finds them yet.
    Stored(Stored),
    /// With another server: nobody can take them back.
    Left,
}

/// Objects that are safe in the archive, and that nobody finds before they are entered into its catalog.
#[derive(Clone)]
pub struct Stored {
    /// The archive.
    pub archive: Archive,
    /// What is to be entered.
    pub entries: Vec<Entry>,
}

impl Stored {
    /// Removes the objects: the account failed.
    pub async fn withdraw(&self) {
        self.archive.remove(self.entries.iter().map(|entry| entry.object.as_str())).await;
    }
}

/// Where a pushed instance goes unless it is asked back.
#[derive(Clone)]
pub enum Target {
    /// Into the archive.
    Archive(Archive),
    /// On to the downstream server.
    Forward(Downstream),
    /// Back to the clinical origin, restored.
    Restore(Clinic),
}

impl Delivery {
    /// Back to the client as `form`, collected in a spool.
    pub fn respond(form: Form, spools: &Spools) -> Self {
        Self::Respond(Box::new(respond::Respond::new(form, spools)))
    }

    /// Into the archive of a project.
    pub fn keep(archive: Archive, project: String) -> Self {
        Self::Keep(keep::Keep::new(archive, project))
    }

    /// On to the downstream server.
    pub fn forward(downstream: Downstream) -> Self {
        Self::Forward(forward::Forward::new(downstream))
    }

    /// Takes the next bytes of the open instance; waits where the destination is slow.
    ///
    /// # Errors
    /// The destination failed; the instance must be discarded.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Fault> {
        match self {
            Self::Respond(respond) => respond.write(bytes).await,
            Self::Keep(keep) => keep.write(bytes).await,
            Self::Forward(forward) => forward.write(bytes).await,
        }
    }

    /// The open instance is complete and good. What became of it says `settle`.
    ///
    /// # Errors
    /// The destination failed; the instance is discarded.
    pub async fn commit(&mut self, receipt: &Receipt) -> Result<(), Fault> {
        match self {
            Self::Respond(respond) => respond.commit(receipt).await,
            Self::Keep(keep) => keep.commit(receipt).await,
            Self::Forward(forward) => forward.commit(receipt).await,
        }
    }

    /// The open instance must not arrive.
    pub async fn discard(&mut self) {
        match self {
            Self::Respond(respond) => respond.discard().await,
            Self::Keep(keep) => keep.discard().await,
            Self::Forward(forward) => forward.discard().await,
        }
    }

    /// No more instances come: waits until all have arrived or failed.
    pub async fn settle(self) -> Settled {
        match self {
            Self::Respond(respond) => respond.settle().await,
            Self::Keep(keep) => keep.settle().await,
            Self::Forward(forward) => {
                Settled { fates: forward.settle().await, answer: None, custody: Custody::Left }
            }
        }
    }

    /// The request broke off: what can be taken back is. One fate for each committed instance, as in `Settled`.
    pub async fn abandon(self) -> Vec<Result<(), Fault>> {
        match self {
            Self::Respond(respond) => vec![Err(Fault::BrokenOff); respond.committed()],
            Self::Keep(keep) => keep.abandon().await,
            Self::Forward(forward) => forward.abandon().await,
        }
    }
}
