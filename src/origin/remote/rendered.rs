//! Pictures of the server's instances (PS3.18 10.4.1.1.3, 10.4.1.1.4): it makes those of one instance; where it does not,
//! they are made here. Which instances stand for others is decided here.

use super::search::Below;
use super::{Remote, RemoteOrigin, bytes};
use crate::dicomweb::media::MediaType;
use crate::downstream;
use crate::origin::part::{Content, Part, Parts};
use crate::origin::{Fault, NO_PICTURE, Place};
use crate::raster::scale::Viewport;
use crate::raster::window::{Function, Window};
use crate::raster::wish::{Profile, Wish};
use futures_util::stream::{StreamExt, TryStreamExt};

/// Instances among which one is chosen to stand for a series or study.
const CHOICE: usize = 500;

/// What else than pictures may come: documents and videos, as they are (PS3.18 8.7.4). No text: nobody could tell a
/// document of that type from the server's own rendering of a report, and reports are rendered here.
const OTHERS: [&str; 4] = ["application/pdf", "video/mpeg", "video/mp4", "video/h265"];

impl Remote {
    /// What the server renders of an instance, or of a frame of it.
    async fn rendered(&self, place: &Place, frame: Option<u32>, wish: Wish) -> Result<Part, Fault> {
        let path = match frame {
            Some(number) => format!("{}/frames/{number}/rendered", place.path()),
            None => format!("{}/rendered", place.path()),
        };
        let wanted = wish.file.media();
        let reply = self.client.get(&format!("{path}?{}", parameters(wish)), wanted, None).await?;
        let named = reply.media.as_ref().map(MediaType::essence);
        let media = [wanted].into_iter().chain(OTHERS).find(|media| Some(*media) == named);
        let (media, length) = (media.ok_or(downstream::Fault::Nonsense)?, reply.length);
        let content = Content::stream(length, bytes(reply.body()?));
        Ok(Part { media, transfer_syntax: None, path, tag: None, content })
    }
}

impl RemoteOrigin {
    pub(super) async fn rendered(
        &self,
        place: &Place,
        frame: Option<u32>,
        wish: Wish,
    ) -> Result<Parts, Fault> {
        if place.instance.is_some() {
            return self.picture(place, frame, wish).await;
        }
        let (origin, instances) = (self.clone(), self.remote.count(place).await?);
        let parts = self.remote.below(place).try_filter_map(move |Below { place, .. }| {
            let origin = origin.clone();
            async move {
                match origin.picture(&place, None, wish).await {
                    Ok(parts) => Ok(Some(parts.parts)),
                    // What has no picture is left out of many (PS3.18 10.4.3.3.3).
                    Err(Fault::Undecodable(_)) => Ok(None),
                    Err(fault) => Err(fault),
                }
            }
        });
        Ok(Parts::counted(false, instances, parts.try_flatten().boxed()))
    }

    /// One picture that stands for all below a place: of the middle, or of what else has one.
    pub(super) async fn thumbnail(
        &self,
        place: &Place,
        frame: Option<u32>,
        wish: Wish,
    ) -> Result<Parts, Fault> {
        let below: Vec<Below> = self.remote.below(place).take(CHOICE).try_collect().await?;
        let mut failed = Fault::NotFound;
        for one in [below.get(below.len() / 2), below.first(), below.last()].into_iter().flatten() {
            let middle = one.frames.map(|frames| (frames / 2 + 1).min(frames.max(1)));
            match self.still(&one.place, frame.or(middle.filter(|middle| *middle > 1)), wish).await {
                Err(fault @ Fault::Undecodable(_)) => failed = fault,
                shown => {
                    let path = format!("{}/thumbnail", one.place.path());
                    return Ok(Parts::one(Part { path, ..shown? }));
                }
            }
        }
        Err(failed)
    }

    /// A picture of one instance, or its document, video or text.
    async fn picture(&self, place: &Place, frame: Option<u32>, wish: Wish) -> Result<Parts, Fault> {
        match self.theirs(place, frame, wish).await? {
            Some(part) => Ok(Parts::one(part)),
            None => self.pull(place).await?.rendered(&place.path(), frame, wish).await,
        }
    }

    /// A picture of one instance and nothing else.
    async fn still(&self, place: &Place, frame: Option<u32>, wish: Wish) -> Result<Part, Fault> {
        match self.theirs(place, frame, wish).await? {
            Some(part) if part.media == wish.file.media() => Ok(part),
            Some(_) => Err(NO_PICTURE),
            None => self.pull(place).await?.thumbnail(&place.path(), frame, wish).await,
        }
    }

    /// What the server renders; nothing where it is made here.
    async fn theirs(&self, place: &Place, frame: Option<u32>, wish: Wish) -> Result<Option<Part>, Fault> {
        use downstream::Fault::{Failing, Nonsense, Unsupported};
        // Servers that know no profiles ignore the parameter, and their picture would not tell.
        if wish.profile != Profile::No {
            return Ok(None);
        }
        match self.remote.rendered(place, frame, wish).await {
            Ok(part) => Ok(Some(part)),
            // There is no such instance, or the server does not render.
            Err(Fault::NotFound | Fault::Downstream(Failing | Nonsense | Unsupported)) => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}

/// Query parameters of a picture (PS3.18 8.3.5.1).
fn parameters(wish: Wish) -> String {
    let mut pairs = vec![format!("quality={}", wish.quality)];
    pairs.extend(wish.viewport.map(|viewport| format!("viewport={}", self::viewport(&viewport))));
    pairs.extend(wish.window.map(|window| format!("window={}", self::window(&window))));
    pairs.join("&")
}

fn viewport(viewport: &Viewport) -> String {
    let Viewport { width, height, left, top, part_width, part_height } = *viewport;
    let whole = Viewport { width, height, left: 0.0, top: 0.0, part_width: None, part_height: None };
    if *viewport == whole {
        return format!("{width},{height}");
    }
    let or_nothing = |size: Option<f64>| size.map(|size| size.to_string()).unwrap_or_default();
    format!("{width},{height},{left},{top},{},{}", or_nothing(part_width), or_nothing(part_height))
}

fn window(window: &Window) -> String {
    let function = match window.function {
        Function::Linear => "linear",
        Function::LinearExact => "linear-exact",
        Function::Sigmoid => "sigmoid",
    };
    format!("{},{},{function}", window.center, window.width)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::raster::wish;

    #[test]
    fn what_was_asked_of_a_picture_is_asked_of_the_server() {
        let viewports = ["512,256", "512,256,10,0,512,-12", "512,256,0,5,,"];
        for (text, function) in viewports.into_iter().zip(["linear", "linear-exact", "sigmoid"]) {
            let window = wish::window(&format!("40,400.5,{function}"));
            let wish = Wish { quality: 80, viewport: wish::viewport(text), window, ..Wish::default() };
            assert_eq!(parameters(wish), format!("quality=80&viewport={text}&window=40,400.5,{function}"));
        }
        assert_eq!(parameters(Wish::default()), "quality=90");
    }
}
