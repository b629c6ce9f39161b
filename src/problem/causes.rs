//! Failures of other floors as problems. What a problem is answered with stands in `super`.

use super::{Account, Problem};
use crate::archive;
use crate::budget::Spent;
use crate::db;
use crate::dicomweb::accept::AcceptError;
use crate::dicomweb::manifest::FileFate;
use crate::dicomweb::parts::PartsError;
use crate::dicomweb::query::{self, QueryFault};
use crate::origin;

impl Problem {
    /// Where a frame was asked for: what is not there may be the frame alone.
    pub fn of_frame(self) -> Self {
        if self == Self::NotFound { Self::NoFrame } else { self }
    }
}

/// One line for clients that show the detail alone: the first reason stands for all.
pub(super) fn nothing_done(burned_in: bool, files: &[FileFate]) -> String {
    let first = files.iter().find_map(|file| file.reason.as_deref()).unwrap_or_default();
    let all = if burned_in { "for their pixels" } else { "for the reasons in `files`" };
    format!("{} refused {all}; the first: {first}", files.len())
}

impl From<db::Fault> for Problem {
    fn from(fault: db::Fault) -> Self {
        if fault == db::Fault::Destroyed {
            return Self::Account(Account::Destroyed);
        }
        tracing::error!(%fault, "database failure");
        Self::Database
    }
}

impl From<Spent> for Problem {
    fn from(_: Spent) -> Self {
        Self::Memory
    }
}

impl From<QueryFault> for Problem {
    fn from(fault: QueryFault) -> Self {
        Self::Query(fault)
    }
}

impl From<origin::Fault> for Problem {
    fn from(fault: origin::Fault) -> Self {
        match fault {
            origin::Fault::TooBroad(most) => Self::TooBroad(most),
            origin::Fault::Hidden(tag) => Self::Hidden(query::name(&[tag])),
            origin::Fault::Refused(refusal) => Self::Withheld(refusal),
            origin::Fault::NotFound => Self::NotFound,
            origin::Fault::Undecodable(why) => Self::Undecodable(why),
            origin::Fault::Damaged => Self::Internal("a stored instance is damaged"),
            origin::Fault::Catalog(fault) | origin::Fault::Archive(archive::Fault::Catalog(fault)) => {
                fault.into()
            }
            origin::Fault::Downstream(fault) => Self::Downstream(fault),
            origin::Fault::Memory(spent) => spent.into(),
            origin::Fault::Spool(fault) => {
                tracing::error!(%fault, "spool failure");
                Self::Storage
            }
            origin::Fault::Archive(archive::Fault::Store(trouble)) => {
                tracing::error!(%trouble, "archive failure");
                Self::Storage
            }
            origin::Fault::Archive(archive::Fault::Lost) => {
                Self::Internal("an object of the archive is missing")
            }
        }
    }
}

impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Self {
        Self::Accept(error)
    }
}

impl From<PartsError> for Problem {
    fn from(error: PartsError) -> Self {
        Self::Multipart(error)
    }
}
