//! multipart/form-data (RFC 7578) → the files of the field `files`, fed to the intake as
//! they come. Other fields are read over. Bounded before it is received: the length told,
//! every byte, every file is counted against the limits.

use super::Vault;
use crate::api::intake::Intake;
use crate::api::source;
use crate::dicomweb::media::MediaType;
use crate::dicomweb::part_headers::PartHeaders;
use crate::dicomweb::parts::{PartEvent, Parts, PartsError};
use crate::dicomweb::store_response::code;
use crate::problem::Problem;
use axum::body::BodyDataStream;
use axum::http::{HeaderMap, header};

/// The field that holds files; it is repeated.
const FIELD: &str = "files";

/// Most fields that are read over.
const OTHERS: usize = 1000;

const NO_FILE: &str = "the form has no file in a field named `files`";

/// A form being received.
pub(in crate::api) struct Upload {
    parts: Parts,
    files: Files,
}

/// What came of it so far.
struct Files {
    limits: Vault,
    /// Bytes that may still come.
    left: u64,
    /// Names of the files begun, as sent.
    names: Vec<String>,
    others: usize,
    /// The open part is a file.
    taking: bool,
}

impl Upload {
    /// Reads the request's headers.
    ///
    /// # Errors
    /// 422 if the body is no form, 400 without a boundary, 413 by the length told.
    pub(super) fn of(headers: &HeaderMap, limits: &Vault) -> Result<Self, Problem> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let media = text(header::CONTENT_TYPE).and_then(|text| MediaType::parse(text).ok());
        let form = media.filter(|media| media.essence() == "multipart/form-data");
        let form = form.ok_or(Problem::Form("the body is not of type multipart/form-data"))?;
        if text(header::CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(Problem::Form("a Content-Encoding is not taken; send the body as it is"));
        }
        let length: Option<u64> = text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        if length.is_some_and(|length| length > limits.request) {
            return Err(Problem::BodyTooLarge { limit: limits.request });
        }
        let parts = Parts::new(form.boundary().unwrap_or_default())?;
        let files =
            Files { limits: *limits, left: limits.request, names: Vec::new(), others: 0, taking: false };
        Ok(Self { parts, files })
    }

    /// Takes the whole form in; the names of its files as sent, in order.
    ///
    /// # Errors
    /// The request as a whole is at fault, or its caller's allowance is used up.
    pub(super) async fn run(
        self,
        mut body: BodyDataStream,
        intake: &mut Intake,
    ) -> Result<Vec<String>, Problem> {
        let Self { mut parts, mut files } = self;
        let mut events = Vec::new();
        while let Some(chunk) = source::next(&mut body).await? {
            files.count(&chunk)?;
            parts.push(chunk, &mut events)?;
            for event in std::mem::take(&mut events) {
                files.take(event, intake).await?;
            }
        }
        match parts.finish(&mut events) {
            Err(PartsError::NoPart) => return Err(Problem::Form(NO_FILE)),
            finished => finished?,
        }
        for event in events {
            files.take(event, intake).await?;
        }
        if files.names.is_empty() { Err(Problem::Form(NO_FILE)) } else { Ok(files.names) }
    }
}

impl Files {
    fn count(&mut self, chunk: &[u8]) -> Result<(), Problem> {
        let limit = self.limits.request;
        self.left = self.left.checked_sub(chunk.len() as u64).ok_or(Problem::BodyTooLarge { limit })?;
        Ok(())
    }

    async fn take(&mut self, event: PartEvent, intake: &mut Intake) -> Result<(), Problem> {
        match event {
            PartEvent::Headers(headers) => self.begin(headers, intake).await?,
            PartEvent::Data(bytes) if self.taking => intake.data(bytes).await,
            PartEvent::End if self.taking => intake.end().await,
            PartEvent::Data(_) | PartEvent::End => {}
        }
        Ok(())
    }

    async fn begin(&mut self, headers: PartHeaders, intake: &mut Intake) -> Result<(), Problem> {
        let is_plain = headers.is_plain();
        let disposition = headers.disposition.unwrap_or_default();
        self.taking = disposition.name.as_deref() == Some(FIELD);
        if !self.taking {
            self.others += 1;
            let limit = OTHERS;
            return if self.others > limit { Err(Problem::TooManyParts { limit }) } else { Ok(()) };
        }
        let limit = self.limits.files;
        if self.names.len() >= limit {
            return Err(Problem::TooManyParts { limit });
        }
        let name = disposition.file_name.ok_or(Problem::Form("a part named `files` has no file name"))?;
        self.names.push(name);
        if is_plain {
            intake.begin().await;
        } else {
            self.taking = false;
            intake.unread(None, code::CANNOT_UNDERSTAND, "the part is encoded; send it as it is");
        }
        match intake.spent() {
            Some(retry_after) => Err(Problem::QuotaSpent { retry_after }),
            None => Ok(()),
        }
    }
}
