//! GET of studies, series and instances (PS3.18 10.6): reads the query, asks the origin, and
//! writes what it answers. What is found is the origin's business.

use super::{Service, State};
use crate::audit::action::Action;
use crate::dicom::uid;
use crate::dicomweb::accept::{AcceptError, Offer};
use crate::dicomweb::boundary;
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::levels::Level;
use crate::dicomweb::links::Links;
use crate::dicomweb::multipart_out::{Multipart, PartHead};
use crate::dicomweb::query::{Notice, Query, Scope};
use crate::dicomweb::xml_out;
use crate::layer::context::Caller;
use crate::origin::{Page, Remaining};
use crate::problem::Problem;
use axum::Extension;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use dicom_core::Tag;
use serde_json::json;

/// Study, Series and SOP Instance UID.
const UIDS: [Tag; 3] = [Tag(0x0020, 0x000D), Tag(0x0020, 0x000E), Tag(0x0008, 0x0018)];

const JSON: Offer = Offer { default: true, ..Offer::single("application/dicom+json") };
const XML: Offer = Offer { bare: true, ..Offer::related("application/dicom+xml") };

/// What a search can be answered with, in order of preference (PS3.18 10.6.4). Who asks for application/json gets the
/// former too: it is the same under its own name.
const OFFERS: [Offer; 2] = [JSON, XML];

/// GET /studies.
pub(super) async fn studies(service: State, caller: Extension<Caller>, target: Target) -> Response {
    answer(&service, &caller, (Level::Study, None, None), target).await
}

/// GET /series.
pub(super) async fn series(service: State, caller: Extension<Caller>, target: Target) -> Response {
    answer(&service, &caller, (Level::Series, None, None), target).await
}

/// GET /instances.
pub(super) async fn instances(service: State, caller: Extension<Caller>, target: Target) -> Response {
    answer(&service, &caller, (Level::Instance, None, None), target).await
}

/// GET /studies/{study}/series.
pub(super) async fn series_of_study(
    service: State,
    caller: Extension<Caller>,
    Path(study): Path<String>,
    target: Target,
) -> Response {
    answer(&service, &caller, (Level::Series, Some(study), None), target).await
}

/// GET /studies/{study}/instances.
pub(super) async fn instances_of_study(
    service: State,
    caller: Extension<Caller>,
    Path(study): Path<String>,
    target: Target,
) -> Response {
    answer(&service, &caller, (Level::Instance, Some(study), None), target).await
}

/// GET /studies/{study}/series/{series}/instances.
pub(super) async fn instances_of_series(
    service: State,
    caller: Extension<Caller>,
    Path((study, series)): Path<(String, String)>,
    target: Target,
) -> Response {
    answer(&service, &caller, (Level::Instance, Some(study), Some(series)), target).await
}

/// What a search needs of a request. The request itself cannot be shared between threads.
type Target = (Uri, HeaderMap);

/// What is searched for; study and series of the path.
type Within = (Level, Option<String>, Option<String>);

/// The answer; refused or not, it is on record as a search.
async fn answer(service: &Service, caller: &Caller, within: Within, target: Target) -> Response {
    let answer = search(service, caller, within, &target).await;
    let mut response = answer.unwrap_or_else(Problem::into_response);
    response.extensions_mut().insert(Action::Search);
    response
}

async fn search(
    service: &Service,
    caller: &Caller,
    (level, study, series): Within,
    (uri, headers): &Target,
) -> Result<Response, Problem> {
    if study.iter().chain(&series).any(|uid| !uid::is_legal(uid)) {
        return Err(Problem::BadUid);
    }
    let parameters = uri.query().unwrap_or_default();
    let offer = offer(service, headers, parameters)?;
    let scope = Scope { level, study: study.as_deref(), series: series.as_deref() };
    let query = Query::parse(scope, parameters)?;
    let mut page = caller.origin.search(&query).await?;
    for result in &mut page.results {
        if let Some(url) = retrieve_url(&service.links, level, result) {
            result.put(Tag(0x0008, 0x1190), "UR", vec![json!(url)]);
        }
    }
    let mut response = body(offer, &page)?;
    warnings(&service.links, &query, page.remaining, response.headers_mut());
    Ok(response)
}

