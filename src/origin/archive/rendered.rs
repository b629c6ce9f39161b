//! Pictures of stored instances (PS3.18 10.4.1.1.3, 10.4.1.1.4). Documents and video are given as they are.

use super::known::Known;
use super::pixels::{self, is_video, native_range};
use super::retrieve::path;
use super::{ArchiveOrigin, native};
use crate::db::held::{Held, Place};
use crate::dicom::image::{Image, aligned};
use crate::dicomweb::bulk_path::BulkPath;
use crate::dicomweb::representation::As;
use crate::origin::Fault;
use crate::origin::part::{Content, Part, Parts};
use crate::raster::picture::Look;
use crate::raster::wish::{File, Wish};
use crate::raster::{Raster, Unfit, encode, scale};
use futures_util::stream::{StreamExt, TryStreamExt};
use std::sync::Arc;

/// Instances among which one is chosen to stand for a series or study.
const CHOICE: u32 = 500;

/// Largest frame that is made a picture, in bytes.
const MOST: u64 = 512 << 20;

impl ArchiveOrigin {
    /// Pictures of the instances below a place; of one frame, or of the first of each.
    pub(super) async fn rendered(
        &self,
        place: &Place,
        frame: Option<u32>,
        wish: Wish,
    ) -> Result<Parts, Fault> {
        if place.instance.is_some() {
            let held = self.one(place).await?;
            return self.shown(&place.study, &held, frame, wish).await;
        }
        self.syntaxes(place).await?;
        let (origin, study) = (self.clone(), place.study.clone());
        let parts = self.held(place).try_filter_map(move |held| {
            let (origin, study) = (origin.clone(), study.clone());
            async move {
                match origin.shown(&study, &held, None, wish).await {
                    Ok(parts) => Ok(Some(parts.parts)),
                    // What has no picture is left out of many (PS3.18 10.4.3.3.3).
                    Err(Fault::Undecodable(_)) => Ok(None),
                    Err(fault) => Err(fault),
                }
            }
        });
        Ok(Parts { partial: false, parts: parts.try_flatten().boxed() })
    }

    /// One picture that stands for all below a place: of the middle, or of what else has one.
    pub(super) async fn thumbnail(
        &self,
        place: &Place,
        frame: Option<u32>,
        wish: Wish,
    ) -> Result<Parts, Fault> {
        let held = self.db.held(&self.project, place, None, CHOICE).await?;
        let mut failed = Fault::NotFound;
        let middle = held.len() / 2;
        for held in [held.get(middle), held.first(), held.last()].into_iter().flatten() {
            let known = self.known(held).await?;
            let number = frame.unwrap_or(known.image.frames / 2 + 1).min(known.image.frames.max(1));
            if known.layout.bulk.is_none() || is_video(&known) {
                failed = Fault::Undecodable("the instance has no picture");
                continue;
            }
            let path = format!("{}/thumbnail", path(&place.study, held));
            match self.picture(&known, frame.unwrap_or(number), wish, path).await {
                Err(fault @ Fault::Undecodable(_)) => failed = fault,
                shown => return Ok(Parts::one(shown?)),
            }
        }
        Err(failed)
    }

    async fn shown(&self, study: &str, held: &Held, frame: Option<u32>, wish: Wish) -> Result<Parts, Fault> {
        let known = self.known(held).await?;
        let path = path(study, held);
        if known.layout.bulk.is_some() && is_video(&known) {
            return pixels::bulk(self, known, format!("{path}/rendered"), As::Stored).await;
        }
        if known.layout.bulk.is_none() {
            let document = self.document(&known, format!("{path}/rendered")).await?;
            return Ok(Parts::one(document.ok_or(Fault::Undecodable("the instance has no picture"))?));
        }
        let path = match frame {
            Some(number) => format!("{path}/frames/{number}/rendered"),
            None => format!("{path}/rendered"),
        };
        Ok(Parts::one(self.picture(&known, frame.unwrap_or(1), wish, path).await?))
    }

    async fn document(&self, known: &Known, path: String) -> Result<Option<Part>, Fault> {
        let place = BulkPath::top(super::retrieve::ENCAPSULATED_DOCUMENT);
        let Some(value) = self.value(known, &place).await? else { return Ok(None) };
        let media = self.media(known, &place)?;
        Ok(Some(Part { media, transfer_syntax: None, path, tag: None, content: Content::bytes(value) }))
    }

    /// Frame `number`, from 1.
    async fn picture(
        &self,
        known: &Arc<Known>,
        number: u32,
        wish: Wish,
        path: String,
    ) -> Result<Part, Fault> {
        if !(1..=known.image.frames).contains(&number) {
            return Err(Fault::NotFound);
        }
        let raster = if known.layout.transfer_syntax.encapsulated {
            native::frame(self, known, number - 1).await?
        } else {
            self.raster(known, number - 1).await?
        };
        let place =
            self.decoders.acquire().await.map_err(|_| Fault::Undecodable("the server is stopping"))?;
        let known = Arc::clone(known);
        let file = tokio::task::spawn_blocking(move || file(&known, &raster, wish)).await;
        drop(place);
        let bytes = file.map_err(|_| Fault::Damaged)?.map_err(|unfit| Fault::Undecodable(unfit.0))?;
        let content = Content::bytes(bytes.into());
        Ok(Part { media: wish.file.media(), transfer_syntax: None, path, tag: None, content })
    }

    /// A native frame with the samples of a pixel side by side.
    async fn raster(&self, known: &Known, index: u32) -> Result<Raster, Fault> {
        let image = &known.image;
        if image.frame_bytes() > MOST {
            return Err(Fault::Undecodable("the frame is too large to be rendered"));
        }
        let bytes = self.archive.read(&known.object, native_range(known, index)?).await?;
        let (_, shift) = image.native_frame(index);
        let data =
            match (image.frame_bits().is_multiple_of(8) && shift == 0, image.planar && image.samples > 1) {
                (false, _) => aligned(&bytes, shift, image.frame_bits()),
                (true, true) => together(image, &bytes),
                (true, false) => bytes.to_vec(),
            };
        Ok(Raster { photometric: image.photometric.clone(), data })
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

fn file(known: &Known, raster: &Raster, wish: Wish) -> Result<Vec<u8>, Unfit> {
    let look = Look::of(&known.layout).map_err(|_| Unfit("the head cannot be read"))?;
    let mut picture = look.picture(&known.image, raster, wish.window)?;
    if let Some(viewport) = &wish.viewport {
        picture = scale::fit(&picture, viewport);
    }
    match wish.file {
        File::Jpeg => encode::jpeg(&picture, wish.quality),
        File::Png => encode::png(&picture),
    }
}
