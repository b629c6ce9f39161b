//! Uploads to a bucket that a killed gateway never ended: their parts cost, and no listing of objects shows them.

use super::bucket::Open;
use super::{Fault, Trouble};
use crate::archive::name;
use crate::dicomweb::xml_source::{Source, Token, XmlFault};
use chrono::DateTime;
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use std::time::SystemTime;

/// One page of the uploads under way.
#[derive(Default)]
struct Page {
    uploads: Vec<Upload>,
    /// Where the next page begins, if there is one.
    next: Option<(String, String)>,
}

#[derive(Default)]
struct Upload {
    key: String,
    id: String,
    begun: Option<SystemTime>,
}

impl Open {
    /// Ends uploads of ours that were begun `before`. Returns how many.
    pub(super) async fn sweep_uploads(&self, before: SystemTime) -> Result<usize, Fault> {
        let (mut swept, mut marker) = (0, (String::new(), String::new()));
        loop {
            let Some(page) = self.page(&marker).await? else {
                tracing::warn!(
                    "the archive's server does not list uploads: let a rule of the bucket end old ones"
                );
                return Ok(swept);
            };
            let old = |upload: &&Upload| upload.begun.is_some_and(|begun| begun < before);
            for upload in page.uploads.iter().filter(old) {
                swept += usize::from(self.end(upload).await?);
            }
            // A server that leads in a circle must not hold us.
            marker = match page.next {
                Some(next) if next != marker => next,
                _ => return Ok(swept),
            };
        }
    }

    /// `None` where the server has no such listing, or none for us. Asked without the prefix: MinIO takes one for the
    /// name of an object.
    async fn page(&self, (key, id): &(String, String)) -> Result<Option<Page>, Fault> {
        let mut query = vec![("uploads", "")];
        if !key.is_empty() {
            query.extend([("key-marker", key.as_str()), ("upload-id-marker", id.as_str())]);
        }
        let (status, body) = self.get(&query).await?;
        match status {
            200 => {}
            401 | 403 | 405 | 501 => return Ok(None),
            _ => return Err(Trouble::Failed.into()),
        }
        let text = std::str::from_utf8(&body).map_err(|_| Trouble::Failed)?;
        Ok(Some(page(text).map_err(|_| Trouble::Failed)?))
    }

    /// Ends an upload, if it is one of ours. False if it is not, or has ended meanwhile.
    async fn end(&self, upload: &Upload) -> Result<bool, Fault> {
        if !upload.key.strip_prefix(&self.prefix).is_some_and(name::is_ours) {
            return Ok(false);
        }
        match self.store.abort_multipart(&Path::from(upload.key.as_str()), &upload.id).await {
            Ok(()) => Ok(true),
            Err(object_store::Error::NotFound { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Reads a ListMultipartUploadsResult.
fn page(text: &str) -> Result<Page, XmlFault> {
    let mut source = Source::new(text);
    let (mut page, mut more, mut next) = (Page::default(), false, (String::new(), String::new()));
    source.child()?.ok_or(XmlFault::NotXml)?;
    while let Some((name, _)) = source.child()? {
        match name.as_str() {
            "Upload" => page.uploads.push(upload(&mut source)?),
            "IsTruncated" => more = source.text()? == "true",
            "NextKeyMarker" => next.0 = source.text()?,
            "NextUploadIdMarker" => next.1 = source.text()?,
            _ => skip(&mut source)?,
        }
    }
    page.next = Some(next).filter(|(key, _)| more && !key.is_empty());
    Ok(page)
}

fn upload(source: &mut Source<'_>) -> Result<Upload, XmlFault> {
    let mut upload = Upload::default();
    while let Some((name, _)) = source.child()? {
        match name.as_str() {
            "Key" => upload.key = source.text()?,
            "UploadId" => upload.id = source.text()?,
            "Initiated" => {
                upload.begun = DateTime::parse_from_rfc3339(&source.text()?).ok().map(SystemTime::from)
            }
            _ => skip(source)?,
        }
    }
    Ok(upload)
}

/// To the closing of the element just opened.
fn skip(source: &mut Source<'_>) -> Result<(), XmlFault> {
    let mut open = 1;
    while open > 0 {
        match source.next()? {
            Token::Open(..) => open += 1,
            Token::Close => open -= 1,
            Token::Text(_) => {}
            Token::End => return Err(XmlFault::NotXml),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const ANSWER: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<ListMultipartUploadsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Bucket>b</Bucket><KeyMarker/><NextKeyMarker>p/k2</NextKeyMarker><NextUploadIdMarker>i&amp;2</NextUploadIdMarker>
  <IsTruncated>true</IsTruncated>
  <Upload><Key>p/k1</Key><UploadId>i1</UploadId><Initiator><ID>x</ID><DisplayName>y</DisplayName></Initiator>
    <Owner><ID>x</ID></Owner><StorageClass>STANDARD</StorageClass><Initiated>1970-01-02T00:00:00.000Z</Initiated></Upload>
  <Upload><Key>p/k2</Key><UploadId>i2</UploadId><Initiated>once</Initiated></Upload>
</ListMultipartUploadsResult>"#;

    #[test]
    fn a_page_of_uploads_is_read_with_what_it_says_of_others_left_out() {
        let page = page(ANSWER).unwrap();
        let day = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(86_400);
        let read: Vec<_> =
            page.uploads.iter().map(|it| (it.key.as_str(), it.id.as_str(), it.begun)).collect();
        assert_eq!(read, [("p/k1", "i1", Some(day)), ("p/k2", "i2", None)], "an unreadable time is no age");
        assert_eq!(page.next, Some(("p/k2".to_owned(), "i&2".to_owned())));
    }

    #[test]
    fn the_last_page_names_no_next_one_and_a_web_page_is_none() {
        let last = page(&ANSWER.replace("true", "false")).unwrap();
        assert_eq!(last.next, None);
        assert!(page("<html><body>").is_err() && page("").is_err());
    }
}
