//! GET of frames (PS3.18 10.4.1.1.6): their numbers, and whether they go as stored or decoded.

use super::State;
use super::ask::{self, Asked, not_acceptable};
use super::framing::Begun;
use crate::dicom::syntax::EXPLICIT_LE;
use crate::dicomweb::accept::{Offer, SyntaxWish};
use crate::dicomweb::representation::{self, As, Lossy};
use crate::dicomweb::syntaxes::{self, OCTET_STREAM};
use crate::layer::context::Caller;
use crate::origin::Place;
use crate::problem::Problem;
use crate::raster::decode::decodes;
use axum::Extension;
use axum::extract::{Path, RawQuery};
use axum::http::HeaderMap;
use axum::response::Response;

const OCTETS: Offer = Offer { default: true, ..Offer::related(OCTET_STREAM) };

/// GET of frames of an instance.
pub(super) async fn frames(
    service: State,
    Extension(caller): Extension<Caller>,
    Path((study, series, instance, list)): Path<(String, String, String, String)>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let place = ask::place(&[study, series, instance])?;
    let numbers = numbers(&list).ok_or(Problem::BadFrames)?;
    let asked = Asked::of(&service, &headers, query.as_deref())?;
    let (offer, given) = settled(&caller, &place, &asked, numbers.len() == 1).await?;
    let parts = caller.origin.frames(&place, &numbers, given).await;
    let parts = parts.map_err(|fault| Problem::from(fault).of_frame())?;
    let parts = Begun::of(&place, parts).await.map_err(Problem::of_frame)?;
    if offer.related {
        parts.multipart(offer.media, &service).await
    } else {
        parts.single(offer.media, &headers).await
    }
}

/// Frame numbers: from 1, ascending, separated by commas (PS3.18 10.4.1.1.6).
pub(super) fn numbers(list: &str) -> Option<Vec<u32>> {
    let number = |text: &str| text.trim().parse().ok().filter(|number: &u32| *number > 0);
    let numbers = list.split(',').map(number).collect::<Option<Vec<u32>>>()?;
    numbers.is_sorted_by(|one, other| one < other).then_some(numbers)
}

/// As [`choose`] says. The origin is asked for the instance's syntax only where the answer depends on it: not for what
/// viewers send, octets in any syntax.
pub(super) async fn settled(
    caller: &Caller,
    place: &Place,
    asked: &Asked,
    alone: bool,
) -> Result<(Offer, As), Problem> {
    match asked.choose(&all(alone)) {
        Ok((OCTETS, choice)) if choice.syntaxes.first() == Some(&SyntaxWish::Any) => Ok((OCTETS, As::Stored)),
        _ => choose(asked, &caller.origin.syntax(place).await?, alone),
    }
}

/// All that pixels of any syntax could be offered as.
fn all(alone: bool) -> Vec<Offer> {
    let media = syntaxes::COMPRESSED.iter().map(|row| row.media);
    let singles = media.clone().chain([OCTET_STREAM]).filter(|_| alone);
    let by_name = |media| Offer { by_name: true, ..Offer::single(media) };
    [OCTETS].into_iter().chain(media.map(Offer::related)).chain(singles.map(by_name)).collect()
}

/// The media type for pixels in the syntax `stored`, and how they go; `alone` if there is one part only.
///
/// Wishes that cannot be met pass the turn to the next media type, as if it had not been offered.
fn choose(asked: &Asked, stored: &str, alone: bool) -> Result<(Offer, As), Problem> {
    let media = syntaxes::media_of(stored);
    let mut offers = vec![OCTETS];
    offers.extend((media != OCTET_STREAM).then_some(Offer::related(media)));
    if alone {
        offers.push(Offer { by_name: true, ..Offer::single(OCTET_STREAM) });
        offers.extend((media != OCTET_STREAM).then_some(Offer { by_name: true, ..Offer::single(media) }));
    }
    let (all, mut undecoded) = (offers.clone(), false);
    while !offers.is_empty() {
        let Ok((offer, choice)) = asked.choose(&offers) else { break };
        if let Some(given) = given(offer, stored, &choice.syntaxes) {
            return Ok((offer, given));
        }
        undecoded |= choice.syntaxes.iter().any(is_native);
        offers.remove(choice.offer);
    }
    if undecoded {
        return Err(Problem::Undecodable("pixels of this transfer syntax are not decoded"));
    }
    // Told anew with all that there was to choose from.
    Err(asked.choose(&all).err().unwrap_or_else(|| not_acceptable(all.get(1..).unwrap_or_default())))
}

fn given(offer: Offer, stored: &str, wishes: &[SyntaxWish]) -> Option<As> {
    if offer.media == OCTET_STREAM {
        return representation::choose(stored, wishes, Lossy::Decoded, decodes);
    }
    // A media type without syntax means whatever of it is stored: the part says which.
    let met = |wish: &SyntaxWish| !matches!(wish, SyntaxWish::Uid(uid) if uid != stored);
    wishes.iter().any(met).then_some(As::Stored)
}

/// True if it takes decoded pixels.
fn is_native(wish: &SyntaxWish) -> bool {
    matches!(wish, SyntaxWish::Default) || matches!(wish, SyntaxWish::Uid(uid) if uid == EXPLICIT_LE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frm_02_lists_that_do_not_ascend_from_one_are_none() {
        assert_eq!(numbers("1"), Some(vec![1]));
        assert_eq!(numbers("1,3,5"), Some(vec![1, 3, 5]));
        for bad in ["", "0", "0,1", "2,1", "1,1", "a", "1,", "-1", "1.5", "99999999999"] {
            assert_eq!(numbers(bad), None, "{bad}");
        }
    }
}
