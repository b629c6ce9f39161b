//! Metadata of the server's instances (PS3.18 10.4.1.1.2), and what stands behind the references in them (10.4.1.1.5).

use super::{Remote, RemoteOrigin, bytes};
use crate::budget::Share;
use crate::deid::object::elsewhere;
use crate::dicom::uid;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::foreign::{self, PIXELS, Referred};
use crate::dicomweb::json_objects::Objects;
use crate::dicomweb::object_in::{self, Read};
use crate::dicomweb::representation::As;
use crate::dicomweb::retold;
use crate::dicomweb::syntaxes::{self, OCTET_STREAM};
use crate::dicomweb::xml_form::{self, Xml};
use crate::downstream;
use crate::origin::part::{Content, Part, Parts};
use crate::origin::stored::Pulled;
use crate::origin::{ByteStream, DataSets, Fault, Model, Place};
use bytes::Bytes;
use dicom_core::{Tag, VR};
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::sync::Arc;

const JSON: &str = "application/dicom+json";

/// Of bulk data, the form that every server gives.
const OCTETS: &str = "multipart/related; type=\"application/octet-stream\"";

/// Largest data set, in bytes of JSON.
const MOST: usize = 64 << 20;

/// How many times its size as text a data set takes while it is read and decided about: a number of few digits becomes a
/// value of its own.
const SIZE_OF_READ: u64 = 8;

const ENCAPSULATED_DOCUMENT: Tag = Tag(0x0042, 0x0011);
const DOCUMENT_TYPE: Tag = Tag(0x0042, 0x0012);

/// Of an image.
const ROWS: Tag = Tag(0x0028, 0x0010);
const COLUMNS: Tag = Tag(0x0028, 0x0011);
const BITS_ALLOCATED: Tag = Tag(0x0028, 0x0100);
const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);

const AVAILABLE_SYNTAX: Tag = Tag(0x0008, 0x3002);

/// Series and SOP Instance UID.
const SERIES: Tag = Tag(0x0020, 0x000E);
const INSTANCE: Tag = Tag(0x0008, 0x0018);

impl Remote {
    /// The data sets of the instances below a place, each with its path. References in them are the server's.
    pub(in crate::origin) async fn metadata(
        &self,
        place: &Place,
        memory: &Pulled,
    ) -> Result<BoxStream<'static, Result<(String, DataSet), Fault>>, Fault> {
        let text = self.text_of_metadata(place).await?;
        let (remote, place) = (self.clone(), place.clone());
        let sets = objects(text, memory.clone(), foreign::read).and_then(move |data| {
            let uid = |tag| data.text(tag).to_owned();
            let path = path(uid(SERIES), uid(INSTANCE), &place);
            if let Ok(path) = &path {
                remote.learn(path, data.transfer_syntax());
            }
            async move { Ok((path?, data)) }
        });
        Ok(sets.boxed())
    }

    /// The same as trees; pixel data always stand elsewhere. Whoever takes them judges their names, too.
    async fn trees(&self, place: &Place, memory: &Pulled) -> Result<DataSets, Fault> {
        let text = self.text_of_metadata(place).await?;
        let (remote, place) = (self.clone(), place.clone());
        let trees = objects(text, memory.clone(), tree).and_then(move |read| {
            let uid = |tag| read.text(tag);
            if let Ok(path) = path(uid(SERIES), uid(INSTANCE), &place) {
                remote.learn(&path, &uid(AVAILABLE_SYNTAX));
            }
            async move { Ok(read) }
        });
        Ok(trees.boxed())
    }

    async fn text_of_metadata(&self, place: &Place) -> Result<ByteStream, Fault> {
        let reply = self.client.get(&format!("{}/metadata", place.path()), JSON, None).await?;
        // JSON tells its end itself.
        if reply.nothing { Err(Fault::NotFound) } else { Ok(bytes(reply.unframed())) }
    }

    /// What stands behind a reference in the metadata of an instance, of this media type or none in particular. `None` if
    /// it leads elsewhere.
    pub(in crate::origin) async fn referred(
        &self,
        place: &Place,
        uri: &str,
        media: &str,
    ) -> Result<Option<ByteStream>, Fault> {
        let Some(path) = self.client.below(&format!("{}/metadata", place.path()), uri) else {
            return Ok(None);
        };
        let mut parts = self.client.get(&path, OCTETS, None).await?.parts()?;
        let (head, body) = parts.next().await?.ok_or(Fault::NotFound)?;
        // Anything else is no value, whatever its status says: a page for people, or data about a patient.
        if head.media != OCTET_STREAM && head.media != media {
            return Err(downstream::Fault::Nonsense.into());
        }
        // A value is one part: where more come it is cut off.
        let rest = stream::once(async move {
            let more = parts.next().await?.is_some();
            if more { Err(downstream::Fault::Nonsense.into()) } else { Ok(Bytes::new()) }
        });
        Ok(Some(bytes(body).chain(rest).boxed()))
    }
}

