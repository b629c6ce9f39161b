//! A ZIP archive as request body → the files in it, fed to the intake as they come. Neither the archive nor a file is
//! held. Bounded like a form: bytes received, files; and bytes unpacked, which a small archive can have many of.

use super::Vault;
use crate::api::intake::Intake;
use crate::api::source;
use crate::dicomweb::media::MediaType;
use crate::dicomweb::store_response::code;
use crate::dicomweb::zip_in::{ZipEvent, ZipFault, ZipIn};
use crate::problem::Problem;
use axum::body::BodyDataStream;
use axum::http::{HeaderMap, header};

/// Bytes unpacked may be so many times those that may be received.
const GROWTH: u64 = 8;

/// An archive being received.
pub(in crate::api) struct Unzip {
    zip: ZipIn,
    limits: Vault,
    received: u64,
    unpacked: u64,
    /// Names of the files begun, as packed.
    names: Vec<String>,
}

impl From<ZipFault> for Problem {
    fn from(ZipFault(why): ZipFault) -> Self {
        Self::Archive(why)
    }
}

impl Unzip {
    /// Reads the request's headers; `None` if the body is no archive.
    ///
    /// # Errors
    /// 413 by the length told.
    pub(super) fn of(headers: &HeaderMap, limits: &Vault) -> Result<Option<Self>, Problem> {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let media = text(header::CONTENT_TYPE).and_then(|text| MediaType::parse(text).ok());
        let types = ["application/zip", "application/x-zip-compressed"];
        if !media.is_some_and(|media| types.contains(&media.essence())) {
            return Ok(None);
        }
        let length: Option<u64> = text(header::CONTENT_LENGTH).and_then(|length| length.parse().ok());
        if length.is_some_and(|length| length > limits.request) {
            return Err(Problem::BodyTooLarge { limit: limits.request });
        }
        let (zip, names) = (ZipIn::default(), Vec::new());
        Ok(Some(Self { zip, limits: *limits, received: 0, unpacked: 0, names }))
    }

    /// Takes the whole archive in; the names of its files, in order.
    ///
    /// # Errors
    /// The request as a whole is at fault, or its caller's allowance is used up.
    pub(super) async fn run(
        mut self,
        mut body: BodyDataStream,
        intake: &mut Intake,
    ) -> Result<Vec<String>, Problem> {
        while let Some(chunk) = source::next(&mut body).await? {
            self.received += chunk.len() as u64;
            if self.received > self.limits.request {
                return Err(Problem::BodyTooLarge { limit: self.limits.request });
            }
            self.zip.push(&chunk);
            self.events(intake).await?;
        }
        self.zip.complete();
        self.events(intake).await?;
        if self.names.is_empty() {
            Err(Problem::Archive("the archive has no file in it"))
        } else {
            Ok(self.names)
        }
    }

    async fn events(&mut self, intake: &mut Intake) -> Result<(), Problem> {
        while let Some(event) = self.zip.next_event()? {
            match event {
                ZipEvent::File(name, unreadable) => self.begin(name, unreadable, intake).await?,
                ZipEvent::Data(bytes) => {
                    self.unpacked += bytes.len() as u64;
                    let limit = self.limits.request.saturating_mul(GROWTH);
                    if self.unpacked > limit {
                        return Err(Problem::BodyTooLarge { limit });
                    }
                    intake.data(bytes).await;
                }
                ZipEvent::End(Ok(())) => intake.end().await,
                ZipEvent::End(Err(why)) => intake.spoil(why).await,
            }
        }
        Ok(())
    }

    async fn begin(
        &mut self,
        name: String,
        unreadable: Option<&'static str>,
        intake: &mut Intake,
    ) -> Result<(), Problem> {
        let limit = self.limits.files;
        if self.names.len() >= limit {
            return Err(Problem::TooManyParts { limit });
        }
        self.names.push(name);
        match unreadable {
            Some(why) => intake.unread(None, code::CANNOT_UNDERSTAND, why),
            None => intake.begin().await,
        }
        intake.spent().map_or(Ok(()), |retry_after| Err(Problem::QuotaSpent { retry_after }))
    }
}
