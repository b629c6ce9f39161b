//! Where a pulled resource comes from. Handlers know only the trait `Origin`; which origin
//! serves a project is wiring. What an origin does lives in its own file.

pub mod archive;

pub use archive::ArchiveOrigin;

use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::query::Query;
use futures_util::future::BoxFuture;

/// What an origin answers in its own time.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Fault>>;

/// A source of studies. Everything that goes in and comes out is pseudonymous.
pub trait Origin: Send + Sync {
    /// The results that a query selects among the studies of a project (PS3.18 10.6.3.3), without Retrieve URLs: those
    /// are the gateway's own and not the origin's.
    ///
    /// # Errors
    /// The search is too broad, or the origin fails.
    fn search<'a>(&'a self, project: &'a str, query: &'a Query) -> Answer<'a, Page>;
}

/// One page of the results of a search.
#[derive(Clone, Default)]
pub struct Page {
    /// In an order that stays as long as the data do (PS3.18 8.3.4.4.1).
    pub results: Vec<DataSet>,
    /// What is left behind this page.
    pub remaining: Remaining,
}

/// How many results stand behind a page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Remaining {
    /// None.
    #[default]
    None,
    /// So many.
    Some(u64),
    /// More than so many: counting ends there.
    MoreThan(u64),
}

/// Why an origin does not answer. Never holds a value of a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The caller's fault: answering would mean to look at more than so many data sets one by one.
    #[error("the search must look at more than {0} data sets one by one")]
    TooBroad(u64),
    /// The archive fails.
    #[error(transparent)]
    Archive(#[from] crate::archive::Fault),
    /// The catalog fails.
    #[error(transparent)]
    Catalog(#[from] crate::db::Fault),
}
