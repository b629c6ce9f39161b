//! The parts of a multipart answer, one after the other as fast as they are taken. What a part means is known above.

use super::asked;
use super::fault::Fault;
use super::read::BodyStream;
use crate::dicomweb::media::MediaType;
use crate::dicomweb::part_headers::PartHeaders;
use crate::dicomweb::parts::{PartEvent, Parts, PartsError};
use bytes::Bytes;
use futures_util::stream::{self, StreamExt};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Mutex;

/// What stands before the bytes of a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartHead {
    /// Its media type, or else what the answer says of all its parts; in lower case, without parameters.
    pub media: String,
    /// Its transfer syntax, if it or the answer names one.
    pub transfer_syntax: Option<String>,
    /// Content-Location, as the server writes it.
    pub location: Option<String>,
}

/// The parts of one answer.
pub struct ReplyParts(Arc<Mutex<Reading>>);

struct Reading {
    body: BodyStream,
    /// What the answer says of all its parts.
    outer: Outer,
    form: Form,
    events: VecDeque<PartEvent>,
    /// Number of the open part, from 1.
    number: usize,
    open: bool,
    ended: bool,
    /// Nothing came at all.
    empty: bool,
}

enum Form {
    /// The body is one part.
    Single,
    /// It is taken apart; `None` once its end was read.
    Related(Option<Box<Parts>>),
}

struct Outer {
    media: Option<String>,
    transfer_syntax: Option<String>,
}

impl ReplyParts {
    /// Of multipart/related.
    pub(super) fn related(media: MediaType, body: BodyStream) -> Result<Self, Fault> {
        let parts = Parts::new(media.boundary().unwrap_or_default()).map_err(|_| Fault::Nonsense)?;
        // Some write the parameters of the parts' type within its quotes, others behind it.
        let root = media.root_type();
        let named = root.as_ref().and_then(MediaType::transfer_syntax).or(media.transfer_syntax());
        let outer = Outer {
            media: root.as_ref().map(|root| root.essence().to_owned()),
            transfer_syntax: syntax(named),
        };
        Ok(Self::new(body, outer, Form::Related(Some(Box::new(parts)))))
    }

    /// Of a body that is one part.
    pub(super) fn single(media: MediaType, body: BodyStream) -> Self {
        let outer = Outer {
            media: Some(media.essence().to_owned()),
            transfer_syntax: syntax(media.transfer_syntax()),
        };
        Self::new(body, outer, Form::Single)
    }

    fn new(body: BodyStream, outer: Outer, form: Form) -> Self {
        let reading = Reading {
            body,
            outer,
            form,
            events: VecDeque::new(),
            number: 0,
            open: false,
            ended: false,
            empty: true,
        };
        Self(Arc::new(Mutex::new(reading)))
    }

    /// The next part, and its bytes; what was not taken of the one before is passed over.
    ///
    /// # Errors
    /// The body breaks off, or is no multipart body; the bytes of a part end in an error then, too.
    pub async fn next(&mut self) -> Result<Option<(PartHead, BodyStream)>, Fault> {
        let mut reading = self.0.lock().await;
        while reading.open {
            reading.chunk().await?;
        }
        let Some(head) = reading.head().await? else { return Ok(None) };
        let number = reading.number;
        drop(reading);
        let next = move |shared: Arc<Mutex<Reading>>| async move {
            let mut reading = shared.lock().await;
            if reading.number != number {
                return Err(Fault::CutOff);
            }
            let chunk = reading.chunk().await?;
            drop(reading);
            Ok(chunk.map(|bytes| (bytes, shared)))
        };
        Ok(Some((head, stream::try_unfold(Arc::clone(&self.0), next).boxed())))
    }
}

impl Reading {
    /// The head of the next part; `None` at the end of the body.
    async fn head(&mut self) -> Result<Option<PartHead>, Fault> {
        if matches!(self.form, Form::Single) {
            let first = self.number == 0;
            (self.number, self.open) = (1, first);
            return Ok(first.then(|| self.told(PartHeaders::default())));
        }
        match self.event().await? {
            None => Ok(None),
            Some(PartEvent::Headers(headers)) if headers.is_plain() => {
                self.number += 1;
                self.open = true;
                Ok(Some(self.told(headers)))
            }
            Some(_) => Err(Fault::Nonsense),
        }
    }

    fn told(&self, headers: PartHeaders) -> PartHead {
        let own = headers.content_type.as_ref();
        let media = own.map(|media| media.essence().to_owned()).or_else(|| self.outer.media.clone());
        let named = own.and_then(|media| syntax(media.transfer_syntax()));
        PartHead {
            media: media.unwrap_or_default(),
            transfer_syntax: named.or_else(|| self.outer.transfer_syntax.clone()),
            location: headers.content_location,
        }
    }

    /// The next bytes of the open part; `None` at its end.
    async fn chunk(&mut self) -> Result<Option<Bytes>, Fault> {
        if !self.open {
            return Ok(None);
        }
        let next = match &self.form {
            Form::Single => self.body.next().await.transpose()?,
            Form::Related(_) => match self.event().await? {
                Some(PartEvent::Data(bytes)) => Some(bytes),
                Some(PartEvent::End) => None,
                Some(PartEvent::Headers(_)) | None => return Err(Fault::Nonsense),
            },
        };
        self.open = next.is_some();
        Ok(next)
    }