/// The objects of a JSON array: as many in memory as come together, and their room in what all requests may hold.
fn objects<T: Send + 'static>(
    bytes: ByteStream,
    memory: Pulled,
    read: fn(&[u8]) -> Option<T>,
) -> BoxStream<'static, Result<T, Fault>> {
    let next = |(mut bytes, objects): (ByteStream, Option<Objects>)| async move {
        let Some(mut objects) = objects else { return Ok(None) };
        let nonsense = |_| Fault::from(downstream::Fault::Nonsense);
        let mut found = Vec::new();
        let objects = match bytes.try_next().await? {
            Some(chunk) => {
                objects.push(&chunk, &mut found).map_err(nonsense)?;
                Some(objects)
            }
            None => {
                objects.finish().map_err(nonsense)?;
                None
            }
        };
        Ok::<_, Fault>(Some((found, (bytes, objects))))
    };
    let found = stream::try_unfold((bytes, Some(Objects::new(MOST))), next);
    // Read beside what comes next, on another core.
    let some = found.try_filter(|found| std::future::ready(!found.is_empty()));
    let sets = some.map_ok(move |found| all_read(found, memory.share(), read)).try_buffered(2);
    let one_by_one = |(sets, share): (Vec<T>, Arc<Share>)| {
        // The room is given back when the last of them was taken.
        stream::iter(sets.into_iter().zip(std::iter::repeat(share)).map(|(set, _)| Ok(set)))
    };
    sets.map_ok(one_by_one).try_flatten().boxed()
}

/// Data sets as text, read, and the room that they have.
async fn all_read<T: Send + 'static>(
    objects: Vec<Bytes>,
    mut share: Share,
    read: fn(&[u8]) -> Option<T>,
) -> Result<(Vec<T>, Arc<Share>), Fault> {
    let nonsense = || Fault::from(downstream::Fault::Nonsense);
    let bytes: usize = objects.iter().map(Bytes::len).sum();
    share.hold(bytes as u64 * SIZE_OF_READ).await?;
    let read = move || objects.iter().map(|object| read(object).ok_or_else(nonsense)).collect();
    let sets: Result<Vec<T>, Fault> = tokio::task::spawn_blocking(read).await.map_err(|_| Fault::Damaged)?;
    Ok((sets?, Arc::new(share)))
}

/// A data set as a tree. Of an image pixel data can be had whether they are told or not, and never stand in it.
fn tree(text: &[u8]) -> Option<Read> {
    let mut read = object_in::parse(text)?;
    let is_image = [ROWS, COLUMNS].iter().all(|tag| !read.text(*tag).is_empty());
    // Also where their value cannot be read: of real numbers some give the first as a number.
    let named = PIXELS.into_iter().find(|tag| read.object.get(*tag).is_some() || read.unread.contains(tag));
    if let Some(tag) = named.or(is_image.then_some(PIXEL_DATA)) {
        let wide = read.number(BITS_ALLOCATED).is_some_and(|bits| bits > 8);
        let said = read.object.get(tag).map(|element| element.header().vr);
        read.object.put(elsewhere(tag, said.unwrap_or(vr_of_pixels(tag, wide))));
    }
    Some(read)
}

/// The VR of pixel data of a form, where nobody says it (PS3.6); `wide` ones have more than 8 bits.
fn vr_of_pixels(tag: Tag, wide: bool) -> VR {
    match tag.element() {
        0x0008 => VR::OF,
        0x0009 => VR::OD,
        _ if wide => VR::OW,
        _ => VR::OB,
    }
}

