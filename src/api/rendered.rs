//! GET of rendered resources and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.4): parameters, and which file is made.

use super::ask::{self, Asked, not_acceptable, parameter};
use super::framing::Begun;
use super::{Service, State, frames, report};
use crate::dicomweb::accept::{AcceptError, Offer};
use crate::dicomweb::media::essence;
use crate::layer::context::Caller;
use crate::origin::{Part, Parts, Place};
use crate::problem::Problem;
use crate::raster::scale::Viewport;
use crate::raster::wish::{self, File, Profile, Wish};
use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use futures_util::future::ready;
use futures_util::stream::{StreamExt, TryStreamExt};

const JPEG: Offer = Offer { default: true, ..Offer::single("image/jpeg") };
const PNG: Offer = Offer::single("image/png");
const GIF: Offer = Offer::single("image/gif");
const JPEGS: Offer = Offer { default: true, ..Offer::related("image/jpeg") };
const PNGS: Offer = Offer::related("image/png");
const GIFS: Offer = Offer::related("image/gif");

/// A thumbnail fits into this many pixels if nothing else is asked for.
const THUMBNAIL: Viewport =
    Viewport { width: 256, height: 256, left: 0.0, top: 0.0, part_width: None, part_height: None };

/// What a path names: UIDs, and at the end a frame.
pub(super) struct Shown {
    pub(super) place: Place,
    pub(super) frame: Option<u32>,
}

impl Shown {
    fn of(mut names: Vec<String>) -> Result<Self, Problem> {
        let frame = match names.get(3) {
            None => None,
            Some(list) => match frames::numbers(list).ok_or(Problem::BadFrames)?.as_slice() {
                [one] => Some(*one),
                // Several would be several pictures, and only one is made.
                _ => return Err(Problem::BadFrames),
            },
        };
        names.truncate(3);
        Ok(Self { place: ask::place(&names)?, frame })
    }

    /// What is not there, where a frame was asked for, may be the frame alone.
    fn missing(&self, problem: Problem) -> Problem {
        if self.frame.is_some() { problem.of_frame() } else { problem }
    }
}

/// GET …/rendered.
pub(super) async fn rendered(
    service: State,
    Extension(caller): Extension<Caller>,
    Path(names): Path<Vec<String>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (shown, asked) = (Shown::of(names)?, Asked::of(&service, &headers, query.as_deref())?);
    let (wish, ignored) = wish(query.as_deref().unwrap_or_default(), Wish::default())?;
    let answer = answer(&service, &caller, &shown, &asked, wish, &headers).await;
    answer.map(|response| warned(response, &ignored))
}

/// The picture, document, video or text of a report, as the client takes it.
pub(super) async fn answer(
    service: &Service,
    caller: &Caller,
    shown: &Shown,
    asked: &Asked,
    mut wish: Wish,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    // One part only where one item is to come (PS3.18 10.4.4 note 3).
    let many = shown.place.instance.is_none();
    let offers = if many { [JPEGS, PNGS, GIFS] } else { [JPEG, PNG, GIF] };
    let texts = report::offers(many);
    match asked.choose(&[offers.as_slice(), &texts].concat()) {
        Err(problem) if many || problem == AcceptError::Mixed.into() => return Err(problem),
        _ => {}
    }
    let chosen = asked.choose(&offers);
    wish.pictures = !many || chosen.is_ok();
    wish.file = chosen.as_ref().map_or(File::Jpeg, |(offer, _)| file(offer));
    legal(&wish)?;
    // Of one that is asked for as something else, the refusal names the texts that there are.
    let text = asked.choose(&texts).ok().and_then(|(offer, _)| report::form(&offer));
    wish.report = if many { text } else { text.or(wish.report) };
    let parts = caller.origin.rendered(&shown.place, shown.frame, wish).await;
    let parts = parts.map_err(|fault| shown.missing(fault.into()))?;
    let parts = if many { taken(parts, asked) } else { parts };
    let parts = match Begun::of(&shown.place, parts).await {
        Err(Problem::NotFound) if many => return Err(Problem::Undecodable("no instance has a picture")),
        begun => begun.map_err(|problem| shown.missing(problem))?,
    };
    if many {
        return parts.mixed(service).await;
    }
    // Documents and video are what they are, whatever picture was hoped for.
    let own = parts.media();
    let offer = [Offer { default: true, ..Offer::single(essence(own)) }];
    let picture = offers.iter().any(|offer| offer.media == own);
    let given = match report::is_text(own) {
        true => texts.as_slice(),
        false if picture => offers.as_slice(),
        false => offer.as_slice(),
    };
    asked.choose(&offer).map_err(|_| not_acceptable(given))?;
    let response = parts.single(own, headers).await?;
    Ok(if report::is_text(own) { report::guarded(response) } else { response })
}

