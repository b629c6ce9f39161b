//! Frames and bulk data. Pixels pass as the origin gives them once the verdict about their instance is known; other values
//! go through the engine in their place in the data set, so that a value by reference is what it would be inline.

use super::comments;
use super::metadata::{Described, PIXELS, whole};
use super::verdicts::Frame;
use super::{Fault, Parts, Place, Veil};
use crate::deid::object::{self, encode, is_elsewhere};
use crate::dicom::TransferSyntax;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::representation::As;
use crate::dicomweb::{object_in, syntaxes};

use crate::origin::part::{ByteStream, Content, Part};
use crate::origin::resource;
use bytes::Bytes;
use dicom_core::Tag;
use dicom_core::header::Header;
use dicom_core::value::Value;
use dicom_object::InMemDicomObject;
use dicom_object::mem::InMemElement;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

/// Largest value that is looked at, in bytes.
const LARGEST: usize = 256 << 20;

const DOCUMENT: Tag = Tag(0x0042, 0x0011);
const DOCUMENT_TYPE: Tag = Tag(0x0042, 0x0012);

impl Veil {
    /// Frames by their numbers, from 1.
    pub(super) async fn frames(&self, place: &Place, numbers: &[u32], given: As) -> Result<Parts, Fault> {
        let original = self.original(place).await?;
        let verdict = self.passed(&original).await?;
        if !verdict.has_pixels {
            return Err(Fault::NotFound);
        }
        let path = path(place);
        let asked = verdict.frame.filter(|it| !(verdict.covered || it.subsampled && given == As::Native));
        if let Some(Frame { bytes, .. }) = asked {
            match self.0.behind.frames(&original, numbers, given).await {
                // What the origin cannot give so, lies in the instance.
                Err(Fault::Undecodable(_)) => {}
                behind => return Ok(renamed(behind?, &path, numbers, bytes)),
            }
        }
        self.rewritten(&original).await?.frames(&path, numbers, given).await
    }

    /// The value of an attribute.
    pub(super) async fn bulk(&self, place: &Place, attribute: &BulkPath, given: As) -> Result<Parts, Fault> {
        let original = self.original(place).await?;
        let path = format!("{}/bulk/{attribute}", path(place));
        if attribute.is_top_level() && PIXELS.contains(&attribute.tag) {
            if !self.passed(&original).await?.has_pixels {
                return Err(Fault::NotFound);
            }
            return self.rewritten(&original).await?.bulk(&self::path(place), attribute, given).await;
        }
        let (object, value) = self.value(&original, attribute).await?;
        let value = if PIXELS.contains(&attribute.tag) { comments::bare(value)? } else { value };
        let media = media(&object, attribute);
        Ok(Parts::one(Part { media, transfer_syntax: None, path, tag: None, content: Content::bytes(value) }))
    }

    /// The value at a place, and the data set that it stands in, both as they may be shown.
    async fn value(
        &self,
        original: &Place,
        attribute: &BulkPath,
    ) -> Result<(InMemDicomObject, Bytes), Fault> {
        let mut read = self.read(original).await?;
        let described = *read.next().await.ok_or(Fault::NotFound)??.map_err(Fault::Refused)?;
        let Described { mut source, mut object, .. } = described;
        let shown = attribute.locate(&object).ok_or(Fault::NotFound)?;
        if is_elsewhere(shown) {
            let parts = match self.0.behind.bulk(original, attribute, As::Stored).await {
                // What the origin does not give alone, lies in the instance, and is decided about there.
                Err(Fault::Undecodable(_)) => {
                    let stored = self.rewritten(original).await?;
                    let parts = stored.bulk("", attribute, As::Stored).await?.parts;
                    return Ok((object, joined(parts).await?.into()));
                }
                parts => parts?.parts,
            };
            let contents = parts.map_ok(|part| part.content.whole()).try_flatten();
            let bytes = whole(contents.boxed(), LARGEST).await?;
            let encoded =
                |element: &InMemElement| object_in::encoded(attribute.tag, element.vr(), even(bytes));
            attribute.replace(&mut source, encoded);
            object = object::pseudonymize(&self.0.engine, &source)?.0;
        }
        let value = attribute.locate(&object).and_then(bytes_of).ok_or(Fault::NotFound)?;
        Ok((object, value))
    }
}

fn bytes_of(element: &InMemElement) -> Option<Bytes> {
    let Value::Primitive(value) = element.value() else { return None };
    encode(element.tag(), value).ok().map(|bytes| Bytes::copy_from_slice(&bytes))
}

fn even(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes
}

/// The media type of a value: that of an encapsulated document is said beside it (PS3.3 C.24.2).
fn media(object: &InMemDicomObject, attribute: &BulkPath) -> &'static str {
    if !attribute.is_top_level() || attribute.tag != DOCUMENT {
        return syntaxes::OCTET_STREAM;
    }
    let said = object.get(DOCUMENT_TYPE).and_then(bytes_of).unwrap_or_default();
    syntaxes::of_document(crate::dicom::value::ascii(&said).unwrap_or_default())
}

/// The path of the instance that a place names.
pub(super) fn path(place: &Place) -> String {
    let uid = |uid: &Option<String>| uid.clone().unwrap_or_default();
    resource(&place.study, &uid(&place.series), &uid(&place.instance))
}

/// Frames as resources of ours: nothing of the origin's names or tags stays, and native ones have `bytes` bytes each.
fn renamed(behind: Parts, path: &str, numbers: &[u32], bytes: u64) -> Parts {
    let paths: Vec<String> = numbers.iter().map(|number| format!("{path}/frames/{number}")).collect();
    let parts = behind.parts.zip(stream::iter(paths)).map(move |(part, path)| {
        let part = part?;
        let native = !part.transfer_syntax.and_then(TransferSyntax::of).is_some_and(|it| it.encapsulated);
        let content = if native {
            Content::stream(Some(bytes), exactly(part.content.whole(), bytes))
        } else {
            part.content
        };
        Ok(comments::without(Part { path, tag: None, content, ..part }))
    });
    Parts { partial: behind.partial, instances: behind.instances, parts: parts.boxed() }
}

/// A native frame: so many bytes, and no text behind them. A byte that makes them even is left out.
fn exactly(whole: ByteStream, bytes: u64) -> ByteStream {
    let next = move |(mut whole, left): (ByteStream, u64)| async move {
        let nonsense = || Fault::from(crate::downstream::Fault::Nonsense);
        let Some(mut chunk) = whole.try_next().await? else {
            return if left == 0 { Ok(None) } else { Err(nonsense()) };
        };
        let more = chunk.split_off(chunk.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
        if !more.is_empty() && (bytes.is_multiple_of(2) || *more != [0]) {
            return Err(nonsense());
        }
        let left = left - chunk.len() as u64;
        Ok::<_, Fault>(Some((chunk, (whole, left))))
    };
    stream::try_unfold((whole, bytes), next).boxed()
}

/// The bytes of all parts.
async fn joined(parts: BoxStream<'static, Result<Part, Fault>>) -> Result<Vec<u8>, Fault> {
    whole(parts.map_ok(|part| part.content.whole()).try_flatten().boxed(), LARGEST).await
}