impl RemoteOrigin {
    pub(super) async fn metadata(&self, place: &Place, form: Model, root: &str) -> Result<Parts, Fault> {
        let (sets, root) = (self.remote.metadata(place, &self.pulled).await?, root.to_owned());
        let written = move |(path, data): (String, DataSet)| written(data, &path, form, &root);
        Ok(Parts { partial: false, instances: 0, parts: sets.map_ok(written).boxed() })
    }

    pub(super) async fn data_sets(&self, place: &Place) -> Result<DataSets, Fault> {
        self.remote.trees(place, &self.pulled).await
    }

    pub(super) async fn bulk(&self, place: &Place, at: &BulkPath, given: As) -> Result<Parts, Fault> {
        // Of pixels every server gives something else under its own references.
        let pixels = at.is_top_level() && at.tag.group() == 0x7FE0;
        if pixels {
            return self.pull(place).await?.bulk(&place.path(), at, given).await;
        }
        let (_, data) =
            self.remote.metadata(place, &self.pulled).await?.try_next().await?.ok_or(Fault::NotFound)?;
        let document = at.is_top_level() && at.tag == ENCAPSULATED_DOCUMENT;
        let media = if document { syntaxes::of_document(data.text(DOCUMENT_TYPE)) } else { OCTET_STREAM };
        let content = match data.referred(at).ok_or(Fault::NotFound)? {
            Referred::Inline(value) => Content::bytes(value.into()),
            Referred::Uri(uri) => match self.remote.referred(place, &uri, media).await {
                Ok(Some(bytes)) => self.pulled.value(bytes).await?,
                // What is referred to elsewhere, or not given, stands in the instance, too.
                Ok(None) | Err(Fault::NotFound | Fault::Downstream(_)) => {
                    return self.pull(place).await?.bulk(&place.path(), at, given).await;
                }
                Err(fault) => return Err(fault),
            },
        };
        let path = format!("{}/bulk/{at}", place.path());
        Ok(Parts::one(Part { media, transfer_syntax: None, path, tag: None, content }))
    }
}

/// A data set as metadata of the instance that is the resource `path`; its references stand under `root`.
pub(in crate::origin) fn written(mut data: DataSet, path: &str, form: Model, root: &str) -> Part {
    data.relink(&format!("{root}/{path}"));
    let text = match form {
        Model::Json => data.to_json(),
        Model::Xml => xml_form::document(&retold::write(&data, &Xml)),
    };
    let (path, content) = (format!("{path}/metadata"), Content::bytes(text.into()));
    Part { media: form.media(), transfer_syntax: None, path, tag: None, content }
}

/// The path of the instance of these UIDs, which a data set below the place that was asked for describes.
fn path(series: String, instance: String, asked: &Place) -> Result<String, Fault> {
    if asked.instance.is_some() {
        return Ok(asked.path());
    }
    let own = |uid: String| Some(uid).filter(|uid| uid::is_legal(uid));
    match (asked.series.clone().or_else(|| own(series)), own(instance)) {
        (Some(series), Some(instance)) => {
            Ok(Place { study: asked.study.clone(), series: Some(series), instance: Some(instance) }.path())
        }
        _ => Err(downstream::Fault::Nonsense.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use dicom_core::header::Header;

    #[test]
    fn pixels_stand_elsewhere_in_the_form_that_the_server_tells_of() {
        let image = r#""00280010":{"vr":"US","Value":[2]},"00280011":{"vr":"US","Value":[2]}"#;
        let pixels = |more: &str| {
            let read = tree(format!("{{{image}{more}}}").as_bytes()).unwrap();
            let pixels = read.object.iter().filter(|element| element.tag().group() == 0x7FE0);
            pixels.map(|element| (element.tag().element(), element.header().vr)).collect::<Vec<_>>()
        };
        assert_eq!(pixels(""), [(0x0010, VR::OB)], "some servers do not tell of compressed ones");
        // Orthanc gives the first of the numbers.
        assert_eq!(pixels(r#","7FE00008":{"vr":"OF","Value":[0.92]}"#), [(0x0008, VR::OF)]);
        assert_eq!(pixels(r#","7FE00009":{"vr":"OD","Value":[0.92]}"#), [(0x0009, VR::OD)]);
        assert_eq!(pixels(r#","7FE00008":{"vr":"OF","BulkDataURI":"x"}"#), [(0x0008, VR::OF)]);
        assert_eq!(pixels(r#","7FE00010":{"vr":"OW","Value":[1]}"#), [(0x0010, VR::OB)]);
    }
}
