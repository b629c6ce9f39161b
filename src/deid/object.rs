//! Carries the engine's decisions out over a dicom-object data set, for DICOM JSON and
//! XML. Same engine, same answers as `carry`, which does it over encoded bytes.

use super::blocks::Blocks;
use super::claims::{self, Claims};
use super::engine::{Decision, Engine, Place, Subject};
use super::facts::Gather;
use super::refusal::Refusal;
use super::stamp::{self, Prior};
use crate::dicom::comments::CodeStreams;
use crate::dicom::dictionary;
use crate::dicom::fault::FaultKind;
use dicom_core::header::Header as _;
use dicom_core::value::{DataSetSequence, InMemFragment, PixelFragmentSequence, Value};
use dicom_core::{DataElement, PrimitiveValue, Tag, VR};
use dicom_encoding::encode::Encode;
use dicom_encoding::encode::explicit_le::ExplicitVRLittleEndianEncoder;
use dicom_object::mem::{InMemDicomObject, InMemElement};
use dicom_transfer_syntax_registry::entries::EXPLICIT_VR_LITTLE_ENDIAN;
use std::borrow::Cow;

const CHARACTER_SET: Tag = Tag(0x0008, 0x0005);

/// Pseudonymizes a data set whose texts are decoded; the result holds (0008,0005) as it
/// was, so the caller decides in which character set it is written.
///
/// # Errors
/// The same refusals as the rewriter for the same instance.
pub fn pseudonymize(
    engine: &Engine,
    source: &InMemDicomObject,
) -> Result<(InMemDicomObject, Subject), Refusal> {
    let (gather, prior) = survey(source)?;
    let pixels = source.get(Tag(0x7FE0, 0x0010)).or_else(|| source.get(Tag(0x7FE0, 0x0008)));
    let pixels = pixels.or_else(|| source.get(Tag(0x7FE0, 0x0009)));
    let native = !pixels.is_some_and(|element| is_encapsulated(element.value()));
    let subject = engine.admit(gather.finish()?, pixels.is_some(), native)?;
    let mut driver = Driver { engine, subject: &subject, path: Vec::new() };
    let mut result = driver.level(source)?;
    for (_, bytes) in stamp::stamps(engine.plan(), &prior) {
        for element in decode(&bytes)? {
            result.put(element);
        }
    }
    Ok((result, subject))
}

/// Pseudonymizes a result of a search for a subject of [`Engine::result`].
///
/// # Errors
/// A value cannot be written.
pub fn result(
    engine: &Engine,
    subject: &Subject,
    source: &InMemDicomObject,
) -> Result<InMemDicomObject, Refusal> {
    Driver { engine, subject, path: Vec::new() }.level(source)
}

/// A value that stands elsewhere: what is decided about it is decided without seeing it, and is to keep it or not.
pub fn elsewhere(tag: Tag, vr: VR) -> InMemElement {
    DataElement::new(tag, vr, PixelFragmentSequence::new_fragments(Vec::<Vec<u8>>::new()))
}

/// True for a value that stands elsewhere.
pub fn is_elsewhere(element: &InMemElement) -> bool {
    matches!(element.value(), Value::PixelSequence(pixels) if pixels.fragments().is_empty())
}

/// Encapsulated pixels without what is said beside the picture.
fn bare(element: &InMemElement) -> Result<InMemElement, Refusal> {
    let Value::PixelSequence(pixels) = element.value() else { return Ok(element.clone()) };
    let mut streams = CodeStreams::of_any();
    let fragments = pixels.fragments().iter().map(|fragment| streams.fragment(fragment.clone().into()));
    let fragments = fragments.map(|bytes| bytes.map(Vec::from)).collect::<Result<Vec<_>, _>>()?;
    let pixels = PixelFragmentSequence::new(pixels.offset_table().to_vec(), fragments);
    Ok(DataElement::new(element.tag(), element.vr(), pixels))
}

fn is_encapsulated(value: &Value<InMemDicomObject, InMemFragment>) -> bool {
    matches!(value, Value::PixelSequence(pixels) if !pixels.fragments().is_empty())
}

/// The first walk, as the rewriter's: top level only.
fn survey(source: &InMemDicomObject) -> Result<(Gather, Prior), Refusal> {
    let mut gather = Gather::default();
    let mut prior = Prior::default();
    // Texts are decoded here, so UTF-8 is their character set now, whatever it was, or was not said to be.
    gather.see(CHARACTER_SET, b"ISO_IR 192")?;
    for element in source.iter() {
        match element.value() {
            Value::Primitive(_) if element.tag() == CHARACTER_SET => {}
            Value::Primitive(value) => {
                let bytes = encode(element.tag(), value)?;
                gather.see_vr(element.tag(), element.header().vr)?;
                gather.see(element.tag(), &bytes)?;
                prior.see(element.tag(), &bytes);
            }
            Value::Sequence(items) if element.tag() == stamp::METHOD_CODES => {
                let codes = items.items().iter().filter_map(|item| item.get(Tag(0x0008, 0x0100)));
                for value in codes.filter_map(|code| code.value().primitive()) {
                    prior.see_code(&encode(element.tag(), value)?);
                }
            }
            Value::Sequence(items) if element.tag() == claims::CHARACTERISTICS => {
                read_claims(items, &mut gather.claims)?;
            }
            Value::Sequence(_) => gather.see_sequence(element.tag())?,
            Value::PixelSequence(_) => gather.see_unread(element.tag())?,
        }
    }
    Ok((gather, prior))
}

