//! POST of instances (PS3.18 10.5): what comes in, where it goes, what is answered. The
//! work on an instance is `intake`'s, the words about it are `outcome`'s.

use super::capabilities::STORE_TAKES;
use super::intake::{Intake, Record};
use super::outcome;
use super::{Destination, Service, State};
use crate::destination::{Answer, Delivery, Form};
use crate::dicom::uid;
use crate::dicomweb::accept::Accept;
use crate::dicomweb::boundary;
use crate::dicomweb::media::MediaType;
use crate::dicomweb::multipart_out::{Multipart, PartHead};
use crate::dicomweb::part_headers::PartHeaders;
use crate::dicomweb::parts::{PartEvent, Parts};
use crate::dicomweb::store_response::{StoreResponse, code};
use crate::dicomweb::stow_answer::{RespondForm, ResponseForm, StowAnswer};
use crate::layer::body::BodyFault;
use crate::layer::context::{Allowance, Caller};
use crate::problem::Problem;
use axum::Extension;
use axum::body::{Body, BodyDataStream};
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::StreamExt;

/// POST /studies.
pub(super) async fn studies(
    service: State,
    Extension(caller): Extension<Caller>,
    Extension(allowance): Extension<Allowance>,
    request: Request,
) -> Result<Response, Problem> {
    store(&service, &caller, allowance, None, request).await
}

/// POST /studies/{study}: instances of another study fail (PS3.18 10.5.1.2).
pub(super) async fn study(
    service: State,
    Extension(caller): Extension<Caller>,
    Extension(allowance): Extension<Allowance>,
    Path(study): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    if !uid::is_legal(&study) {
        return Err(Problem::BadUid);
    }
    store(&service, &caller, allowance, Some(study), request).await
}

async fn store(
    service: &Service,
    caller: &Caller,
    allowance: Allowance,
    study: Option<String>,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers();
    let wanted = wanted(service, headers, request.uri().query())?;
    let source = Source::of(headers)?;
    let delivery = delivery(service, caller, wanted)?;
    let mut intake = Intake::new(service, caller, allowance, study, delivery);
    let body = request.into_body().into_data_stream();
    if let Err(problem) = source.run(body, &mut intake).await {
        intake.abandon().await;
        return Err(problem);
    }
    let (records, answer) = intake.settle().await;
    finish(service, wanted, records, answer)
}

/// What the client wants to be answered with.
fn wanted(service: &Service, headers: &HeaderMap, query: Option<&str>) -> Result<StowAnswer, Problem> {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let accept = match Accept::of_headers(lines) {
        Some(accept) => accept,
        None if service.lenient_accept => Accept::anything(),
        None => return Err(Problem::NoAccept),
    };
    let parameter = query.and_then(accept_parameter);
    Ok(StowAnswer::choose(&accept, parameter.as_ref())?)
}

/// The accept query parameter (PS3.18 8.3.3.1); other parameters are ignored.
fn accept_parameter(query: &str) -> Option<Accept> {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("accept="))?;
    let value = percent_encoding::percent_decode_str(value).decode_utf8().ok()?;
    Some(Accept::of_query(&value))
}

fn delivery(service: &Service, caller: &Caller, wanted: StowAnswer) -> Result<Delivery, Problem> {
    let StowAnswer::Respond { form, .. } = wanted else {
        return Ok(match &service.destination {
            Destination::Archive(archive) => Delivery::keep(archive.clone(), caller.project.clone()),
            Destination::Forward(downstream) => Delivery::forward(downstream.clone()),
        });
    };
    let form = match form {
        RespondForm::Multipart => Form::Multipart(new_boundary()?),
        RespondForm::Zip => Form::Zip,
    };
    Ok(Delivery::respond(form, service.spool_memory, service.spool.clone()))
}

fn new_boundary() -> Result<String, Problem> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Problem::Internal("the system gives no random bytes"))?;
    Ok(boundary::generate(random))
}

/// How the instances stand in the request body.
enum Source {
    /// One instance is the body.
    Single,
    /// One instance a part (PS3.18 10.5.1.4).
    Parts(Parts),
}

impl Source {
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        if headers.get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(unsupported("a Content-Encoding is not taken; send the body as it is"));
        }
        let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let media = text.and_then(|text| MediaType::parse(text).ok());
        let media = media.ok_or_else(|| unsupported("a Content-Type is needed"))?;
        if media.essence() == "application/dicom" {
            return Ok(Self::Single);
        }
        if !media.is_related() {
            return Err(unsupported("the media type is not one of a store request"));
        }
        let root = media.root_type();
        match root.as_ref().map(MediaType::essence) {
            None | Some("application/dicom" | "application/octet-stream") => {
                Ok(Self::Parts(Parts::new(media.boundary().unwrap_or_default())?))
            }
            _ => Err(unsupported("the `type` of the multipart body is not one of a store request")),
        }
    }

    async fn run(self, body: BodyDataStream, intake: &mut Intake) -> Result<(), Problem> {
        match self {
            Self::Single => single(body, intake).await,
            Self::Parts(parts) => multipart(parts, body, intake).await,
        }
    }
}

