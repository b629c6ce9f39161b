//! POST of files as they lie in a folder, for the web page and for scripts: one comes back as it is, several (a form or
//! a ZIP archive) as a ZIP archive under the same names and folders. Nothing is kept. What is done to an instance is
//! `intake`'s, archives are `vault`'s.

use super::intake::{Intake, Record};
use super::source::Source;
use super::vault::{self, Fates, Files, Shape};
use super::{Service, State, outcome};
use crate::deid::receipt::Receipt;
use crate::destination::{Custody, Delivery, Form, Settled};
use crate::dicomweb::media::MediaType;
use crate::layer::context::{Allowance, Caller};
use crate::problem::Problem;
use axum::Extension;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

const SHAPE: Shape = Shape { folder: "", disposition: "attachment; filename=pseudonymized.zip" };

/// What was done to the attributes of the one instance, in numbers; which count says `deid::receipt::Counts`.
const FATES: HeaderName = HeaderName::from_static("veilgate-attributes");

/// SOP Instance UID of the one instance as it goes out.
const INSTANCE: HeaderName = HeaderName::from_static("veilgate-instance");

/// Takes files in and answers with what became of them.
pub(super) async fn deidentify(
    service: State,
    Extension(caller): Extension<Caller>,
    Extension(allowance): Extension<Allowance>,
    request: Request,
) -> Result<Response, Problem> {
    caller.may_have_back()?;
    if is_one(request.headers()) {
        return one(&service, &caller, allowance, request).await;
    }
    let files = Files::of(&request, &service.vault).map_err(|problem| other(problem, request.headers()))?;
    Ok(vault::answer(&service, &caller, allowance, files, &SHAPE, request).await)
}

const TAKES: &[&str] =
    &["application/dicom", "application/octet-stream", "multipart/form-data", "application/zip"];

/// What comes under another type is not a broken form, which the interface of the vault calls it.
fn other(problem: Problem, headers: &HeaderMap) -> Problem {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = text.and_then(|text| MediaType::parse(text).ok());
    let form = media.is_some_and(|media| media.essence() == "multipart/form-data");
    match problem {
        Problem::Form(_) if !form => {
            Problem::MediaType { why: "the body is neither a file nor a form nor an archive", takes: TAKES }
        }
        problem => problem,
    }
}

/// The body is one instance. Browsers give files that they do not know no type.
fn is_one(headers: &HeaderMap) -> bool {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media = text.and_then(|text| MediaType::parse(text).ok());
    media.is_none_or(|media| matches!(media.essence(), "application/dicom" | "application/octet-stream"))
}

async fn one(
    service: &Service,
    caller: &Caller,
    allowance: Allowance,
    request: Request,
) -> Result<Response, Problem> {
    if request.headers().get(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
        return Err(Problem::Form("a Content-Encoding is not taken; send the body as it is"));
    }
    let delivery = Delivery::respond(Form::Bare, &service.spools);
    let mut intake = Intake::new(service, caller, allowance, None, delivery);
    let run = Source::Single.run(request.into_body().into_data_stream(), &mut intake).await;
    let spent = intake.spent().map(|retry_after| Problem::QuotaSpent { retry_after });
    if let Some(problem) = run.err().or(spent) {
        return Ok(outcome::broken(problem, intake.abandon().await, Custody::Here));
    }
    let (records, settled) = intake.settle().await;
    Ok(finish(records, settled))
}

/// The instance, or why it does not come back; either way the layers are told.
fn finish(records: Vec<Record>, Settled { answer, custody, .. }: Settled) -> Response {
    if let Some(problem) = outcome::whole_failure(&records) {
        return outcome::broken(problem, records, custody);
    }
    let (Some(Record::Passed(receipt, Ok(()))), Some(answer)) = (records.first(), answer) else {
        let problem = Fates::of(vec![String::new()], &records, "").into_problem();
        return outcome::broken(problem, records, custody);
    };
    let (content_type, length, body) = answer.into_body();
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    headers.extend(HeaderValue::from_str(&content_type).ok().map(|value| (header::CONTENT_TYPE, value)));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    told(receipt, headers);
    response.extensions_mut().insert(outcome::tally(records, custody));
    response
}

fn told(receipt: &Receipt, headers: &mut HeaderMap) {
    let it = &receipt.counts;
    let counts = format!(
        "kept={}, removed={}, emptied={}, replaced={}, uids={}, shifted={}",
        it.kept, it.removed, it.emptied, it.replaced, it.uids, it.shifted
    );
    let mut put =
        |name, text: &str| headers.extend(HeaderValue::from_str(text).ok().map(|value| (name, value)));
    put(FATES, &counts);
    put(INSTANCE, &receipt.names.instance);
}
