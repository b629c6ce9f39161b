//! POST of instances (PS3.18 10.5): what comes in, where it goes, what is answered. The
//! work on an instance is `intake`'s, the words about it are `outcome`'s.

use super::intake::{Intake, Record};
use super::outcome;
use super::source::Source;
use super::{Service, State, accept, accept_parameter, on_record};
use crate::audit::action::Action;
use crate::destination::{Answer, Custody, Delivery, Form, Settled, Target};
use crate::dicom::uid;
use crate::dicomweb::boundary;
use crate::dicomweb::multipart_out::{Multipart, PartHead};
use crate::dicomweb::store_response::StoreResponse;
use crate::dicomweb::stow_answer::{RespondForm, ResponseForm, StowAnswer};
use crate::layer::context::{Allowance, Caller};
use crate::problem::Problem;
use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// POST /studies.
pub(super) async fn studies(
    service: State,
    Extension(caller): Extension<Caller>,
    Extension(allowance): Extension<Allowance>,
    request: Request,
) -> Response {
    let answer = store(&service, &caller, allowance, None, request).await;
    on_record(action(&caller), answer)
}

/// POST /studies/{study}: instances of another study fail (PS3.18 10.5.1.2).
pub(super) async fn study(
    service: State,
    Extension(caller): Extension<Caller>,
    Extension(allowance): Extension<Allowance>,
    Path(study): Path<String>,
    request: Request,
) -> Response {
    let answer = match uid::is_legal(&study) {
        true => store(&service, &caller, allowance, Some(study), request).await,
        false => Err(Problem::BadUid),
    };
    on_record(action(&caller), answer)
}

/// What a push is: an act of its own kind where it leads back to originals.
fn action(caller: &Caller) -> Action {
    if caller.restores() { Action::Restore } else { Action::Store }
}

async fn store(
    service: &Service,
    caller: &Caller,
    allowance: Allowance,
    study: Option<String>,
    request: Request,
) -> Result<Response, Problem> {
    caller.may_send()?;
    let headers = request.headers();
    let wanted = wanted(service, headers, request.uri().query())?;
    if matches!(wanted, StowAnswer::Respond { .. }) {
        caller.may_have_back()?;
    }
    let source = Source::of(headers, service)?;
    let delivery = delivery(service, caller, wanted)?;
    let mut intake = Intake::new(service, caller, allowance, study, delivery);
    let body = request.into_body().into_data_stream();
    if let Err(problem) = source.run(body, &mut intake).await {
        // Whatever arrived all the same did so with another server.
        return Ok(outcome::broken(problem, intake.abandon().await, Custody::Left));
    }
    let (records, settled) = intake.settle().await;
    finish(service, caller, wanted, records, settled)
}

/// What the client wants to be answered with.
fn wanted(service: &Service, headers: &HeaderMap, query: Option<&str>) -> Result<StowAnswer, Problem> {
    let accept = accept(service, headers)?;
    let parameter = query.and_then(accept_parameter).transpose()?;
    Ok(StowAnswer::choose(&accept, parameter.as_ref())?)
}

fn delivery(service: &Service, caller: &Caller, wanted: StowAnswer) -> Result<Delivery, Problem> {
    let StowAnswer::Respond { form, .. } = wanted else {
        return Ok(match &caller.target {
            Target::Archive(archive) => Delivery::keep(archive.clone(), caller.project.clone()),
            Target::Forward(downstream) => Delivery::forward(downstream.clone()),
            Target::Restore(clinic) => Delivery::forward(clinic.downstream().clone()),
        });
    };
    let form = match form {
        RespondForm::Multipart => Form::Multipart(new_boundary()?),
        RespondForm::Zip => Form::Zip,
    };
    Ok(Delivery::respond(form, &service.spools))
}

fn new_boundary() -> Result<String, Problem> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Problem::Internal("the system gives no random bytes"))?;
    Ok(boundary::generate(random))
}

/// The answer: the instances, or the response about them.
fn finish(
    service: &Service,
    caller: &Caller,
    wanted: StowAnswer,
    records: Vec<Record>,
    Settled { answer, custody, .. }: Settled,
) -> Result<Response, Problem> {
    if let Some(problem) = outcome::whole_failure(&records) {
        return Ok(outcome::broken(problem, records, custody));
    }
    let kept = matches!(wanted, StowAnswer::Store(_));
    let links = (kept && caller.has_links()).then_some(&service.links);
    let told = outcome::response(&records, service, links, kept);
    let mut response = match (wanted, answer) {
        (StowAnswer::Respond { form, also_json }, Some(answer)) if told.stored() > 0 => {
            instances(answer, &told, also_json || form == RespondForm::Zip)
        }
        (StowAnswer::Store(ResponseForm::Xml), _) => xml(&told)?,
        _ => json(&told),
    };
    *response.status_mut() = StatusCode::from_u16(told.status()).unwrap_or(StatusCode::CONFLICT);
    outcome::headers(&told, &records, response.headers_mut());
    response.extensions_mut().insert(outcome::tally(records, custody));
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
