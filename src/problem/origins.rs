//! What becomes of the faults of origins: one arm each, so that a new one is not forgotten.

use super::Problem;
use crate::archive;
use crate::dicomweb::query;
use crate::origin;

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
