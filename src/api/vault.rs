//! POST of files as a form, answered with a ZIP archive: the interface of the vault, whose
//! clients need nothing changed but the host. Differences stand in
//! `conformance/deviations_vault.tsv`. Reading the form is `form`'s, an archive `unzip`'s,
//! what became of the files `fates`'.

mod fates;
mod form;
mod unzip;

use super::intake::{Intake, Record};
use super::{Service, State, outcome};
use crate::destination::{Answer, Custody, Delivery, Form, Packing, Settled};
use crate::layer::context::{Allowance, Caller};
use crate::problem::Problem;
use axum::Extension;
use axum::body::{Body, BodyDataStream};
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
pub(super) use fates::Fates;
use form::Upload;
use unzip::Unzip;

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

/// How the files of a request come.
pub(super) enum Files {
    /// In a form.
    Form(Box<Upload>),
    /// In a ZIP archive.
    Zip(Unzip),
}

impl Files {
    /// Reads the request's headers: `application/zip`, or a form.
    ///
    /// # Errors
    /// 422 if the body is neither, 400 without a boundary, 413 by the length told.
    pub(super) fn of(request: &Request, limits: &Vault) -> Result<Self, Problem> {
        match Unzip::of(request.headers(), limits)? {
            Some(unzip) => Ok(Self::Zip(unzip)),
            None => Upload::of(request.headers(), limits).map(|upload| Self::Form(Box::new(upload))),
        }
    }

    /// Takes them all in; their names as sent, in order.
    async fn run(self, body: BodyDataStream, intake: &mut Intake) -> Result<Vec<String>, Problem> {
        match self {
            Self::Form(upload) => upload.run(body, intake).await,
            Self::Zip(unzip) => unzip.run(body, intake).await,
        }
    }
}

/// What is the same for all archives of a route.
pub(super) struct Shape {
    /// Stands before the path of each file.
    pub(super) folder: &'static str,
    /// Content-Disposition of the archive.
    pub(super) disposition: &'static str,
}

const VAULT: Shape = Shape { folder: "out/", disposition: "attachment; filename=anonymized.zip" };

/// Takes the files of one form in and answers with those that could be pseudonymized.
pub(super) async fn upload(
    service: State,
    Extension(caller): Extension<Caller>,
    Extension(allowance): Extension<Allowance>,
    request: Request,
) -> Result<Response, Problem> {
    caller.may_have_back()?;
    let files = Files::Form(Box::new(Upload::of(request.headers(), &service.vault)?));
    Ok(answer(&service, &caller, allowance, files, &VAULT, request).await)
}

/// Takes files in and answers with an archive of those that could be pseudonymized.
pub(super) async fn answer(
    service: &Service,
    caller: &Caller,
    allowance: Allowance,
    files: Files,
    shape: &Shape,
    request: Request,
) -> Response {
    let form = Form::Named(service.vault.packing);
    let delivery = Delivery::respond(form, &service.spools);
    let mut intake = Intake::new(service, caller, allowance, None, delivery);
    let names = match files.run(request.into_body().into_data_stream(), &mut intake).await {
        Ok(names) => names,
        Err(problem) => return outcome::broken(problem, intake.abandon().await, Custody::Here),
    };
    let (records, settled) = intake.settle().await;
    finish(names, records, settled, shape)
}

/// The archive, or why there is none; either way the layers are told.
fn finish(names: Vec<String>, records: Vec<Record>, settled: Settled, shape: &Shape) -> Response {
    if let Some(problem) = outcome::whole_failure(&records) {
        return outcome::broken(problem, records, settled.custody);
    }
    let fates = Fates::of(names, &records, shape.folder);
    let mut response = match settled.answer {
        Some(answer) if fates.processed() > 0 => archive(fates, answer, shape),
        _ => return outcome::broken(fates.into_problem(), records, settled.custody),
    };
    response.extensions_mut().insert(outcome::tally(records, settled.custody));
    response
}

fn archive(fates: Fates, answer: Answer, shape: &Shape) -> Response {
    let counts = fates.counts();
    let (paths, manifest) = fates.into_parts();
    let (content_type, length, body) = answer.with_names(paths).with_manifest(manifest).into_body();
    let mut response = Body::from_stream(body).into_response();
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&content_type) {
        headers.insert(header::CONTENT_TYPE, value);
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static(shape.disposition));
    for (name, count) in [PROCESSED, FAILED, BURNED_IN].into_iter().zip(counts) {
        headers.insert(name, HeaderValue::from(count));
    }
    response
}
