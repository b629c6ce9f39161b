//! POST /v1/preview/image: one frame of an instance as it came in, or as it would go out. Bounded in size, as the whole
//! instance is held while its picture is made, and then forgotten.

use super::{State, fault, refusal, source};
use crate::api::ask::parameter;
use crate::audit::action::Action;
use crate::deid::engine::Engine;
use crate::deid::receipt::Refused;
use crate::deid::rewriter::{Options, Rewriter};
use crate::dicom::instance::{Event, Limits};
use crate::dicom::layout::{Bulk, Layout, Reader};
use crate::dicom::splitter::Splitter;
use crate::layer::context::Caller;
use crate::problem::Problem;
use crate::raster::still;
use axum::Extension;
use axum::body::BodyDataStream;
use axum::extract::{RawQuery, Request};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// Largest instance of which a picture is made, in bytes.
pub(in crate::api) const MOST: u64 = 64 << 20;

/// Longest side of a picture, in pixels.
const SIDE: u32 = 1600;

/// Pictures in work at the same time: each holds its instance, and once more as it goes out.
static PLACES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(2));

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Before,
    After,
}

/// The picture, as PNG.
pub(in crate::api) async fn picture(
    service: State,
    Extension(caller): Extension<Caller>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Response {
    let made = async {
        let (side, frame) = wanted(query.as_deref().unwrap_or_default())?;
        let _place = PLACES.acquire().await.map_err(|_| Problem::Overloaded)?;
        let (chunks, limits) = (whole(request.into_body().into_data_stream()).await?, service.limits);
        let work = tokio::task::spawn_blocking(move || made(&caller.engine, chunks, side, frame, limits));
        // A decoder that panics has met a frame it was not made for.
        let png = work.await.map_err(|_| Problem::Undecodable("the compressed frame is damaged"))??;
        Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
    };
    let made: Result<Response, Problem> = made.await;
    let mut response = made.into_response();
    response.extensions_mut().insert(Action::Preview);
    response
}

fn wanted(query: &str) -> Result<(Side, u32), Problem> {
    let side = match parameter(query, "side").flatten().as_deref() {
        Some("before") => Side::Before,
        Some("after") => Side::After,
        _ => return Err(Problem::BadParameter("side")),
    };
    let frame = match parameter(query, "frame") {
        None => 1,
        Some(text) => text.and_then(|text| text.parse().ok()).ok_or(Problem::BadParameter("frame"))?,
    };
    Ok((side, frame))
}

async fn whole(mut body: BodyDataStream) -> Result<Vec<Bytes>, Problem> {
    let (mut chunks, mut size) = (Vec::new(), 0);
    while let Some(chunk) = source::next(&mut body).await? {
        size += chunk.len() as u64;
        if size > MOST {
            return Err(Problem::BodyTooLarge { limit: MOST });
        }
        chunks.push(chunk);
    }
    if chunks.is_empty() { Err(Problem::EmptyBody) } else { Ok(chunks) }
}

fn made(
    engine: &Engine,
    chunks: Vec<Bytes>,
    side: Side,
    frame: u32,
    limits: Limits,
) -> Result<Vec<u8>, Problem> {
    // A deflated file must not inflate to more than one may be large.
    let limits = Limits { inflated: MOST, ..limits };
    let (layout, value) = match side {
        Side::Before => before(chunks, limits)?,
        Side::After => after(engine, chunks, limits)?,
    };
    still::still(&layout, &value, frame, SIDE).map_err(|unfit| Problem::Undecodable(unfit.0))
}

/// Head and bulk value as they came in.
fn before(chunks: Vec<Bytes>, limits: Limits) -> Result<(Layout, Vec<u8>), Problem> {
    let (mut splitter, mut events) = (Splitter::new(limits), Vec::new());
    for chunk in chunks {
        splitter.push(chunk, &mut events).map_err(fault)?;
    }
    splitter.finish(&mut events).map_err(fault)?;
    let (mut layout, mut value) = (None, Vec::new());
    for event in events {
        match event {
            Event::Head(head) => {
                layout = Some(Layout {
                    head: head.data.into(),
                    data_at: 0,
                    encoding: head.encoding,
                    transfer_syntax: head.transfer_syntax,
                    bulk: head.bulk.map(|header| Bulk { header, value_at: 0 }),
                });
            }
            Event::Bulk(bytes) => value.extend_from_slice(&bytes),
            Event::Tail(_) => {}
        }
    }
    Ok((layout.ok_or(Problem::EmptyBody)?, value))
}

/// The same of what would go out.
fn after(engine: &Engine, chunks: Vec<Bytes>, limits: Limits) -> Result<(Layout, Vec<u8>), Problem> {
    let options = Options { limits, ..Options::default() };
    let (mut rewriter, mut out) = (Rewriter::new(engine, options), Vec::new());
    for chunk in chunks {
        rewriter.push(chunk, &mut out).map_err(refused)?;
    }
    rewriter.finish(&mut out).map_err(refused)?;
    let file = out.concat();
    let layout = Reader::new(limits).push(&file, true).map_err(fault)?;
    let layout = layout.ok_or(Problem::Internal("an instance went out that has no layout"))?;
    let from = layout.bulk.and_then(|bulk| usize::try_from(bulk.value_at).ok()).unwrap_or(file.len());
    Ok((layout, file.get(from..).unwrap_or_default().to_vec()))
}

fn refused(refused: Refused) -> Problem {
    refusal(refused.refusal)
}