fn unsupported(why: &'static str) -> Problem {
    Problem::MediaType { why, takes: &STORE_TAKES }
}

async fn single(mut body: BodyDataStream, intake: &mut Intake) -> Result<(), Problem> {
    let mut first = true;
    while let Some(chunk) = next(&mut body).await? {
        if std::mem::take(&mut first) {
            intake.begin();
        }
        intake.data(chunk).await;
    }
    intake.end().await;
    if first { Err(Problem::EmptyBody) } else { Ok(()) }
}

async fn multipart(mut parts: Parts, mut body: BodyDataStream, intake: &mut Intake) -> Result<(), Problem> {
    let mut events = Vec::new();
    let mut empty = true;
    while let Some(chunk) = next(&mut body).await? {
        empty = false;
        parts.push(chunk, &mut events)?;
        take(&mut events, intake).await;
    }
    if empty {
        return Err(Problem::EmptyBody);
    }
    parts.finish(&mut events)?;
    take(&mut events, intake).await;
    Ok(())
}

async fn take(events: &mut Vec<PartEvent>, intake: &mut Intake) {
    for event in events.drain(..) {
        match event {
            PartEvent::Headers(headers) => match misfit(&headers) {
                None => intake.begin(),
                Some(why) => intake.unread(code::CANNOT_UNDERSTAND, why),
            },
            PartEvent::Data(bytes) => intake.data(bytes).await,
            PartEvent::End => intake.end().await,
        }
    }
}

/// Why a part cannot be an instance, if it cannot. Some clients send no type at all.
fn misfit(headers: &PartHeaders) -> Option<&'static str> {
    let essence = headers.content_type.as_ref().map(MediaType::essence);
    match essence {
        _ if !headers.is_plain() => Some("the part is encoded; send it as it is"),
        None | Some("application/dicom" | "application/octet-stream") => None,
        Some(_) => Some("the part is not of type application/dicom"),
    }
}

/// The next chunk that is not empty.
async fn next(body: &mut BodyDataStream) -> Result<Option<Bytes>, Problem> {
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| BodyFault::of(&error))?;
        if !chunk.is_empty() {
            return Ok(Some(chunk));
        }
    }
    Ok(None)
}

/// The answer: the instances, or the response about them.
fn finish(
    service: &Service,
    wanted: StowAnswer,
    records: Vec<Record>,
    answer: Option<Answer>,
) -> Result<Response, Problem> {
    if let Some(problem) = outcome::whole_failure(&records) {
        return Err(problem);
    }
    let kept = matches!(wanted, StowAnswer::Store(_));
    let told = outcome::response(&records, service, kept);
    let mut response = match (wanted, answer) {
        (StowAnswer::Respond { form, also_json }, Some(answer)) if told.stored() > 0 => {
            instances(answer, &told, also_json || form == RespondForm::Zip)
        }
        (StowAnswer::Store(ResponseForm::Xml), _) => xml(&told)?,
        _ => json(&told),
    };
    *response.status_mut() = StatusCode::from_u16(told.status()).unwrap_or(StatusCode::CONFLICT);
    outcome::headers(&told, response.headers_mut());
    response.extensions_mut().insert(outcome::tally(records));
    Ok(response)
}

/// The instances themselves; with failures, the response too if it can be read there.
fn instances(answer: Answer, told: &StoreResponse, manifest: bool) -> Response {
    let answer = if manifest && told.failed() > 0 { answer.with_manifest(told.to_json()) } else { answer };
    let (content_type, length, body) = answer.into_body();
    let mut response = Body::from_stream(body).into_response();
    if let Ok(value) = HeaderValue::from_str(&content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    response
}

/// Exactly this Content-Type: clients compare it literally.
fn json(told: &StoreResponse) -> Response {
    ([(header::CONTENT_TYPE, "application/dicom+json")], told.to_json()).into_response()
}

fn xml(told: &StoreResponse) -> Result<Response, Problem> {
    let mut framing = Multipart::new("application/dicom+xml", new_boundary()?);
    let document = told.to_xml();
    let head = PartHead {
        media: "application/dicom+xml",
        length: Some(document.len() as u64),
        ..PartHead::default()
    };
    let content_type = framing.content_type();
    let body = [framing.part(&head), document.into(), framing.close()].concat();
    Ok(([(header::CONTENT_TYPE, content_type)], body).into_response())
}
