//! Compressed instances as Explicit VR Little Endian: the head written anew, frame after frame decoded behind it. Never
//! more than two frames in memory; decoding keeps off the threads that serve, and only so many at a time.

use super::Stored;
use crate::dicom::fault::Fault as Damage;
use crate::dicom::image::Image;
use crate::dicom::meta;
use crate::dicom::syntax::EXPLICIT_LE;
use crate::dicom::token::Token;
use crate::dicom::walker::Walker;
use crate::dicom::writer::Writer;
use crate::origin::Fault;
use crate::origin::part::{ByteStream, Content, Part};
use crate::raster::{Raster, decode};
use bytes::Bytes;
use dicom_core::{Tag, VR};
use futures_util::stream::{self, StreamExt};
use std::sync::Arc;

/// Nesting of a stored data set is bounded when it is written.
const DEPTH: usize = 64;

const SOP_CLASS: Tag = Tag(0x0008, 0x0016);
const SOP_INSTANCE: Tag = Tag(0x0008, 0x0018);
const PHOTOMETRIC: Tag = Tag(0x0028, 0x0004);
const PLANAR: Tag = Tag(0x0028, 0x0006);

/// Tables that speak of fragments (PS3.3 C.7.6.3.1.8).
const TABLES: [Tag; 3] = [Tag(0x7FE0, 0x0001), Tag(0x7FE0, 0x0002), Tag(0x7FE0, 0x0003)];

impl Stored {
    /// Frame `index` (from 0), decoded.
    pub(super) async fn decoded(self: &Arc<Self>, index: u32) -> Result<Raster, Fault> {
        let place = self.decoders.place().await?;
        let spans = self.frame_spans(index).await?;
        let (stream, stored) = (self.code_stream(spans).await?, Arc::clone(self));
        place.run(move || decode::decode(&stored.image, stored.layout.transfer_syntax.uid, &stream)).await
    }

    /// The whole instance, decoded, as the resource `path`. Its first frame is decoded before this returns.
    pub(in crate::origin) async fn native(self: &Arc<Self>, path: String) -> Result<Part, Fault> {
        let tail = self.tail().await?;
        let first = self.decoded(0).await?;
        let length = length(&self.image)?;
        let mut head = meta::write(&self.text(SOP_CLASS)?, &self.text(SOP_INSTANCE)?, EXPLICIT_LE);
        head.extend(self.rewritten(&first.photometric, length).map_err(|_| Fault::Damaged)?);
        let total = head.len() as u64 + u64::from(length) + tail.len() as u64;
        let stream = stream::iter([Ok(Bytes::from(head))])
            .chain(self.all_decoded(first))
            .chain(stream::iter((!tail.is_empty()).then_some(Ok(tail))));
        Ok(Part {
            media: "application/dicom",
            transfer_syntax: Some(EXPLICIT_LE),
            path,
            tag: None,
            content: Content::stream(Some(total), stream.boxed()),
        })
    }

    /// The value of the pixel data, decoded, and its length.
    pub(super) async fn native_pixels(self: &Arc<Self>) -> Result<(u64, ByteStream), Fault> {
        let first = self.decoded(0).await?;
        Ok((length(&self.image)?.into(), self.all_decoded(first)))
    }

    /// All frames, the first of which is there, and a byte that makes their length even.
    fn all_decoded(self: &Arc<Self>, first: Raster) -> ByteStream {
        let (stored, frames) = (Arc::clone(self), self.image.frames);
        let total = first.data.len() as u64 * u64::from(frames);
        let photometric = first.photometric.clone();
        let rest = stream::iter(1..frames).then(move |index| {
            let (stored, photometric) = (Arc::clone(&stored), photometric.clone());
            async move {
                let next = stored.decoded(index).await?;
                // The head has said already what the samples are.
                if next.photometric == photometric { Ok(Bytes::from(next.data)) } else { Err(Fault::Damaged) }
            }
        });
        let padding = (total % 2 == 1).then(|| Ok(Bytes::from_static(&[0])));
        stream::iter([Ok(Bytes::from(first.data))]).chain(rest).chain(stream::iter(padding)).boxed()
    }

    /// The head with what it says about pixels as they are now, up to the value of the pixel data.
    fn rewritten(&self, photometric: &str, length: u32) -> Result<Vec<u8>, Damage> {
        let (layout, image) = (&self.layout, &self.image);
        let mut writer = Writer::with_capacity(layout.head.len() + 64);
        let mut walker = Walker::new(&layout.head, layout.encoding, DEPTH);
        while let Some(token) = walker.next_token()? {
            let top = walker.depth() == 0;
            match token {
                Token::Element { tag, .. } if top && TABLES.contains(&tag) => {}
                Token::Element { tag: PHOTOMETRIC, .. } if top => {
                    writer.text(PHOTOMETRIC, VR::CS, photometric)
                }
                Token::Element { tag: PLANAR, .. } if top => writer.element(PLANAR, VR::US, &[0, 0]),
                Token::Element { tag, vr, value, .. } => writer.element(tag, vr, value),
                Token::Fragments { tag, vr, value } => writer.fragments(tag, vr, value),
                Token::Sequence { tag, undefined } => writer.begin_sequence(tag, undefined),
                Token::Item { undefined } => writer.begin_item(undefined),
                Token::ItemEnd => writer.end_item(),
                Token::SequenceEnd => writer.end_sequence(),
            }
        }
        let vr = if image.bits_allocated > 8 { VR::OW } else { VR::OB };
        writer.header_only(Tag(0x7FE0, 0x0010), vr, Some(length));
        Ok(writer.finish())
    }
}

/// Bytes of the decoded value, even; a length of 32 bits is all that there is room for (PS3.18 8.7.8.2).
fn length(image: &Image) -> Result<u32, Fault> {
    let frame = image.pixels() * u64::from(image.samples) * u64::from(image.bits_allocated / 8);
    let total = frame.saturating_mul(image.frames.into());
    u32::try_from(total.saturating_add(total % 2))
        .ok()
        .filter(|length| *length < u32::MAX - 1)
        .ok_or(Fault::Undecodable("decoded, the pixels exceed what a 32-bit length can tell"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acc_13_what_a_32_bit_length_cannot_tell_is_refused() {
        let image = |rows, frames| Image {
            rows,
            columns: 65_535,
            samples: 1,
            bits_allocated: 16,
            frames,
            ..Image::default()
        };
        assert_eq!(length(&image(3, 1)), Ok(393_210));
        assert!(matches!(length(&image(65_535, 1)), Err(Fault::Undecodable(_))));
        assert!(matches!(length(&image(65_535, u32::MAX)), Err(Fault::Undecodable(_))));
    }
}
