//! GET of bulk data under the URIs that metadata gives (PS3.18 10.4.1.1.5): single part or multipart, in ranges.

use super::ask::{self, Asked};
use super::framing::Begun;
use super::{Service, State, frames};
use crate::dicomweb::accept::Offer;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::representation::As;
use crate::dicomweb::syntaxes::OCTET_STREAM;
use crate::layer::context::Caller;
use crate::origin::Place;
use crate::problem::Problem;
use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::response::Response;

/// GET of the value of an attribute.
pub(super) async fn bulk(
    service: State,
    Extension(caller): Extension<Caller>,
    Path((study, series, instance, path)): Path<(String, String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = ask::place(&[study, series, instance])?;
    let path = BulkPath::parse(&path).ok_or(Problem::NotFound)?;
    let asked = Asked::of(&service, &headers, query.as_deref())?;
    answer(&service, &caller, &place, &path, &asked, &headers).await
}

/// The value of one attribute, as the client takes it.
pub(super) async fn answer(
    service: &Service,
    caller: &Caller,
    place: &Place,
    path: &BulkPath,
    asked: &Asked,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let pixels = path.is_top_level() && path.tag.group() == 0x7FE0;
    let chosen = if pixels { Some(frames::settled(caller, place, asked, true).await?) } else { None };
    let given = chosen.map_or(As::Stored, |(_, given)| given);
    let parts = Begun::of(place, caller.origin.bulk(place, path, given).await?).await?;
    let offer = match chosen {
        Some((offer, _)) => offer,
        None => asked.choose(&offers(parts.media()))?.0,
    };
    if offer.related {
        parts.multipart(offer.media, service).await
    } else {
        parts.single(offer.media, headers).await
    }
}

/// A value of the media type `own` goes as that or as bytes, framed (the default) or alone.
fn offers(own: &'static str) -> Vec<Offer> {
    let bytes = Offer { default: true, ..Offer::related(OCTET_STREAM) };
    let mut offers = Vec::new();
    if own != OCTET_STREAM {
        offers.extend([Offer::related(own), Offer { by_name: true, ..Offer::single(own) }]);
    }
    offers.extend([bytes, Offer { by_name: true, ..Offer::single(OCTET_STREAM) }]);
    offers
}
