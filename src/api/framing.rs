//! Representations from an origin as HTTP answers: one alone, several as multipart, as a ZIP archive, as one JSON array.
//! The first is awaited with its first bytes before the answer begins, so that its failure still has a status; a later
//! one breaks the connection off, for a body must never look whole when it is not.

use super::Service;
use super::joined::Joined;
use crate::dicomweb::boundary;
use crate::dicomweb::links::Links;
use crate::dicomweb::media::essence;
use crate::dicomweb::multipart_out::{Multipart, PartHead};
use crate::dicomweb::range::{self, Wanted};
use crate::dicomweb::zip_out::{self, ZipOut};
use crate::layer::context::Tally;
use crate::origin::part::{ByteStream, begun};
use crate::origin::{Content, Fault, Part, Parts, Place};
use crate::problem::Problem;
use crate::spool::Spool;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};

/// Parts whose first is there.
pub(super) struct Begun {
    first: Part,
    rest: BoxStream<'static, Result<Part, Fault>>,
    partial: bool,
    tally: Tally,
}

impl Begun {
    /// Awaits the first part of what stands at `place`.
    pub(super) async fn of(place: &Place, mut parts: Parts) -> Result<Self, Problem> {
        let first = parts.parts.next().await.ok_or(Problem::NotFound)??;
        let tally = Tally { read: parts.instances, given: Some(place.clone()), ..Tally::default() };
        Ok(Self { first, rest: parts.parts, partial: parts.partial, tally })
    }

    /// Media type of the first part.
    pub(super) fn media(&self) -> &'static str {
        self.first.media
    }

    fn status(&self) -> StatusCode {
        // PS3.18 10.4.3.1.
        if self.partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK }
    }

    fn all(self) -> BoxStream<'static, Result<Part, Fault>> {
        stream::iter([Ok(self.first)]).chain(self.rest).boxed()
    }

    /// As multipart/related with parts of type `root` (PS3.18 8.6.1.2).
    pub(super) async fn multipart(self, root: &'static str, service: &Service) -> Result<Response, Problem> {
        self.related(root, |_| root, service).await
    }

    /// The same, where each part says what it is; the whole is called by its first (RFC 2387 3.1).
    pub(super) async fn mixed(self, service: &Service) -> Result<Response, Problem> {
        let root = essence(self.first.media);
        self.related(root, |part| part.media, service).await
    }

    async fn related(
        mut self,
        root: &'static str,
        media: impl Fn(&Part) -> &'static str + Send + 'static,
        service: &Service,
    ) -> Result<Response, Problem> {
        self.first.content = self.first.content.begun().await?;
        let (status, tally) = (self.status(), self.tally.clone());
        let mut framing = Multipart::new(root, new_boundary()?);
        let (content_type, close) = (framing.content_type(), framing.clone().close());
        let links = service.links.clone();
        let framed = self.all().map_ok(move |part| {
            let head = head(&mut framing, media(&part), &part, &links);
            stream::iter([Ok(head)]).chain(part.content.whole())
        });
        let body = framed.try_flatten().chain(stream::iter([Ok(close)]));
        Ok(told(answer(status, &content_type, body.boxed()), tally))
    }

    /// Its one part alone; ranges of it on request (RFC 9110 14), nothing if the client has it (RFC 9110 13.1.2).
    pub(super) async fn single(self, media: &'static str, asked: &HeaderMap) -> Result<Response, Problem> {
        let (Part { transfer_syntax, tag, content, .. }, tally) = (self.first, self.tally);
        let syntax = transfer_syntax.map(|uid| format!("; transfer-syntax={uid}")).unwrap_or_default();
        let tag = tag.map(|tag| format!("\"{tag}\""));
        if tag.as_deref().is_some_and(|tag| has(asked, tag)) {
            return Ok(tagged(StatusCode::NOT_MODIFIED.into_response(), tag));
        }
        let response = ranged(&format!("{media}{syntax}"), content, asked, tag.as_deref()).await?;
        Ok(told(tagged(response, tag), tally))
    }

    /// As a ZIP archive of files (PS3.18 8.7.3.1 application/zip).
    pub(super) async fn zip(self, service: &Service) -> Result<Response, Problem> {
        let (status, tally) = (self.status(), self.tally.clone());
        let spools = service.spools.clone();
        let next = move |(mut parts, zip): (BoxStream<'static, _>, Option<ZipOut>)| {
            let spool = spools.open();
            async move {
                let Some(mut zip) = zip else { return Ok::<_, Fault>(None) };
                let piece = match parts.try_next().await? {
                    Some(part) => entry(&mut zip, part, spool).await?,
                    None => return Ok(Some((stream::iter([Ok(zip.finish())]).boxed(), (parts, None)))),
                };
                Ok(Some((piece, (parts, Some(zip)))))
            }
        };
        let archive = stream::try_unfold((self.all(), Some(ZipOut::default())), next);
        let body = begun(archive.try_flatten().boxed()).await?;
        Ok(told(answer(status, "application/zip", body), tally))
    }

    /// As one JSON array, one element a part. That some are left out is told by a Warning: common clients take no other
    /// status than 200 with metadata.
    pub(super) fn array(self, service: &Service) -> Response {
        let tally = self.tally.clone();
        let warning = self.partial.then(|| left_out(&service.links)).flatten();
        let mut before = "[";
        let elements = self.all().map_ok(move |part| {
            let open = Bytes::from_static(std::mem::replace(&mut before, ",").as_bytes());
            stream::iter([Ok(open)]).chain(part.content.whole())
        });
        let body = elements.try_flatten().chain(stream::iter([Ok(Bytes::from_static(b"]"))]));
        let mut response = answer(StatusCode::OK, "application/dicom+json", body.boxed());
        response.headers_mut().extend(warning.map(|warning| (header::WARNING, warning)));
        told(response, tally)
    }
}

