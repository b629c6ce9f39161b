//! Frames of the server's instances (PS3.18 10.4.1.1.6): passed on as they come; where the server fails at its own syntax,
//! or they must be decoded, cut out of the instance here.

use super::{Remote, bytes};
use crate::dicom::TransferSyntax;
use crate::dicom::syntax::{EXPLICIT_BE, EXPLICIT_LE};
use crate::dicomweb::representation::As;
use crate::dicomweb::syntaxes::{self, OCTET_STREAM};
use crate::downstream::{self, ReplyParts};
use crate::origin::part::{Content, Part, Parts};
use crate::origin::stored::Stored;
use crate::origin::{ByteStream, Fault, Place};
use futures_util::stream::{self, StreamExt};
use std::sync::Arc;

const ACCEPT: &str = "multipart/related; type=\"application/octet-stream\"; transfer-syntax=*";

/// Frames of one instance, the first of which is there.
struct Frames {
    /// Its transfer syntax, if it is said.
    syntax: Option<String>,
    /// Its media type is one of pixels.
    are_pixels: bool,
    first: ByteStream,
    rest: ReplyParts,
}

impl Remote {
    /// Frames by their numbers, from 1, of the instance at `place`, which the client knows as the resource `path`. Where
    /// the server cannot help, `pull` gives the instance, whole and in the encoding that we keep.
    pub(in crate::origin) async fn frames<F>(
        &self,
        place: &Place,
        path: &str,
        numbers: &[u32],
        given: As,
        pull: impl FnOnce() -> F + Send,
    ) -> Result<Parts, Fault>
    where
        F: Future<Output = Result<Arc<Stored>, Fault>> + Send,
    {
        let known = match given {
            As::Stored => None,
            As::Native => Some(self.syntax(place).await?),
        };
        if known.as_deref().is_none_or(is_little_endian) {
            match self.asked(place, numbers).await {
                Ok(frames) => {
                    let syntax = match &frames.syntax {
                        Some(syntax) => syntax.clone(),
                        None => self.syntax(place).await?,
                    };
                    self.learn(&place.path(), &syntax);
                    let passes = frames.are_pixels
                        && TransferSyntax::of(&syntax).is_some_and(|syntax| syntax.uid != EXPLICIT_BE)
                        && (given == As::Stored || is_little_endian(&syntax));
                    if passes {
                        return Ok(passed(frames, &syntax, numbers, path.to_owned()));
                    }
                }
                // It does not know frames, or not those of this syntax; or the number is wrong.
                Err(Fault::Downstream(
                    downstream::Fault::Failing | downstream::Fault::Unsupported | downstream::Fault::Nonsense,
                )) => {}
                Err(fault) => return Err(fault),
            }
        }
        pull().await?.frames(path, numbers, given).await
    }

    /// What the server has of them.
    async fn asked(&self, place: &Place, numbers: &[u32]) -> Result<Frames, Fault> {
        let list: Vec<String> = numbers.iter().map(u32::to_string).collect();
        let path = format!("{}/frames/{}", place.path(), list.join(","));
        let mut rest = self.client.get(&path, ACCEPT, None).await?.parts()?;
        let (head, first) = rest.next().await?.ok_or(Fault::NotFound)?;
        let are_pixels = are_pixels(&head.media);
        Ok(Frames { syntax: head.transfer_syntax, are_pixels, first: bytes(first), rest })
    }
}

/// True for the media types that frames have (PS3.18 8.7.3.3): what else comes with success is a page for people, or
/// something with a patient's name in it.
fn are_pixels(media: &str) -> bool {
    media == OCTET_STREAM || syntaxes::compressed(media).is_some()
}

/// Pixels of this syntax are the same as in Explicit VR Little Endian.
fn is_little_endian(syntax: &str) -> bool {
    TransferSyntax::of(syntax).is_some_and(|syntax| !syntax.encapsulated && syntax.uid != EXPLICIT_BE)
}

/// Frames as the server gives them: as many as were asked for.
fn passed(frames: Frames, syntax: &str, numbers: &[u32], path: String) -> Parts {
    let uid =
        TransferSyntax::of(syntax).filter(|syntax| syntax.encapsulated).map_or(EXPLICIT_LE, |it| it.uid);
    let part = move |number: u32, body: ByteStream| Part {
        media: syntaxes::media_of(uid),
        transfer_syntax: Some(uid),
        path: format!("{path}/frames/{number}"),
        tag: None,
        content: Content::stream(None, body),
    };
    let numbers: Vec<u32> = numbers.into();
    let mut numbers = numbers.into_iter();
    let first = part(numbers.next().unwrap_or(1), frames.first);
    let next = move |(mut rest, mut numbers): (ReplyParts, std::vec::IntoIter<u32>)| {
        let part = part.clone();
        async move {
            match (rest.next().await?, numbers.next()) {
                (Some((head, body)), Some(number)) if are_pixels(&head.media) => {
                    Ok(Some((part(number, bytes(body)), (rest, numbers))))
                }
                (None, None) => Ok(None),
                _ => Err(downstream::Fault::Nonsense.into()),
            }
        }
    };
    let rest = stream::try_unfold((frames.rest, numbers), next);
    Parts::of_one(stream::iter([Ok(first)]).chain(rest).boxed())
}