/// The sender's claims, as [`Claims::read`] reads them from bytes.
fn read_claims(blocks: &DataSetSequence<InMemDicomObject>, claims: &mut Claims) -> Result<(), Refusal> {
    let see = |claims: &mut Claims, item: &InMemDicomObject| -> Result<(), Refusal> {
        for element in item.iter() {
            if let Value::Primitive(value) = element.value() {
                claims.see(element.tag(), &encode(element.tag(), value)?);
            }
        }
        Ok(())
    };
    for block in blocks.items() {
        claims.begin_block();
        see(claims, block)?;
        let parts = block.get(claims::ACTIONS).and_then(|element| element.items()).unwrap_or_default();
        for part in parts {
            claims.begin_part();
            see(claims, part)?;
        }
    }
    Ok(())
}

struct Driver<'a> {
    engine: &'a Engine,
    subject: &'a Subject,
    path: Vec<Tag>,
}

impl Driver<'_> {
    /// One data set level: the root or an item.
    fn level(&mut self, source: &InMemDicomObject) -> Result<InMemDicomObject, Refusal> {
        let mut blocks = Blocks::default();
        let mut result = InMemDicomObject::new_empty();
        for element in source.iter() {
            let tag = element.tag();
            if self.path.is_empty() && stamp::is_stamp(tag) {
                continue;
            }
            if let (true, Value::Primitive(value)) = (dictionary::is_private_creator(tag), element.value()) {
                blocks.note(tag, &encode(tag, value)?, 0);
                continue;
            }
            let creator = blocks.creator(tag).map(str::to_owned);
            let Some(new) = self.element(element, creator.as_deref())? else { continue };
            if dictionary::is_private(tag)
                && let Some((_, creator)) = blocks.claim(tag)
            {
                decode(&creator)?.into_iter().for_each(|element| {
                    result.put(element);
                });
            }
            result.put(new);
        }
        Ok(result)
    }

    fn element(
        &mut self,
        element: &InMemElement,
        creator: Option<&str>,
    ) -> Result<Option<InMemElement>, Refusal> {
        let (tag, vr) = (element.tag(), element.vr());
        match element.value() {
            Value::Sequence(items) => self.sequence(tag, items, creator),
            Value::Primitive(value) => {
                let bytes = encode(tag, value)?;
                let place = Place { path: &self.path, creator };
                Ok(match self.engine.element(self.subject, place, tag, vr, &bytes)? {
                    Decision::Keep => Some(element.clone()),
                    Decision::Empty => Some(DataElement::empty(tag, vr)),
                    Decision::Value(bytes, _) => Some(valued(tag, vr, bytes)),
                    Decision::Remove | Decision::Item(_) => None,
                })
            }
            Value::PixelSequence(_) => {
                let place = Place { path: &self.path, creator };
                Ok(match self.engine.element(self.subject, place, tag, vr, &[])? {
                    Decision::Keep => Some(bare(element)?),
                    // What stands in place of a value does not stand elsewhere.
                    Decision::Value(bytes, _) if is_elsewhere(element) => Some(valued(tag, vr, bytes)),
                    Decision::Empty if is_elsewhere(element) => Some(DataElement::empty(tag, vr)),
                    _ => None,
                })
            }
        }
    }

    fn sequence(
        &mut self,
        tag: Tag,
        items: &DataSetSequence<InMemDicomObject>,
        creator: Option<&str>,
    ) -> Result<Option<InMemElement>, Refusal> {
        let place = Place { path: &self.path, creator };
        let new = match self.engine.sequence(self.subject, place, tag) {
            Decision::Keep => {
                self.path.push(tag);
                let items: Result<Vec<_>, _> = items.items().iter().map(|item| self.level(item)).collect();
                self.path.pop();
                items?
            }
            Decision::Empty => Vec::new(),
            Decision::Item(elements) => vec![InMemDicomObject::from_element_iter(decode(&elements)?)],
            Decision::Remove | Decision::Value(..) => return Ok(None),
        };
        Ok(Some(DataElement::new(tag, VR::SQ, DataSetSequence::from(new))))
    }
}

/// A value as the engine sees it: Explicit VR Little Endian, UTF-8. What is encoded already is lent.
///
/// # Errors
/// It cannot be encoded.
pub fn encode(tag: Tag, value: &PrimitiveValue) -> Result<Cow<'_, [u8]>, Refusal> {
    Ok(match value {
        PrimitiveValue::Empty => Cow::Borrowed(&[]),
        PrimitiveValue::U8(bytes) => Cow::Borrowed(bytes),
        PrimitiveValue::Str(text) => Cow::Borrowed(text.as_bytes()),
        PrimitiveValue::Strs(_) => Cow::Owned(value.to_raw_str().into_owned().into_bytes()),
        _ => {
            let mut bytes = Vec::new();
            let encoder = ExplicitVRLittleEndianEncoder::default();
            encoder.encode_primitive(&mut bytes, value).map_err(|_| Refusal::Unwritable(tag))?;
            Cow::Owned(bytes)
        }
    })
}

/// An element of an encoded value. It is not taken apart: whoever writes it does that.
fn valued(tag: Tag, vr: VR, bytes: Vec<u8>) -> InMemElement {
    match bytes.is_empty() {
        true => DataElement::empty(tag, vr),
        false => DataElement::new(tag, vr, PrimitiveValue::U8(bytes.into())),
    }
}

/// Elements from their encoded form. Only bytes made by the gateway come here.
fn decode(bytes: &[u8]) -> Result<Vec<InMemElement>, Refusal> {
    let broken = || Refusal::Fault(FaultKind::BadLength.into());
    let syntax = EXPLICIT_VR_LITTLE_ENDIAN.erased();
    let object = InMemDicomObject::read_dataset_with_ts(bytes, &syntax).map_err(|_| broken())?;
    Ok(object.into_iter().collect())
}
