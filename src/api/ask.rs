//! What every request for DICOMweb resources says about the answer it wants: Accept and its query parameter, and the
//! resource that its path names.

use super::Service;
use crate::dicom::uid;
use crate::dicomweb::accept::{Accept, AcceptError, Choice, Offer};
use crate::origin::Place;
use crate::problem::Problem;
use axum::http::HeaderMap;

/// The media types that a request takes.
#[derive(Clone)]
pub(super) struct Asked {
    header: Accept,
    query: Option<Accept>,
}

impl Asked {
    /// Reads the Accept header and the accept query parameter (PS3.18 8.3.3.1).
    pub(super) fn of(service: &Service, headers: &HeaderMap, query: Option<&str>) -> Result<Self, Problem> {
        let header = super::accept(service, headers)?;
        Ok(Self { header, query: query.and_then(super::accept_parameter).transpose()? })
    }

    /// The best of the offers (PS3.18 8.7.8.1).
    pub(super) fn choose(&self, offers: &[Offer]) -> Result<(Offer, Choice), Problem> {
        if self.header.is_mixed() || self.query.as_ref().is_some_and(Accept::is_mixed) {
            return Err(AcceptError::Mixed.into());
        }
        let choice = self.header.choose(self.query.as_ref(), offers)?;
        let offer = offers.get(choice.offer).copied().ok_or(Problem::Internal("a choice without offer"))?;
        Ok((offer, choice))
    }
}

/// 406 with what would do.
pub(super) fn not_acceptable(offers: &[Offer]) -> Problem {
    AcceptError::NotAcceptable(offers.iter().map(Offer::text).collect()).into()
}

/// The value of a query parameter, decoded; `Some(None)` if it is no text.
pub(super) fn parameter(query: &str, name: &str) -> Option<Option<String>> {
    let pairs = query.split('&').map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let value = pairs.into_iter().find_map(|(key, value)| (key == name).then_some(value))?;
    let value = percent_encoding::percent_decode_str(value).decode_utf8();
    Some(value.ok().map(std::borrow::Cow::into_owned))
}

/// The place that UIDs of a path name.
///
/// # Errors
/// One of them is no UID.
pub(super) fn place(uids: &[String]) -> Result<Place, Problem> {
    if !uids.iter().all(|uid| uid::is_legal(uid)) {
        return Err(Problem::BadUid);
    }
    let uid = |level: usize| uids.get(level).cloned();
    Ok(Place { study: uid(0).unwrap_or_default(), series: uid(1), instance: uid(2) })
}
