//! POST /v1/preview/image: one frame of an instance as it came in, or as it would go out. Bounded in size, as the whole
//! instance is held while its picture is made, and then forgotten.

use super::{HELD, State, fault, refusal, source};
use crate::api::ask::parameter;
use crate::audit::action::Action;
use crate::budget::Share;
use crate::deid::engine::Engine;
use crate::deid::receipt::Refused;
use crate::deid::rewriter::{Options, Rewriter};
use crate::dicom::instance::Limits;
use crate::dicom::plain::Plain;
use crate::layer::context::Caller;
use crate::origin::{Decoders, still};
use crate::problem::Problem;
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

static DECODERS: LazyLock<Decoders> = LazyLock::new(Decoders::default);

/// Pictures in work at the same time: each holds its instance as it goes out, too.
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
        caller.may_have_back()?;
        let (side, frame) = wanted(query.as_deref().unwrap_or_default())?;
        let (limits, mut held) = (service.limits, HELD.share());
        let chunks = whole(request.into_body().into_data_stream(), &mut held).await?;
        let _place = PLACES.acquire().await.map_err(|_| Problem::Overloaded)?;
        let work = tokio::task::spawn_blocking(move || file(&caller.engine, chunks, side, limits));
        let file = work.await.map_err(|_| Problem::Internal("a preview failed"))??;
        let png = still(file, frame, SIDE, DECODERS.clone()).await;
        let png = png.map_err(|fault| Problem::from(fault).of_frame())?;
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

async fn whole(mut body: BodyDataStream, held: &mut Share) -> Result<Vec<Bytes>, Problem> {
    let (mut chunks, mut size) = (Vec::new(), 0);
    while let Some(chunk) = source::next(&mut body).await? {
        size += chunk.len() as u64;
        if size > MOST {
            return Err(Problem::BodyTooLarge { limit: MOST });
        }
        held.hold(size).await?;
        chunks.push(chunk);
    }
    if chunks.is_empty() { Err(Problem::EmptyBody) } else { Ok(chunks) }
}

/// The instance as it came in, or as it would go out; either way in the form in which this gateway writes instances.
fn file(engine: &Engine, chunks: Vec<Bytes>, side: Side, limits: Limits) -> Result<Bytes, Problem> {
    // A deflated file must not inflate to more than one may be large.
    let limits = Limits { inflated: MOST, ..limits };
    let mut out = Vec::new();
    match side {
        Side::Before => {
            let mut plain = Plain::new(limits);
            chunks.into_iter().try_for_each(|chunk| plain.push(chunk, &mut out)).map_err(fault)?;
            plain.finish(&mut out).map_err(fault)?;
        }
        Side::After => {
            let mut rewriter = Rewriter::new(engine, Options { limits, ..Options::default() });
            chunks.into_iter().try_for_each(|chunk| rewriter.push(chunk, &mut out)).map_err(refused)?;
            rewriter.finish(&mut out).map_err(refused)?;
        }
    }
    Ok(out.concat().into())
}

fn refused(refused: Refused) -> Problem {
    refusal(refused.refusal)
}