fn left_out(links: &Links) -> Option<HeaderValue> {
    let text = "Instances that the project's profile does not let out are left out";
    HeaderValue::from_str(&format!("299 {}: {text}", links.root())).ok()
}

fn head(framing: &mut Multipart, media: &'static str, part: &Part, links: &Links) -> Bytes {
    let location = format!("{}/{}", links.root(), part.path);
    framing.part(&PartHead {
        media,
        transfer_syntax: part.transfer_syntax,
        length: part.content.length,
        location: Some(&location),
    })
}

/// Tells the layers what is given, and how many instances of it are read.
fn told(mut response: Response, tally: Tally) -> Response {
    response.extensions_mut().insert(tally);
    response
}

fn answer(status: StatusCode, content_type: &str, body: ByteStream) -> Response {
    let mut response = (status, Body::from_stream(Joined::new(body))).into_response();
    if let Ok(value) = HeaderValue::from_str(content_type) {
        response.headers_mut().insert(header::CONTENT_TYPE, value);
    }
    response
}

async fn ranged(
    content_type: &str,
    content: Content,
    asked: &HeaderMap,
    tag: Option<&str>,
) -> Result<Response, Problem> {
    let text = |name| asked.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    // A range of something else than the client has the rest of would be worse than the whole.
    let same = text(header::IF_RANGE).is_none_or(|known| Some(known) == tag);
    let Some(length) = content.seekable_length() else {
        let length = content.length;
        return Ok(sized(answer(StatusCode::OK, content_type, begun(content.whole()).await?), length));
    };
    let wanted = range::wanted(text(header::RANGE).filter(|_| same), length);
    let mut response = match wanted {
        Wanted::Whole => {
            let body = begun(content.whole()).await?;
            sized(answer(StatusCode::OK, content_type, body), Some(length))
        }
        Wanted::Beyond => return Err(Problem::RangeBeyond { length }),
        Wanted::Part(part) => {
            let said = format!("bytes {}-{}/{length}", part.start, part.end.saturating_sub(1));
            let count = part.end - part.start;
            let body = begun(content.range(part)).await?;
            let mut response = answer(StatusCode::PARTIAL_CONTENT, content_type, body);
            response
                .headers_mut()
                .extend(HeaderValue::from_str(&said).ok().map(|it| (header::CONTENT_RANGE, it)));
            sized(response, Some(count))
        }
    };
    response.headers_mut().insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    Ok(response)
}

fn sized(mut response: Response, length: Option<u64>) -> Response {
    response.headers_mut().extend(length.map(|length| (header::CONTENT_LENGTH, HeaderValue::from(length))));
    response
}

fn tagged(mut response: Response, tag: Option<String>) -> Response {
    let tag = tag.and_then(|tag| HeaderValue::from_str(&tag).ok());
    response.headers_mut().extend(tag.map(|tag| (header::ETAG, tag)));
    response
}

/// True if the client has what has this tag.
fn has(asked: &HeaderMap, tag: &str) -> bool {
    let lines = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
    let mut tags = lines.flat_map(|line| line.split(',')).map(str::trim);
    tags.any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}

/// One file of a ZIP archive, whose checksum stands before it: it is read once for that, and once more to be sent.
async fn entry(zip: &mut ZipOut, part: Part, spool: Spool) -> Result<ByteStream, Fault> {
    let name =
        format!("{}.dcm", part.path.replace("studies/", "").replace("series/", "").replace("instances/", ""));
    let content = part.content.again(spool).await?;
    let (mut crc, mut size) = (flate2::Crc::new(), 0);
    let mut first = content.open();
    while let Some(bytes) = first.try_next().await? {
        crc.update(&bytes);
        size += bytes.len() as u64;
    }
    let head = zip.entry(&name, zip_out::Content::stored(size, crc.sum())).map_err(|_| Fault::Damaged)?;
    Ok(stream::iter([Ok(head)]).chain(content.open()).boxed())
}

pub(super) fn new_boundary() -> Result<String, Problem> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Problem::Internal("the system gives no random bytes"))?;
    Ok(boundary::generate(random))
}
