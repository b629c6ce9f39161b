//! Metadata on their way out: each data set through the engine, references put under the gateway's own URL, names and
//! verdicts noted before anything of it is given.

use super::names::Pair;
use super::verdicts::{Frame, Judged, Verdict};
use super::{Fault, Model, Parts, Place, Veil};
use crate::db::crosswalk::Kind;
use crate::deid::engine::{SERIES, SOP_INSTANCE, Subject};
use crate::deid::facts::is_deciding;
use crate::deid::object::{self, elsewhere, encode};
use crate::deid::receipt::Phi;
use crate::deid::refusal::Refusal;
use crate::dicom::image::Image;
use crate::dicom::value::ascii;
use crate::dicomweb::json_form::Json;
use crate::dicomweb::xml_form::{self, Xml};
use crate::dicomweb::{object_in, object_out};
use crate::origin::part::{ByteStream, Content, Part};
use crate::origin::resource;
use dicom_core::header::Header;
use dicom_core::value::Value;
use dicom_core::{Tag, VR};
use dicom_object::InMemDicomObject;
use futures_util::stream::{self, BoxStream, StreamExt, TryStreamExt};
use std::time::Instant;

/// Data sets that are decided about in one go, if they are there,
const TOGETHER: usize = 16;

/// and such lots at the same time.
const AHEAD: usize = 2;

/// Metadata up to this size are held, in bytes, so that the answer can say in its head whether instances are left out.
const HELD: usize = 32 << 20;

const ROWS: Tag = Tag(0x0028, 0x0010);
const PIXEL_DATA: Tag = Tag(0x7FE0, 0x0010);
/// UIDs by which other instances are named: of frames of reference, studies, series and instances.
const REFERRED: [Tag; 5] =
    [Tag(0x0008, 0x1155), Tag(0x0020, 0x000D), Tag(0x0020, 0x000E), Tag(0x0020, 0x0052), Tag(0x3006, 0x0024)];
/// Pixel data in their three forms.
pub(super) const PIXELS: [Tag; 3] = [PIXEL_DATA, Tag(0x7FE0, 0x0008), Tag(0x7FE0, 0x0009)];

/// The data set of one instance.
pub(super) struct Described {
    /// As the origin gave it.
    pub source: InMemDicomObject,
    /// As it may be shown.
    pub object: InMemDicomObject,
    /// What was decided by.
    pub subject: Subject,
}

/// What becomes of one instance.
pub(super) type Read = Result<Box<Described>, Refusal>;

impl Veil {
    /// Metadata of the instances below a place.
    pub(super) async fn metadata(&self, place: &Place, form: Model, root: &str) -> Result<Parts, Fault> {
        let original = self.original(place).await?;
        let mut read = self.read(&original).await?;
        let (mut held, mut bytes, mut judged) = (Vec::new(), 0, Judged::default());
        while bytes < HELD {
            match read.next().await.transpose()? {
                None => {
                    self.0.verdicts.learn_place(&original, judged);
                    break;
                }
                Some(Err(refusal)) => judged.refuse(refusal),
                Some(Ok(described)) => {
                    judged.passed += 1;
                    let part = part(&described, form, root);
                    bytes += part.content.length.and_then(|length| usize::try_from(length).ok()).unwrap_or(0);
                    held.push(Ok(part));
                }
            }
        }
        if held.is_empty() {
            return Err(judged.why.map_or(Fault::NotFound, Fault::Refused));
        }
        // What is too much to be held may leave some out that nobody has looked at yet.
        let partial = judged.refused > 0 || bytes >= HELD;
        let root = root.to_owned();
        let rest = read.try_filter_map(move |read| {
            let part = read.ok().map(|described| part(&described, form, &root));
            async move { Ok(part) }
        });
        Ok(Parts { partial, instances: 0, parts: stream::iter(held).chain(rest).boxed() })
    }

