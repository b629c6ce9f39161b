//! POST of files as a form, answered with a ZIP archive: the interface of the vault, whose
//! clients need nothing changed but the host. Differences stand in
//! `conformance/deviations_vault.tsv`. Reading the form is `form`'s, what became of the
//! files `fates`'.

mod fates;
mod form;

use super::intake::{Intake, Record};
use super::{State, outcome};
use crate::destination::{Answer, Custody, Delivery, Form, Packing, Settled};
use crate::layer::context::{Allowance, Caller};
use crate::problem::Problem;
use axum::Extension;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use fates::Fates;
use form::Upload;

const PROCESSED: HeaderName = HeaderName::from_static("x-files-processed");
const FAILED: HeaderName = HeaderName::from_static("x-files-failed");
const BURNED_IN: HeaderName = HeaderName::from_static("x-files-rejected-burnedin");

/// Bounds of an upload, and how it goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vault {
    /// Largest request body, in bytes.
    pub request: u64,
    /// Most files in one request.
    pub files: usize,
    /// How the archive's entries are held.
    pub packing: Packing,
}

/// Takes the files of one form in and answers with those that could be pseudonymized.
pub(super) async fn upload(
    service: State,
    Extension(caller): Extension<Caller>,
    Extension(allowance): Extension<Allowance>,
    request: Request,
) -> Result<Response, Problem> {
    if caller.restores() {
        return Err(Problem::OnlyRestores);
    }
    let upload = Upload::of(request.headers(), &service.vault)?;
    let form = Form::Named(service.vault.packing);
    let delivery = Delivery::respond(form, service.spool_memory, service.spool.clone());
    let mut intake = Intake::new(&service, &caller, allowance, None, delivery);
    let names = match upload.run(request.into_body().into_data_stream(), &mut intake).await {
        Ok(names) => names,
        Err(problem) => return Ok(outcome::broken(problem, intake.abandon().await, Custody::Here)),
    };
    let (records, settled) = intake.settle().await;
    Ok(finish(names, records, settled))
}

/// The archive, or why there is none; either way the layers are told.
fn finish(names: Vec<String>, records: Vec<Record>, settled: Settled) -> Response {
    if let Some(problem) = outcome::whole_failure(&records) {
        return outcome::broken(problem, records, settled.custody);
    }
    let fates = Fates::of(names, &records);
    let mut response = match settled.answer {
        Some(answer) if fates.processed() > 0 => archive(fates, answer),
        _ => return outcome::broken(fates.into_problem(), records, settled.custody),
    };
    response.extensions_mut().insert(outcome::tally(records, settled.custody));
    response
}

fn archive(fates: Fates, answer: Answer) -> Response {
    let counts = fates.counts();
    let (paths, manifest) = fates.into_parts();
    let (content_type, length, body) = answer.with_names(paths).with_manifest(manifest).into_body();
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers
        .insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=anonymized.zip"));
    for (name, count) in [PROCESSED, FAILED, BURNED_IN].into_iter().zip(counts) {
        headers.insert(name, HeaderValue::from(count));
    }
    response
}