/// Of many those that the client takes: what has no form that it takes, is left out (PS3.18 10.4.3.3.3).
fn taken(parts: Parts, asked: &Asked) -> Parts {
    let asked = asked.clone();
    let takes = move |part: &Part| ready(asked.choose(&[Offer::related(essence(part.media))]).is_ok());
    Parts { parts: parts.parts.try_filter(takes).boxed(), ..parts }
}

/// GET …/thumbnail.
pub(super) async fn thumbnail(
    service: State,
    Extension(caller): Extension<Caller>,
    Path(names): Path<Vec<String>>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (shown, asked) = (Shown::of(names)?, Asked::of(&service, &headers, query.as_deref())?);
    let (mut wish, ignored) = wish(query.as_deref().unwrap_or_default(), Wish::default())?;
    let cut = wish.viewport.filter(|it| Viewport { width: it.width, height: it.height, ..THUMBNAIL } != *it);
    if cut.is_some() {
        return Err(Problem::BadParameter("viewport"));
    }
    wish.viewport = wish.viewport.or(Some(THUMBNAIL));
    let (offer, _) = asked.choose(&[JPEG, PNG, GIF])?;
    wish.file = file(&offer);
    legal(&wish)?;
    let parts = caller.origin.thumbnail(&shown.place, shown.frame, wish).await;
    let parts = parts.map_err(|fault| shown.missing(fault.into()))?;
    let parts = Begun::of(&shown.place, parts).await.map_err(|problem| shown.missing(problem))?;
    parts.single(offer.media, &headers).await.map(|response| warned(response, &ignored))
}

/// The file of an offer.
fn file(offer: &Offer) -> File {
    let made = [File::Jpeg, File::Png, File::Gif];
    made.into_iter().find(|file| file.media() == offer.media).unwrap_or(File::Jpeg)
}

/// A profile cannot be asked of a file that has no place for one (PS3.18 8.3.5.1.5).
fn legal(wish: &Wish) -> Result<(), Problem> {
    let no_place = wish.file == File::Gif && wish.profile != Profile::No;
    if no_place { Err(Problem::BadParameter("iccprofile")) } else { Ok(()) }
}

/// What the query asks of the picture; the parameters that ask for what is not done.
pub(super) fn wish(query: &str, mut wish: Wish) -> Result<(Wish, Vec<&'static str>), Problem> {
    let read = |name: &'static str| match parameter(query, name) {
        None => Ok(None),
        Some(value) => value.map(Some).ok_or(Problem::BadParameter(name)),
    };
    if let Some(text) = read("quality")? {
        wish.quality = wish::quality(&text).ok_or(Problem::BadParameter("quality"))?;
    }
    if let Some(text) = read("viewport")? {
        wish.viewport = Some(wish::viewport(&text).ok_or(Problem::BadParameter("viewport"))?);
    }
    if let Some(text) = read("window")? {
        wish.window = Some(wish::window(&text).ok_or(Problem::BadParameter("window"))?);
    }
    let mut ignored = Vec::new();
    if let Some(text) = read("annotation")? {
        let words = text
            .split(',')
            .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphabetic()));
        ignored.push(words.then_some("annotation").ok_or(Problem::BadParameter("annotation"))?);
    }
    if let Some(text) = read("iccprofile")? {
        wish.profile = wish::profile(&text).ok_or(Problem::BadParameter("iccprofile"))?;
    }
    Ok((wish, ignored))
}

/// Annotations are not drawn (PS3.18 8.3.5.1.1).
fn warned(mut response: Response, ignored: &[&str]) -> Response {
    let names = ignored.join(", ");
    let text =
        format!("299 veilgate \"The following parameters are not supported and were ignored: {names}\"");
    if let Some(text) = HeaderValue::from_str(&text).ok().filter(|_| !ignored.is_empty()) {
        response.headers_mut().append(header::WARNING, text);
    }
    response
}

/// A frame of an instance.
pub(super) fn one(place: Place, frame: Option<u32>) -> Shown {
    Shown { place, frame }
}