    /// The data sets of the instances below an original place; what they name is in the crosswalk, what was decided
    /// about them is noted.
    pub(super) async fn read(
        &self,
        original: &Place,
    ) -> Result<BoxStream<'static, Result<Read, Fault>>, Fault> {
        let sets = self.0.behind.data_sets(original).await?;
        let (veil, original) = (self.clone(), original.clone());
        // Those that are there go together, and two lots at a time: so they are decided about on all cores.
        let lots = sets.try_ready_chunks(TOGETHER).map_err(|broken| broken.1);
        let read = lots.map_ok(move |lot| veil.clone().decided(lot, original.clone())).try_buffered(AHEAD);
        Ok(read.map_ok(|lot| stream::iter(lot.into_iter().map(Ok))).try_flatten().boxed())
    }

    /// Data sets of what the origin has below a place, decided about; their names are entered.
    async fn decided(self, lot: Vec<object_in::Read>, below: Place) -> Result<Vec<Read>, Fault> {
        let veil = self.clone();
        let decide = move || {
            let mut pairs = Vec::new();
            let read: Vec<Read> = lot.into_iter().map(|data| veil.described(data, &below)).collect();
            for described in read.iter().flatten() {
                pairs.extend(veil.pairs(&described.subject));
                veil.referred(&described.source, &mut pairs);
            }
            (read, pairs)
        };
        let (read, pairs) = tokio::task::spawn_blocking(decide).await.map_err(|_| Fault::Damaged)?;
        self.0.crosswalk.enter(pairs).await?;
        Ok(read)
    }

    /// Pairs for the UIDs that results about an instance refer to, so that they can be led back, too.
    fn referred(&self, set: &InMemDicomObject, pairs: &mut Vec<Pair>) {
        for element in set.iter() {
            match element.value() {
                Value::Sequence(items) => items.items().iter().for_each(|item| self.referred(item, pairs)),
                Value::Primitive(value) if REFERRED.contains(&element.tag()) => {
                    let bytes = encode(element.tag(), value).unwrap_or_default();
                    let original = ascii(&bytes).unwrap_or_default();
                    let name = self.0.engine.uid(original);
                    if name != original {
                        pairs.push((Kind::Uid, name, Phi::new(original.to_owned())));
                    }
                }
                _ => {}
            }
        }
    }

    /// One data set of what the origin has below a place, decided about.
    fn described(&self, mut read: object_in::Read, below: &Place) -> Read {
        let place = place_of(&read, below);
        // Some origins do not tell of compressed pixels; a picture without any is none.
        let told = PIXELS.iter().any(|tag| read.object.get(*tag).is_some());
        let untold = !told && read.object.get(ROWS).is_some();
        if untold {
            read.object.put(elsewhere(PIXEL_DATA, VR::OW));
        }
        let decided = match read.unread.iter().find(|tag| is_deciding(**tag)) {
            Some(tag) => Err(Refusal::Unwritable(*tag)),
            None => object::pseudonymize(&self.0.engine, &read.object),
        };
        // What has no series cannot be asked for.
        let decided = decided.and_then(|seen| match &place.series {
            Some(series) if series.is_empty() => Err(Refusal::NoIdentity(SERIES)),
            _ => Ok(seen),
        });
        let verdict = match &decided {
            Err(refusal) => Verdict::refused(*refusal),
            Ok((object, subject)) => Verdict::passed(
                PIXELS.iter().any(|tag| object.get(*tag).is_some()),
                subject.facts.overlay_bits != 0,
                frame(&read.object),
            ),
        };
        self.0.verdicts.learn(&place, verdict);
        decided.map(|(mut object, subject)| {
            self.0.patients.learn_of(&subject.facts);
            if untold {
                object.remove_element(PIXEL_DATA);
            }
            Box::new(Described { source: read.object, object, subject })
        })
    }
}

impl Verdict {
    fn refused(refusal: Refusal) -> Self {
        Self { refusal: Some(refusal), ..Self::passed(false, false, None) }
    }

    fn passed(has_pixels: bool, covered: bool, frame: Option<Frame>) -> Self {
        Self { refusal: None, has_pixels, covered, frame, since: Instant::now() }
    }
}

/// The place of the instance that a data set describes, as it will be asked for.
fn place_of(read: &object_in::Read, below: &Place) -> Place {
    let own = |tag| Some(read.text(tag));
    Place {
        study: below.study.clone(),
        series: below.series.clone().or_else(|| own(SERIES)),
        instance: below.instance.clone().or_else(|| own(SOP_INSTANCE)),
    }
}

/// What a native frame is; nothing if that is not told, or frames do not begin with a byte of their own.
fn frame(set: &InMemDicomObject) -> Option<Frame> {
    let mut image = Image { samples: 1, ..Image::default() };
    for element in set.iter() {
        if let Value::Primitive(value) = element.value() {
            image.see(element.tag(), &encode(element.tag(), value).ok()?);
        }
    }
    let bits = Some(image.frame_bits()).filter(|bits| *bits > 0 && bits.is_multiple_of(8))?;
    let full = image.pixels() * u64::from(image.samples) * u64::from(image.bits_allocated);
    Some(Frame { bytes: bits / 8, subsampled: bits < full })
}

fn part(described: &Described, form: Model, root: &str) -> Part {
    let names = &described.subject.names;
    let path = resource(&names.study, &names.series, &names.instance);
    let url = format!("{root}/{path}");
    let text = match form {
        Model::Json => object_out::write(&described.object, Some(&url), &Json),
        Model::Xml => xml_form::document(&object_out::write(&described.object, Some(&url), &Xml)),
    };
    let content = Content::bytes(text.into());
    Part { media: form.media(), transfer_syntax: None, path: format!("{path}/metadata"), tag: None, content }
}

/// All bytes of a stream, if they are not too many.
pub(super) async fn whole(mut stream: ByteStream, most: usize) -> Result<Vec<u8>, Fault> {
    let mut held = Vec::new();
    while let Some(bytes) = stream.try_next().await? {
        if held.len() + bytes.len() > most {
            return Err(Fault::Undecodable("the value is too large to be looked at"));
        }
        held.extend_from_slice(&bytes);
    }
    Ok(held)
}