/// The representation that the client wants.
fn offer(service: &Service, headers: &HeaderMap, parameters: &str) -> Result<Offer, Problem> {
    let accept = super::accept(service, headers)?;
    if accept.is_mixed() {
        return Err(AcceptError::Mixed.into());
    }
    let parameter = super::accept_parameter(parameters).transpose()?;
    let choice = accept.choose(parameter.as_ref(), &OFFERS)?;
    Ok(OFFERS.get(choice.offer).copied().unwrap_or(JSON))
}

/// Where to retrieve a result (PS3.18 10.6.3.3): under the gateway's own base, whatever the origin.
fn retrieve_url(links: &Links, level: Level, result: &DataSet) -> Option<String> {
    let [study, series, instance] = UIDS.map(|tag| result.text(tag));
    let full = |uids: &[&str]| uids.iter().all(|uid| !uid.is_empty());
    match level {
        Level::Study => full(&[study]).then(|| links.study(study)),
        Level::Series => full(&[study, series]).then(|| links.series(study, series)),
        Level::Instance => full(&[study, series, instance]).then(|| links.instance(study, series, instance)),
    }
}

fn body(offer: Offer, page: &Page) -> Result<Response, Problem> {
    if offer.related {
        return xml(page);
    }
    let results: Vec<_> = page.results.iter().map(|result| &result.0).collect();
    let text = serde_json::to_string(&results).map_err(|_| Problem::Internal("results cannot be written"))?;
    // Exactly this Content-Type: clients compare it literally.
    Ok(([(header::CONTENT_TYPE, JSON.media)], text).into_response())
}

/// One document a part (PS3.18 10.6.4). A multipart body cannot be without part (RFC 2046 5.1.1), so that no result is
/// 204, as PS3.18 10.6.3.1 has it.
fn xml(page: &Page) -> Result<Response, Problem> {
    if page.results.is_empty() {
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Problem::Internal("the system gives no random bytes"))?;
    let mut framing = Multipart::new(XML.media, boundary::generate(random));
    let content_type = framing.content_type();
    let mut bytes = Vec::new();
    for result in &page.results {
        let document = xml_out::document(&result.to_object());
        let head = PartHead { media: XML.media, length: Some(document.len() as u64), ..PartHead::default() };
        bytes.extend_from_slice(&framing.part(&head));
        bytes.extend_from_slice(document.as_bytes());
    }
    bytes.extend_from_slice(&framing.close());
    Ok(([(header::CONTENT_TYPE, content_type)], bytes).into_response())
}

/// One Warning for each thing to be told (PS3.18 8.3.4).
fn warnings(links: &Links, query: &Query, remaining: Remaining, headers: &mut HeaderMap) {
    let mut texts: Vec<String> = query.notices.iter().map(notice).collect();
    texts.extend(match remaining {
        Remaining::None => None,
        Remaining::Some(count) => Some(format!("There are {count} additional results that can be requested")),
        Remaining::MoreThan(0) => Some("There are additional results that can be requested".to_owned()),
        Remaining::MoreThan(count) => {
            Some(format!("There are more than {count} additional results that can be requested"))
        }
    });
    for text in texts {
        if let Ok(value) = HeaderValue::from_str(&format!("299 {}: {text}", links.root())) {
            headers.append(header::WARNING, value);
        }
    }
}

fn notice(notice: &Notice) -> String {
    match notice {
        Notice::Unsupported(name) => {
            format!("The {name} parameter is not supported. Only literal matching has been performed.")
        }
        Notice::Ignored => "Parameters that name no attribute were ignored".to_owned(),
        Notice::Timezone => {
            "TimezoneOffsetFromUTC was ignored: dates and times were matched as they are held".to_owned()
        }
    }
}
