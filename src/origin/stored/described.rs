//! What an instance says of itself: its metadata (PS3.18 10.4.1.1.2), the values of its attributes as bulk data
//! (10.4.1.1.5), the document it holds.

use super::Stored;
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::json_form::Json;
use crate::dicomweb::representation::As;
use crate::dicomweb::xml_form::{self, Xml};
use crate::dicomweb::{model, syntaxes};
use crate::origin::part::{Content, Part, Parts};
use crate::origin::{Fault, Model};
use bytes::Bytes;
use dicom_core::Tag;
use std::sync::Arc;

const ENCAPSULATED_DOCUMENT: Tag = Tag(0x0042, 0x0011);
const DOCUMENT_TYPE: Tag = Tag(0x0042, 0x0012);

impl Stored {
    /// The data set without its bulk data, of the instance that is the resource `path`; BulkDataURIs stand under `root`.
    pub(in crate::origin) async fn metadata(
        &self,
        path: &str,
        form: Model,
        root: &str,
    ) -> Result<Part, Fault> {
        let tail = self.tail().await?;
        let url = format!("{root}/{path}");
        let text = match form {
            Model::Json => model::write(&self.layout, &tail, &url, &Json),
            Model::Xml => {
                let attributes = model::write(&self.layout, &tail, &url, &Xml);
                attributes.map(|text| xml_form::document(&text))
            }
        };
        let content = Content::bytes(text.map_err(|_| Fault::Damaged)?.into());
        let path = format!("{path}/metadata");
        Ok(Part { media: form.media(), transfer_syntax: None, path, tag: None, content })
    }

    /// The value at `place` of the instance that is the resource `path`.
    pub(in crate::origin) async fn bulk(
        self: &Arc<Self>,
        path: &str,
        place: &BulkPath,
        given: As,
    ) -> Result<Parts, Fault> {
        let path = format!("{path}/bulk/{place}");
        let bulk = self.layout.bulk.filter(|bulk| place.is_top_level() && bulk.header.tag == place.tag);
        if bulk.is_some() {
            return self.bulk_pixels(path, given).await;
        }
        let content = Content::bytes(self.value(place).await?.ok_or(Fault::NotFound)?);
        let media = self.media(place)?;
        Ok(Parts::one(Part { media, transfer_syntax: None, path, tag: None, content }))
    }

    async fn value(&self, place: &BulkPath) -> Result<Option<Bytes>, Fault> {
        let damaged = |_| Fault::Damaged;
        let encoding = self.layout.encoding;
        if let Some((_, value)) = place.find(&self.layout.head, encoding).map_err(damaged)? {
            return Ok(Some(value));
        }
        let tail = self.tail().await?;
        Ok(place.find(&tail, encoding).map_err(damaged)?.map(|(_, value)| value))
    }

    /// The first value of an attribute of the head as text; empty if it is absent or none.
    pub(super) fn text(&self, tag: Tag) -> Result<String, Fault> {
        let found = BulkPath::top(tag).find(&self.layout.head, self.layout.encoding);
        let value = found.map_err(|_| Fault::Damaged)?.map(|(_, value)| value).unwrap_or_default();
        Ok(crate::dicom::value::ascii(&value).unwrap_or_default().to_owned())
    }

    /// The media type of a value: that of an encapsulated document is said beside it (PS3.3 C.24.2).
    fn media(&self, place: &BulkPath) -> Result<&'static str, Fault> {
        if !place.is_top_level() || place.tag != ENCAPSULATED_DOCUMENT {
            return Ok(syntaxes::OCTET_STREAM);
        }
        Ok(syntaxes::of_document(&self.text(DOCUMENT_TYPE)?))
    }

    /// The document that the instance holds, as the resource `path`.
    pub(super) async fn document(&self, path: String) -> Result<Option<Part>, Fault> {
        let place = BulkPath::top(ENCAPSULATED_DOCUMENT);
        let Some(value) = self.value(&place).await? else { return Ok(None) };
        let (media, content) = (self.media(&place)?, Content::bytes(value));
        Ok(Some(Part { media, transfer_syntax: None, path, tag: None, content }))
    }
}