    async fn event(&mut self) -> Result<Option<PartEvent>, Fault> {
        let mut read = Vec::new();
        while self.events.is_empty() && !self.ended {
            let chunk = self.body.next().await.transpose()?;
            let Form::Related(parts) = &mut self.form else { return Err(Fault::Nonsense) };
            match (chunk, parts) {
                (Some(chunk), Some(parts)) => {
                    self.empty = false;
                    parts.push(chunk, &mut read).map_err(|error| asked::broken(fault(error)))?;
                }
                (_, parts) => {
                    self.ended = true;
                    if self.empty {
                        return Err(Fault::NotFound);
                    }
                    if let Some(parts) = parts.take() {
                        parts.finish(&mut read).map_err(|error| asked::broken(fault(error)))?;
                    }
                }
            }
            self.events.extend(read.drain(..));
        }
        Ok(self.events.pop_front())
    }
}

/// A transfer syntax that is named; `*` names none.
fn syntax(text: Option<&str>) -> Option<String> {
    text.map(str::trim).filter(|text| crate::dicom::uid::is_legal(text)).map(str::to_owned)
}

fn fault(error: PartsError) -> Fault {
    match error {
        PartsError::Truncated => Fault::CutOff,
        PartsError::BadBoundary | PartsError::NoPart | PartsError::Header { .. } => Fault::Nonsense,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;
    use futures_util::TryStreamExt;

    const TYPE: &str =
        "multipart/related; type=\"application/dicom; transfer-syntax=1.2.840.10008.1.2.1\"; boundary=XX";
    const BODY: &[u8] =
        b"--XX\r\nContent-Type: application/dicom; transfer-syntax=1.2.840.10008.1.2.4.50\r\n\r\nabc\
        \r\n--XX\r\nContent-Location: http://h/1\r\n\r\ndef\r\n--XX--";

    fn body(bytes: &[u8], step: usize) -> BodyStream {
        let chunks: Vec<_> = bytes.chunks(step).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
        stream::iter(chunks).boxed()
    }

    fn parts(media: &str, bytes: &[u8], step: usize) -> Result<ReplyParts, Fault> {
        ReplyParts::related(MediaType::parse(media).unwrap(), body(bytes, step))
    }

    async fn all(mut parts: ReplyParts) -> Result<Vec<(PartHead, Vec<u8>)>, Fault> {
        let mut all = Vec::new();
        while let Some((head, bytes)) = parts.next().await? {
            all.push((head, bytes.try_collect::<Vec<_>>().await?.concat()));
        }
        Ok(all)
    }

    #[tokio::test]
    async fn parts_come_with_their_bytes_and_what_is_said_of_all_of_them() {
        for step in [1, 5, 1000] {
            let all = all(parts(TYPE, BODY, step).unwrap()).await.unwrap();
            let heads: Vec<_> = all.iter().map(|(head, _)| head.clone()).collect();
            assert_eq!(heads[0].transfer_syntax.as_deref(), Some("1.2.840.10008.1.2.4.50"));
            assert_eq!(heads[1].transfer_syntax.as_deref(), Some("1.2.840.10008.1.2.1"));
            assert_eq!(
                (heads[1].media.as_str(), heads[1].location.as_deref()),
                ("application/dicom", Some("http://h/1"))
            );
            assert_eq!([&all[0].1, &all[1].1], [b"abc", b"def"]);
        }
    }

    #[tokio::test]
    async fn a_part_that_was_not_taken_is_passed_over_and_gives_nothing_any_more() {
        let mut parts = parts(TYPE, BODY, 4).unwrap();
        let (_, first) = parts.next().await.unwrap().unwrap();
        let (_, second) = parts.next().await.unwrap().unwrap();
        assert_eq!(first.try_collect::<Vec<_>>().await, Err(Fault::CutOff));
        assert_eq!(second.try_collect::<Vec<_>>().await.unwrap().concat(), b"def");
        assert!(parts.next().await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_body_that_is_cut_anywhere_ends_in_an_error() {
        for cut in 1..BODY.len() {
            let found = all(parts(TYPE, &BODY[..cut], 7).unwrap()).await;
            assert!(matches!(found, Err(Fault::CutOff | Fault::Nonsense)), "{cut}");
        }
        assert_eq!(all(parts(TYPE, b"", 7).unwrap()).await.err(), Some(Fault::NotFound));
        assert_eq!(parts("multipart/related", BODY, 7).err(), Some(Fault::Nonsense));
    }

    #[tokio::test]
    async fn another_body_is_one_part() {
        let media = MediaType::parse("application/dicom; transfer-syntax=1.2.840.10008.1.2").unwrap();
        let all = all(ReplyParts::single(media, body(b"abcdef", 4))).await.unwrap();
        assert_eq!((all.len(), all[0].1.as_slice()), (1, &b"abcdef"[..]));
        assert_eq!(all[0].0.transfer_syntax.as_deref(), Some("1.2.840.10008.1.2"));
    }
}
