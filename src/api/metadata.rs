//! Store requests whose instances come as metadata and bulk data (PS3.18 10.5.1.4): the
//! parts are held, joined, and taken in as if they were files.

use super::intake::Intake;
use crate::budget::Share;
use crate::deid::engine::{Engine, SOP_INSTANCE};
use crate::deid::facts::Gather;
use crate::deid::receipt::Names;
use crate::dicomweb::bulk::BulkParts;
use crate::dicomweb::join::{JoinFault, JoinFaultKind};
use crate::dicomweb::media::MediaType;
use crate::dicomweb::metadata::{MetadataFault, MetadataInstance};
use crate::dicomweb::part_headers::PartHeaders;
use crate::dicomweb::parts::PartEvent;
use crate::dicomweb::store_response::code;
use crate::dicomweb::{json_in, xml_in};
use crate::problem::Problem;
use bytes::Bytes;
use dicom_core::Tag;

const SOP_CLASS: Tag = Tag(0x0008, 0x0016);

/// What a part costs besides its bytes.
const PART_COST: u64 = 512;

/// Bulk data that names no type (PS3.18 8.7.3.3).
const OCTETS: &str = "application/octet-stream";

type Read = Result<MetadataInstance, MetadataFault>;

/// The parts of one request, as far as they have come.
pub(super) struct Held {
    metadata: Vec<Read>,
    bulk: BulkParts,
    open: Option<Open>,
    /// Bytes that may still be held, of how many.
    left: u64,
    limit: u64,
    share: Share,
}

struct Open {
    kind: Kind,
    data: Vec<Bytes>,
}

enum Kind {
    Json,
    Xml,
    Bulk {
        location: String,
        media: MediaType,
    },
    /// Nothing can refer to it.
    Unnamed,
}

impl Held {
    /// Holds at most `limit` bytes, in its `share` of the memory of all; `base` is the path of the request.
    pub(super) fn new(limit: u64, share: Share, base: &str) -> Self {
        Self { metadata: Vec::new(), bulk: BulkParts::new(base), open: None, left: limit, limit, share }
    }

    /// Takes the next piece of a part.
    pub(super) async fn take(&mut self, event: PartEvent) -> Result<(), Problem> {
        match event {
            PartEvent::Headers(headers) => {
                self.pay(PART_COST).await?;
                self.open = Some(Open { kind: kind(headers)?, data: Vec::new() });
            }
            PartEvent::Data(bytes) => {
                self.pay(bytes.len() as u64).await?;
                self.open.iter_mut().for_each(|open| open.data.push(bytes.clone()));
            }
            PartEvent::End => self.close()?,
        }
        Ok(())
    }

    async fn pay(&mut self, bytes: u64) -> Result<(), Problem> {
        self.left = self.left.checked_sub(bytes).ok_or(Problem::BodyTooLarge { limit: self.limit })?;
        Ok(self.share.hold(self.limit - self.left).await?)
    }

    fn close(&mut self) -> Result<(), Problem> {
        let Some(Open { kind, data }) = self.open.take() else { return Ok(()) };
        match kind {
            Kind::Json => {
                let read = json_in::parse(&data.concat());
                self.metadata
                    .extend(read.map_err(|_| Problem::Metadata("it is no array of DICOM JSON objects"))?);
            }
            Kind::Xml => self.metadata.push(xml_in::parse(&data.concat())),
            Kind::Bulk { location, media } => self.bulk.add(&location, media, data),
            Kind::Unnamed => {}
        }
        Ok(())
    }

    /// All parts have come: each instance goes its way; one that cannot be put together
    /// fails alone (PS3.18 10.5.1.4).
    pub(super) async fn deliver(self, intake: &mut Intake) -> Result<(), Problem> {
        if self.metadata.is_empty() {
            return Err(Problem::Metadata("there is none"));
        }
        for read in self.metadata {
            match read {
                Err(fault) => {
                    let names =
                        names(intake.engine(), fault.sop_class.as_deref(), fault.sop_instance.as_deref());
                    intake.unread(names, code::CANNOT_UNDERSTAND, fault.to_string());
                }
                Ok(instance) => join(instance, &self.bulk, intake).await,
            }
        }
        Ok(())
    }
}

async fn join(instance: MetadataInstance, bulk: &BulkParts, intake: &mut Intake) {
    let names = names(intake.engine(), Some(instance.sop_class()), Some(instance.sop_instance()));
    match assemble(instance, bulk) {
        Err(fault) => intake.unread(names, reason(fault.kind), fault.to_string()),
        Ok(chunks) => {
            intake.begin().await;
            for chunk in chunks {
                intake.data(chunk).await;
            }
            intake.end().await;
        }
    }
}

/// The Failure Reason that tells most (PS3.18 I.2.2).
fn reason(fault: JoinFaultKind) -> u16 {
    match fault {
        JoinFaultKind::MediaType | JoinFaultKind::TransferSyntax => code::SYNTAX_NOT_SUPPORTED,
        _ => code::CANNOT_UNDERSTAND,
    }
}

fn assemble(instance: MetadataInstance, bulk: &BulkParts) -> Result<Vec<Bytes>, JoinFault> {
    instance.assemble(&|uri| bulk.find(uri))
}

fn kind(headers: PartHeaders) -> Result<Kind, Problem> {
    if !headers.is_plain() {
        return Err(Problem::Metadata("a part is encoded; send it as it is"));
    }
    Ok(match headers.content_type.as_ref().map(MediaType::essence) {
        Some("application/dicom+json" | "application/json") => Kind::Json,
        Some("application/dicom+xml" | "application/xml" | "text/xml") => Kind::Xml,
        _ => match headers.content_location {
            Some(location) => {
                let octets =
                    || MediaType::parse(OCTETS).map_err(|_| Problem::Internal("a media type is misread"));
                Kind::Bulk { location, media: headers.content_type.map_or_else(octets, Ok)? }
            }
            None => Kind::Unnamed,
        },
    })
}

/// The names of the output, for UIDs as sent.
fn names(engine: &Engine, class: Option<&str>, instance: Option<&str>) -> Option<Names> {
    let mut gather = Gather::default();
    gather.see(SOP_CLASS, class?.as_bytes()).ok()?;
    gather.see(SOP_INSTANCE, instance?.as_bytes()).ok()?;
    gather.finish().ok().map(|facts| engine.names(&facts))
}
