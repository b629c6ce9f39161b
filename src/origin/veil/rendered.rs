//! Pictures and texts, made here from rewritten instances: an origin's own might show what was taken out of the data set.

use super::pixels::path;
use super::{Fault, Parts, Place, Veil};
use crate::deid::engine::{SERIES, SOP_INSTANCE, STUDY};
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::levels::Level;
use crate::dicomweb::query::{Include, Query};
use crate::origin::{NO_PICTURE, Remaining};
use crate::raster::wish::Wish;
use futures_util::stream::{self, StreamExt, TryStreamExt};

/// Instances among which one is chosen to stand for a series or study.
const CHOICE: u64 = 500;

/// Most instances of which pictures are given at once.
const MOST: u64 = 5000;

impl Veil {
    /// Pictures of the instances below a place; of one frame, or of the first of each.
    pub(super) async fn rendered(
        &self,
        place: &Place,
        frame: Option<u32>,
        wish: Wish,
    ) -> Result<Parts, Fault> {
        if place.instance.is_some() {
            return self.shown(place, frame, wish).await;
        }
        let original = self.original(place).await?;
        let (judged, pictures) = self.judged(&original, self.pictures(place, wish)).await?;
        if judged.passed == 0 {
            return Err(judged.why.map_or(Fault::NotFound, Fault::Refused));
        }
        let instances = judged.passed.min(pictures.instances);
        Ok(Parts::counted(pictures.partial || judged.refused > 0, instances, pictures.parts))
    }

    /// Pictures of all instances below a place that have one and may be shown.
    async fn pictures(&self, place: &Place, wish: Wish) -> Result<Parts, Fault> {
        let (places, more) = self.places(place, MOST).await?;
        let (veil, instances) = (self.clone(), places.len() as u64);
        let parts = stream::iter(places.into_iter().map(Ok)).try_filter_map(move |place| {
            let veil = veil.clone();
            async move {
                match veil.shown(&place, None, wish).await {
                    Ok(parts) => Ok(Some(parts.parts)),
                    // What has no picture is left out of many (PS3.18 10.4.3.3.3); what is refused, the status tells.
                    Err(Fault::Undecodable(_) | Fault::Refused(_) | Fault::NotFound) => Ok(None),
                    Err(fault) => Err(fault),
                }
            }
        });
        Ok(Parts::counted(more, instances, parts.try_flatten().boxed()))
    }

    async fn shown(&self, place: &Place, frame: Option<u32>, wish: Wish) -> Result<Parts, Fault> {
        let original = self.original(place).await?;
        let verdict = self.passed(&original).await?;
        if verdict.has_pixels && !wish.pictures {
            return Err(NO_PICTURE);
        }
        self.rewritten(&original).await?.rendered(&path(place), frame, wish).await
    }

    /// One picture that stands for all below a place: of the middle, or of what else has one.
    pub(super) async fn thumbnail(
        &self,
        place: &Place,
        frame: Option<u32>,
        wish: Wish,
    ) -> Result<Parts, Fault> {
        let places = match place.instance {
            Some(_) => vec![place.clone()],
            None => self.places(place, CHOICE).await?.0,
        };
        let mut failed = Fault::NotFound;
        for place in [places.get(places.len() / 2), places.first(), places.last()].into_iter().flatten() {
            let original = self.original(place).await?;
            let thumbnail = async {
                if !self.passed(&original).await?.has_pixels {
                    return Err(NO_PICTURE);
                }
                self.rewritten(&original).await?.thumbnail(&path(place), frame, wish).await
            };
            match thumbnail.await {
                Err(fault @ (Fault::Undecodable(_) | Fault::Refused(_))) => failed = fault,
                shown => return Ok(Parts::one(shown?)),
            }
        }
        Err(failed)
    }

    /// The instances below a place, by their pseudonyms; true if there are more.
    async fn places(&self, place: &Place, most: u64) -> Result<(Vec<Place>, bool), Fault> {
        let query = Query {
            level: Level::Instance,
            study: Some(place.study.clone()),
            series: place.series.clone(),
            keys: Vec::new(),
            include: Include::Tags(vec![STUDY, SERIES, SOP_INSTANCE]),
            limit: Some(most),
            offset: 0,
            notices: Vec::new(),
        };
        let page = self.search(&query).await?;
        if page.results.is_empty() {
            return Err(Fault::NotFound);
        }
        Ok((page.results.iter().map(named).collect(), page.remaining != Remaining::None))
    }
}

fn named(result: &DataSet) -> Place {
    let uid = |tag| result.text(tag).to_owned();
    Place { study: uid(STUDY), series: Some(uid(SERIES)), instance: Some(uid(SOP_INSTANCE)) }
}
