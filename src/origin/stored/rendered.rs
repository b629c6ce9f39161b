//! Pictures of an instance (PS3.18 10.4.1.1.3, 10.4.1.1.4). Documents and video are given as they are, reports as text.

use super::Stored;
use crate::dicom::image::{Image, aligned};
use crate::dicomweb::representation::As;
use crate::origin::part::{Content, Part, Parts};
use crate::origin::{Fault, NO_PICTURE};
use crate::raster::look::Look;
use crate::raster::wish::{File, Wish};
use crate::raster::{Raster, Unfit, encode, icc, scale};
use std::sync::Arc;

/// Largest frame that is made a picture, in bytes.
const MOST: u64 = 512 << 20;

impl Stored {
    /// A picture of one frame, or of the first, of the instance that is the resource `path`; or its text.
    pub(in crate::origin) async fn rendered(
        self: &Arc<Self>,
        path: &str,
        frame: Option<u32>,
        wish: Wish,
    ) -> Result<Parts, Fault> {
        if self.layout.bulk.is_some() && self.is_video() {
            return self.bulk_pixels(format!("{path}/rendered"), As::Stored).await;
        }
        if self.layout.bulk.is_none() {
            return Ok(Parts::one(self.words(format!("{path}/rendered"), frame, wish).await?));
        }
        if !wish.pictures {
            return Err(NO_PICTURE);
        }
        let path = match frame {
            Some(number) => format!("{path}/frames/{number}/rendered"),
            None => format!("{path}/rendered"),
        };
        Ok(Parts::one(self.picture(frame.unwrap_or(1), wish, path).await?))
    }

    /// The document that the instance holds, or the text of its report, which has no frames.
    async fn words(self: &Arc<Self>, path: String, frame: Option<u32>, wish: Wish) -> Result<Part, Fault> {
        if let Some(document) = self.document(path.clone()).await? {
            return Ok(document);
        }
        let form = wish.report.filter(|_| frame.is_none()).ok_or(NO_PICTURE)?;
        self.report(path, form).await?.ok_or(NO_PICTURE)
    }

    /// A picture of one frame, or of the one in the middle, that stands for the instance.
    pub(in crate::origin) async fn thumbnail(
        self: &Arc<Self>,
        path: &str,
        frame: Option<u32>,
        wish: Wish,
    ) -> Result<Part, Fault> {
        if self.layout.bulk.is_none() || self.is_video() {
            return Err(NO_PICTURE);
        }
        let middle = (self.image.frames / 2 + 1).min(self.image.frames.max(1));
        self.picture(frame.unwrap_or(middle), wish, format!("{path}/thumbnail")).await
    }

    /// Frame `number`, from 1.
    async fn picture(self: &Arc<Self>, number: u32, wish: Wish, path: String) -> Result<Part, Fault> {
        if !(1..=self.image.frames).contains(&number) {
            return Err(Fault::NotFound);
        }
        let raster = if self.layout.transfer_syntax.encapsulated {
            self.decoded(number - 1).await?
        } else {
            self.raster(number - 1).await?
        };
        let stored = Arc::clone(self);
        let work = move || stored.file(&raster, number - 1, wish);
        let content = Content::bytes(self.decoders.place().await?.run(work).await?.into());
        Ok(Part { media: wish.file.media(), transfer_syntax: None, path, tag: None, content })
    }

    /// A native frame with the samples of a pixel side by side.
    async fn raster(&self, index: u32) -> Result<Raster, Fault> {
        let image = &self.image;
        if image.frame_bytes() > MOST {
            return Err(Fault::Undecodable("the frame is too large to be rendered"));
        }
        let bytes = self.bytes.read(self.native_range(index)?).await?;
        let (_, shift) = image.native_frame(index);
        let data =
            match (image.frame_bits().is_multiple_of(8) && shift == 0, image.planar && image.samples > 1) {
                (false, _) => aligned(&bytes, shift, image.frame_bits()),
                (true, true) => together(image, &bytes),
                (true, false) => bytes.to_vec(),
            };
        Ok(Raster { photometric: image.photometric.clone(), data })
    }

    /// The file of frame `index`, from 0.
    fn file(&self, raster: &Raster, index: u32, wish: Wish) -> Result<Vec<u8>, Unfit> {
        let look = Look::of(&self.layout, index).map_err(|_| Unfit("the head cannot be read"))?;
        let mut picture = look.picture(&self.image, raster, wish.window)?;
        if let Some(viewport) = &wish.viewport {
            picture = scale::fit(&picture, viewport);
        }
        let (picture, profile) = icc::apply(picture, look.profiles(), wish.profile)?;
        match wish.file {
            File::Jpeg => encode::jpeg(&picture, wish.quality, profile),
            File::Png => encode::png(&picture, profile),
            File::Gif => encode::gif(&picture),
        }
    }
}

/// Planes to pixels (PS3.3 C.7.6.3.1.3).
fn together(image: &Image, planes: &[u8]) -> Vec<u8> {
    let (samples, width) = (usize::from(image.samples), usize::from(image.bits_allocated / 8).max(1));
    let plane = planes.len() / samples.max(1);
    let cells =
        (0..plane / width).flat_map(|pixel| (0..samples).map(move |sample| sample * plane + pixel * width));
    cells.flat_map(|at| planes.get(at..at + width).unwrap_or_default().iter().copied()).collect()
}
