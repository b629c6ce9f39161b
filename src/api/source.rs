//! Request body → instances: one alone, one a part, or metadata and bulk data (PS3.18
//! 10.5.1.4, 10.5.4). What becomes of them is `intake`'s.

use super::Service;
use super::capabilities::STORE_TAKES;
use super::intake::Intake;
use super::metadata::Held;
use crate::dicomweb::media::MediaType;
use crate::dicomweb::part_headers::PartHeaders;
use crate::dicomweb::parts::{PartEvent, Parts};
use crate::dicomweb::store_response::code;
use crate::layer::body::BodyFault;
use crate::problem::Problem;
use axum::body::BodyDataStream;
use axum::http::{HeaderMap, header};
use bytes::Bytes;
use futures_util::StreamExt;

/// What relative locations of bulk data stand beside.
const STUDIES: &str = "/dicom-web/studies";

/// How the instances stand in the request body.
pub(super) enum Source {
    /// One instance is the body.
    Single,
    /// In parts.
    Multipart(Box<Parts>, PartForm),
}

/// What the parts are (PS3.18 10.5.1.4).
pub(super) enum PartForm {
    /// One instance each.
    Instances(Count),
    /// Metadata and bulk data.
    Metadata(Box<Held>),
}

/// Parts so far, and the most there may be: each costs memory until the answer, however small it is.
pub(super) struct Count {
    parts: usize,
    limit: usize,
}

impl Count {
    fn one_more(&mut self) -> Result<(), Problem> {
        self.parts += 1;
        if self.parts > self.limit { Err(Problem::TooManyParts { limit: self.limit }) } else { Ok(()) }
    }
}

impl PartForm {
    async fn take(&mut self, event: PartEvent, intake: &mut Intake) -> Result<(), Problem> {
        match (self, event) {
            (Self::Metadata(held), event) => held.take(event).await?,
            (Self::Instances(count), PartEvent::Headers(headers)) => {
                count.one_more()?;
                match misfit(&headers) {
                    None => intake.begin().await,
                    Some(why) => intake.unread(None, code::CANNOT_UNDERSTAND, why),
                }
            }
            (Self::Instances(_), PartEvent::Data(bytes)) => intake.data(bytes).await,
            (Self::Instances(_), PartEvent::End) => intake.end().await,
        }
        Ok(())
    }

    async fn finish(self, intake: &mut Intake) -> Result<(), Problem> {
        match self {
            Self::Instances(_) => Ok(()),
            Self::Metadata(held) => held.deliver(intake).await,
        }
    }
}

impl Source {
    /// Reads the request's headers.
    ///
    /// # Errors
    /// 415, or 400 for a boundary that cannot be.
    pub(super) fn of(headers: &HeaderMap, service: &Service) -> Result<Self, Problem> {
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
        let form = match root.as_ref().map(MediaType::essence) {
            None | Some("application/dicom" | "application/octet-stream") => {
                PartForm::Instances(Count { parts: 0, limit: service.parts })
            }
            Some("application/dicom+json" | "application/json" | "application/dicom+xml") => {
                PartForm::Metadata(Box::new(Held::new(service.metadata, service.budget.share(), STUDIES)))
            }
            _ => return Err(unsupported("the `type` of the multipart body is not one of a store request")),
        };
        Ok(Self::Multipart(Box::new(Parts::new(media.boundary().unwrap_or_default())?), form))
    }

    /// Takes the whole body in.
    ///
    /// # Errors
    /// The request as a whole is at fault.
    pub(super) async fn run(self, body: BodyDataStream, intake: &mut Intake) -> Result<(), Problem> {
        match self {
            Self::Single => single(body, intake).await,
            Self::Multipart(parts, form) => multipart(*parts, form, body, intake).await,
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
            intake.begin().await;
        }
        intake.data(chunk).await;
    }
    intake.end().await;
    if first { Err(Problem::EmptyBody) } else { Ok(()) }
}

async fn multipart(
    mut parts: Parts,
    mut form: PartForm,
    mut body: BodyDataStream,
    intake: &mut Intake,
) -> Result<(), Problem> {
    let mut events = Vec::new();
    let mut empty = true;
    while let Some(chunk) = next(&mut body).await? {
        empty = false;
        parts.push(chunk, &mut events)?;
        for event in std::mem::take(&mut events) {
            form.take(event, intake).await?;
        }
    }
    if empty {
        return Err(Problem::EmptyBody);
    }
    parts.finish(&mut events)?;
    for event in events {
        form.take(event, intake).await?;
    }
    form.finish(intake).await
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
pub(super) async fn next(body: &mut BodyDataStream) -> Result<Option<Bytes>, Problem> {
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|error| BodyFault::of(&error))?;
        if !chunk.is_empty() {
            return Ok(Some(chunk));
        }
    }
    Ok(None)
}
