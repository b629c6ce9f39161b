//! Where a pulled resource comes from. Handlers know only the trait `Origin`; which origin
//! serves a project is wiring. What an origin does lives in its own file.

pub mod archive;
pub mod part;
mod pass;
mod recent;
pub mod remote;
mod stored;
pub mod veil;

pub use crate::db::held::Place;
pub use archive::ArchiveOrigin;
pub use part::{ByteStream, Content, Part, Parts};
pub use remote::RemoteOrigin;
pub use stored::{Decoders, Pulled, still};
pub use veil::Veil;

use crate::deid::refusal::Refusal;
use crate::dicomweb::accept::SyntaxWish;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::object_in;
use crate::dicomweb::query::Query;
use crate::dicomweb::representation::As;
use crate::raster::wish::Wish;
use dicom_core::Tag;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

/// What an origin answers in its own time.
pub type Answer<'a, T> = BoxFuture<'a, Result<T, Fault>>;

/// A project's source of studies. Everything that goes in and comes out is pseudonymous, and of this project alone.
pub trait Origin: Send + Sync {
    /// The results that a query selects (PS3.18 10.6.3.3), without Retrieve URLs: those are the gateway's own and not
    /// the origin's.
    ///
    /// # Errors
    /// The search is too broad, or the origin fails.
    fn search<'a>(&'a self, query: &'a Query) -> Answer<'a, Page>;

    /// The transfer syntax that an instance is stored in.
    ///
    /// # Errors
    /// There is no such instance, or the origin fails.
    fn syntax<'a>(&'a self, place: &'a Place) -> Answer<'a, String>;

    /// The instances below a place (PS3.18 10.4.1.1.1), each in the first of the transfer syntaxes wished for that it can
    /// be given in; those that can be given in none are left out.
    ///
    /// # Errors
    /// There is no such place, none of its instances can be given, or the origin fails.
    fn instances<'a>(&'a self, place: &'a Place, wishes: &'a [SyntaxWish]) -> Answer<'a, Parts>;

    /// The data sets of the instances below a place, without their bulk data (PS3.18 10.4.1.1.2). `root` is the public
    /// URL of the DICOMweb root, under which BulkDataURIs stand.
    ///
    /// # Errors
    /// There is no such place, or the origin fails.
    fn metadata<'a>(&'a self, place: &'a Place, form: Model, root: &'a str) -> Answer<'a, Parts>;

    /// Frames of an instance by their numbers, from 1 (PS3.18 10.4.1.1.6).
    ///
    /// # Errors
    /// There is no such instance or frame, its pixels cannot be decoded, or the origin fails.
    fn frames<'a>(&'a self, place: &'a Place, numbers: &'a [u32], given: As) -> Answer<'a, Parts>;

    /// The value of an attribute of an instance (PS3.18 10.4.1.1.5); of compressed pixels one part a frame, unless they
    /// are video.
    ///
    /// # Errors
    /// There is no such instance or attribute, its pixels cannot be decoded, or the origin fails.
    fn bulk<'a>(&'a self, place: &'a Place, path: &'a BulkPath, given: As) -> Answer<'a, Parts>;

    /// Pictures of the instances below a place, one each (PS3.18 10.4.1.1.3): of a frame by its number from 1, else of
    /// the first. Of an instance that is a document or a video, that itself; of a report, its text.
    ///
    /// # Errors
    /// There is no such instance or frame, it has no picture, or the origin fails.
    fn rendered<'a>(&'a self, place: &'a Place, frame: Option<u32>, wish: Wish) -> Answer<'a, Parts>;

    /// One picture that stands for all below a place (PS3.18 10.4.1.1.4).
    ///
    /// # Errors
    /// There is no such instance or frame, nothing has a picture, or the origin fails.
    fn thumbnail<'a>(&'a self, place: &'a Place, frame: Option<u32>, wish: Wish) -> Answer<'a, Parts>;
}

/// Data sets on their way, as trees: their values are the server's, or stand elsewhere.
pub type DataSets = BoxStream<'static, Result<object_in::Read, Fault>>;

/// An origin of original names, which a veil may stand before.
pub trait Identified: Origin {
    /// The data sets of the instances below a place, without their bulk data, which they refer to: what `metadata` tells,
    /// before it is written.
    ///
    /// # Errors
    /// There is no such place, or the origin fails.
    fn data_sets<'a>(&'a self, place: &'a Place) -> Answer<'a, DataSets>;
}

/// Ways to write a data set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    /// DICOM JSON, one object a part (PS3.18 F.2).
    Json,
    /// Native DICOM Model, one document a part (PS3.19 A.1).
    Xml,
}

impl Model {
    /// The media type of a part.
    pub fn media(self) -> &'static str {
        match self {
            Self::Json => "application/dicom+json",
            Self::Xml => "application/dicom+xml",
        }
    }
}

/// The path of an instance below the DICOMweb root (PS3.18 10.1.1.3).
pub(crate) fn resource(study: &str, series: &str, instance: &str) -> String {
    format!("studies/{study}/series/{series}/instances/{instance}")
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
    /// The caller's fault: there is no such study, series, instance, frame or attribute, or it is not the project's.
    #[error("there is no such resource")]
    NotFound,
    /// The caller's fault: a search asks for values of an attribute that is hidden; to match them would tell them.
    #[error("the attribute is hidden")]
    Hidden(Tag),
    /// The project's profile refuses the instance, for this reason.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The pixels cannot be given as asked; why, in words without values.
    #[error("{0}")]
    Undecodable(&'static str),
    /// What is stored is not what was stored once.
    #[error("a stored instance is damaged")]
    Damaged,
    /// The archive fails.
    #[error(transparent)]
    Archive(#[from] crate::archive::Fault),
    /// The catalog fails.
    #[error(transparent)]
    Catalog(#[from] crate::db::Fault),
    /// The server that is asked fails.
    #[error(transparent)]
    Downstream(crate::downstream::Fault),
    /// The spool of what was pulled fails.
    #[error(transparent)]
    Spool(#[from] crate::spool::Fault),
    /// Other requests hold the memory that it needs.
    #[error(transparent)]
    Memory(#[from] crate::budget::Spent),
}

/// Of an instance that holds no pixels, or none of a kind that a picture is made of.
const NO_PICTURE: Fault = Fault::Undecodable("the instance has no picture");

impl From<crate::downstream::Fault> for Fault {
    fn from(fault: crate::downstream::Fault) -> Self {
        match fault {
            crate::downstream::Fault::NotFound => Self::NotFound,
            fault => Self::Downstream(fault),
        }
    }
}
