//! GET of instances and metadata at every level (PS3.18 10.4.1.1.1, 10.4.1.1.2): what the client takes, what the origin
//! has, how it is framed. Which resources stand below an instance is told in files of their own.

use super::ask::{self, Asked};
use super::framing::Begun;
use super::{Service, State, bulk};
use crate::dicomweb::accept::{Offer, SyntaxWish};
use crate::dicomweb::bulk_path::BulkPath;
use crate::layer::context::Caller;
use crate::origin::{Model, Place};
use crate::problem::Problem;
use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::response::Response;
use dicom_core::Tag;

const RELATED: Offer = Offer { default: true, ..Offer::related("application/dicom") };
const SINGLE: Offer = Offer::single("application/dicom");
const ZIP: Offer = Offer::single("application/zip");
/// What older clients ask for: the bulk data of an instance (PS3.18 10.4.4).
const BULK: Offer = Offer { by_name: true, ..Offer::related("application/octet-stream") };

const JSON: Offer = Offer { default: true, ..Offer::single("application/dicom+json") };
const XML: Offer = Offer { bare: true, ..Offer::related("application/dicom+xml") };

/// What an instance may have as its bulk data: pixels in their three forms, a document.
const BULK_DATA: [Tag; 4] =
    [Tag(0x7FE0, 0x0010), Tag(0x7FE0, 0x0008), Tag(0x7FE0, 0x0009), Tag(0x0042, 0x0011)];

/// GET of a study, a series or an instance.
pub(super) async fn instances(
    service: State,
    Extension(caller): Extension<Caller>,
    Path(uids): Path<Vec<String>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (place, asked) = (ask::place(&uids)?, Asked::of(&service, &headers, query.as_deref())?);
    // A single file is for a single instance only (PS3.18 10.4.4).
    let offers: &[Offer] =
        if place.instance.is_some() { &[RELATED, SINGLE, ZIP, BULK] } else { &[RELATED, ZIP] };
    let (offer, choice) = asked.choose(offers)?;
    if offer == BULK {
        return instance_bulk(&service, &caller, &place, &asked, &headers).await;
    }
    // A ZIP archive holds files as they are stored, unless a syntax is named.
    let any = |wish| if offer == ZIP && wish == SyntaxWish::Default { SyntaxWish::Any } else { wish };
    let wishes: Vec<SyntaxWish> = choice.syntaxes.into_iter().map(any).collect();
    let parts = Begun::of(&place, caller.origin.instances(&place, &wishes).await?).await?;
    match offer {
        SINGLE => parts.single("application/dicom", &headers).await,
        ZIP => parts.zip(&service).await,
        _ => parts.multipart("application/dicom", &service).await,
    }
}

/// The bulk data of an instance that it has first.
async fn instance_bulk(
    service: &Service,
    caller: &Caller,
    place: &Place,
    asked: &Asked,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    for tag in BULK_DATA {
        match bulk::answer(service, caller, place, &BulkPath::top(tag), asked, headers).await {
            Err(Problem::NotFound) => {}
            answered => return answered,
        }
    }
    Err(Problem::NotFound)
}

/// GET of the metadata of a study, a series or an instance.
pub(super) async fn metadata(
    service: State,
    Extension(caller): Extension<Caller>,
    Path(uids): Path<Vec<String>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (place, asked) = (ask::place(&uids)?, Asked::of(&service, &headers, query.as_deref())?);
    let (offer, _) = asked.choose(&[JSON, XML])?;
    let form = if offer == JSON { Model::Json } else { Model::Xml };
    let root = service.links.root();
    let parts = Begun::of(&place, caller.origin.metadata(&place, form, root).await?).await?;
    if form == Model::Json {
        Ok(parts.array(&service))
    } else {
        parts.multipart("application/dicom+xml", &service).await
    }
}
