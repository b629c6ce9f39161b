//! Instances, metadata and bulk data out of the archive, one after the other as fast as they are taken.

use super::ArchiveOrigin;
use super::known::Known;
use super::native;
use crate::db::held::{Held, Place};
use crate::dicom::TransferSyntax;
use crate::dicomweb::accept::SyntaxWish;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::json_form::Json;
use crate::dicomweb::representation::{self, As, Lossy};
use crate::dicomweb::xml_form::{self, Xml};
use crate::dicomweb::{model, syntaxes};
use crate::origin::part::{Content, Part, Parts};
use crate::origin::{Fault, Model};
use crate::raster::decode::decodes;
use bytes::Bytes;
use dicom_core::Tag;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Instances that are asked of the catalog at a time.
const PAGE: u32 = 500;

/// Heads that are read at the same time.
const AHEAD: usize = 4;

pub(super) const ENCAPSULATED_DOCUMENT: Tag = Tag(0x0042, 0x0011);
const DOCUMENT_TYPE: Tag = Tag(0x0042, 0x0012);

const DICOM: &str = "application/dicom";

impl ArchiveOrigin {
    /// The instances below a place, page by page.
    pub(super) fn held(&self, place: &Place) -> BoxStream<'static, Result<Held, Fault>> {
        let (db, project, place) = (self.db.clone(), Arc::clone(&self.project), place.clone());
        let next = move |after: Option<Option<Held>>| {
            let (db, project, place) = (db.clone(), Arc::clone(&project), place.clone());
            async move {
                let Some(after) = after else { return Ok::<_, Fault>(None) };
                let page = db.held(&project, &place, after.as_ref(), PAGE).await?;
                let more = page.last().filter(|_| page.len() == PAGE as usize).cloned();
                Ok(Some((stream::iter(page.into_iter().map(Ok)), more.map(Some))))
            }
        };
        stream::try_unfold(Some(None), next).try_flatten().boxed()
    }

    /// The one instance that a place names.
    pub(super) async fn one(&self, place: &Place) -> Result<Held, Fault> {
        self.db.held(&self.project, place, None, 1).await?.pop().ok_or(Fault::NotFound)
    }

    /// What is known of it.
    pub(super) async fn known(&self, held: &Held) -> Result<Arc<Known>, Fault> {
        self.memory.of(&self.archive, held).await
    }

    pub(super) async fn instances(&self, place: &Place, wishes: &[SyntaxWish]) -> Result<Parts, Fault> {
        let syntaxes = self.syntaxes(place).await?;
        let choose = |stored: &str| representation::choose(stored, wishes, Lossy::Stays, decodes);
        let given = syntaxes.iter().filter_map(|stored| Some((stored.clone(), choose(stored)?)));
        let given: BTreeMap<String, As> = given.collect();
        if given.is_empty() {
            return Err(Fault::Undecodable(
                "no instance can be given in a transfer syntax that the request takes",
            ));
        }
        let partial = given.len() < syntaxes.len();
        let (origin, study) = (self.clone(), place.study.clone());
        let parts = self.held(place).try_filter_map(move |held| {
            let (origin, study) = (origin.clone(), study.clone());
            let given = given.get(&held.transfer_syntax).copied();
            async move {
                Ok(match given {
                    None => None,
                    Some(As::Stored) => Some(origin.stored(&study, &held)),
                    Some(As::Native) => Some(native::instance(&origin, &study, &held).await?),
                })
            }
        });
        Ok(Parts { partial, parts: parts.boxed() })
    }

    /// The instance byte by byte as it lies in the store.
    fn stored(&self, study: &str, held: &Held) -> Part {
        let (archive, object) = (self.archive.clone(), held.object.clone());
        Part {
            media: DICOM,
            transfer_syntax: TransferSyntax::of(&held.transfer_syntax).map(|syntax| syntax.uid),
            path: path(study, held),
            tag: Some(held.sha256.clone()),
            content: Content::seekable(held.size, move |range| {
                archive.stream(&object, range).map_err(Fault::from).boxed()
            }),
        }
    }

    /// The transfer syntaxes below a place, each once; at least one.
    pub(super) async fn syntaxes(&self, place: &Place) -> Result<Vec<String>, Fault> {
        let syntaxes = self.db.held_syntaxes(&self.project, place).await?;
        if syntaxes.is_empty() { Err(Fault::NotFound) } else { Ok(syntaxes) }
    }

    pub(super) async fn metadata(&self, place: &Place, form: Model, root: &str) -> Result<Parts, Fault> {
        self.syntaxes(place).await?;
        let (origin, study, root) = (self.clone(), place.study.clone(), root.to_owned());
        let one = move |held: Held| {
            let (origin, path, root) = (origin.clone(), path(&study, &held), root.clone());
            async move { origin.described(&held, path, form, &root).await }
        };
        let parts = self.held(place).map_ok(one).try_buffered(AHEAD);
        Ok(Parts { partial: false, parts: parts.boxed() })
    }

    async fn described(&self, held: &Held, path: String, form: Model, root: &str) -> Result<Part, Fault> {
        let known = self.known(held).await?;
        let tail = known.tail(&self.archive).await?;
        let url = format!("{root}/{path}");
        let (media, text) = match form {
            Model::Json => ("application/dicom+json", model::write(&known.layout, &tail, &url, &Json)),
            Model::Xml => {
                let attributes = model::write(&known.layout, &tail, &url, &Xml);
                ("application/dicom+xml", attributes.map(|text| xml_form::document(&text)))
            }
        };
        let text = text.map_err(|_| Fault::Damaged)?;
        let (path, content) = (format!("{path}/metadata"), Content::bytes(text.into()));
        Ok(Part { media, transfer_syntax: None, path, tag: Some(held.sha256.clone()), content })
    }

    pub(super) async fn bulk(&self, place: &Place, path: &BulkPath, given: As) -> Result<Parts, Fault> {
        let held = self.one(place).await?;
        let known = self.known(&held).await?;
        let bulk = known.layout.bulk.filter(|bulk| path.is_top_level() && bulk.header.tag == path.tag);
        let resource = format!("{}/bulk/{path}", self::path(&place.study, &held));
        if bulk.is_some() {
            return super::pixels::bulk(self, known, resource, given).await;
        }
        let value = self.value(&known, path).await?.ok_or(Fault::NotFound)?;
        let media = self.media(&known, path)?;
        let tag = Some(format!("{}-{path}", held.sha256));
        let content = Content::bytes(value);
        Ok(Parts::one(Part { media, transfer_syntax: None, path: resource, tag, content }))
    }

    pub(super) async fn value(&self, known: &Known, path: &BulkPath) -> Result<Option<Bytes>, Fault> {
        let damaged = |_| Fault::Damaged;
        let encoding = known.layout.encoding;
        if let Some((_, value)) = path.find(&known.layout.head, encoding).map_err(damaged)? {
            return Ok(Some(value));
        }
        let tail = known.tail(&self.archive).await?;
        Ok(path.find(&tail, encoding).map_err(damaged)?.map(|(_, value)| value))
    }

    /// The media type of a value: that of an encapsulated document is said beside it (PS3.3 C.24.2).
    pub(super) fn media(&self, known: &Known, path: &BulkPath) -> Result<&'static str, Fault> {
        const DOCUMENTS: [&str; 5] = ["application/pdf", "text/xml", "model/stl", "model/obj", "model/mtl"];
        if !path.is_top_level() || path.tag != ENCAPSULATED_DOCUMENT {
            return Ok(syntaxes::OCTET_STREAM);
        }
        let said = BulkPath::top(DOCUMENT_TYPE).find(&known.layout.head, known.layout.encoding);
        let said = said.map_err(|_| Fault::Damaged)?.map(|(_, value)| value).unwrap_or_default();
        let said = crate::dicom::value::ascii(&said).unwrap_or_default().to_ascii_lowercase();
        Ok(DOCUMENTS.into_iter().find(|media| *media == said).unwrap_or(syntaxes::OCTET_STREAM))
    }
}

/// The path of an instance below the DICOMweb root.
pub(super) fn path(study: &str, held: &Held) -> String {
    format!("studies/{study}/series/{}/instances/{}", held.series, held.instance)
}
