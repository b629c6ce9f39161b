//! POST /v1/preview: what would become of each attribute of one instance, old value and new. Only for the browser that
//! sent it: nothing of it is kept, logged, cached or counted as an instance. What is told is `deid::preview`'s, the
//! picture `picture`'s.

mod picture;

pub(super) use picture::{MOST, picture};

use super::{Service, State, source};
use crate::audit::action::Action;
use crate::budget::{Budget, Share};
use crate::deid::engine::Engine;
use crate::deid::preview::{self, Line, Preview};
use crate::deid::receipt::Phi;
use crate::deid::refusal::Refusal;
use crate::dicom::Fault;
use crate::dicom::instance::{Event, Head, Limits};
use crate::dicom::splitter::Splitter;
use crate::dicomweb::manifest::{Fate, FileFate};
use crate::layer::context::Caller;
use crate::problem::Problem;
use axum::Extension;
use axum::body::BodyDataStream;
use axum::extract::Request;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use dicom_core::Tag;
use serde_json::{Value, json};
use std::sync::LazyLock;
use tokio::sync::Semaphore;

/// Previews in work at the same time: each holds the new head and what is told of both. Nobody has a place while his bytes
/// come in: he may be slow.
static PLACES: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(4));

/// What all previews hold of what came in, pictures too.
static HELD: LazyLock<Budget> = LazyLock::new(|| Budget::new(2 * MOST));

/// Tells what would become of the one instance in the body. Of its pixels nothing is read.
pub(super) async fn preview(
    service: State,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let told = told(&service, caller, request).await;
    let mut response = told.into_response();
    response.extensions_mut().insert(Action::Preview);
    response
}

async fn told(service: &Service, caller: Caller, request: Request) -> Result<Response, Problem> {
    caller.may_have_back()?;
    let (limits, mut held) = (service.limits, HELD.share());
    let head = head(request.into_body().into_data_stream(), limits, &mut held).await?;
    let _place = PLACES.acquire().await.map_err(|_| Problem::Overloaded)?;
    let work = tokio::task::spawn_blocking(move || written(&caller.engine, &head, limits));
    let text = work.await.map_err(|_| Problem::Internal("a preview failed"))??;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// The head of the instance. What comes behind it is not waited for.
async fn head(mut body: BodyDataStream, limits: Limits, held: &mut Share) -> Result<Head, Problem> {
    let (mut splitter, mut events, mut empty) = (Splitter::new(limits), Vec::new(), true);
    while let Some(chunk) = source::next(&mut body).await? {
        empty = false;
        held.hold((splitter.held() + chunk.len()) as u64).await?;
        splitter.push(chunk, &mut events).map_err(fault)?;
        if let Some(head) = found(&mut events) {
            return Ok(head);
        }
    }
    if empty {
        return Err(Problem::EmptyBody);
    }
    // Without pixels the head is known when all has come.
    let finished = splitter.finish(&mut events);
    match found(&mut events) {
        Some(head) => Ok(head),
        None => Err(finished.map_or_else(fault, |()| Problem::EmptyBody)),
    }
}

fn found(events: &mut Vec<Event>) -> Option<Head> {
    events.drain(..).find_map(|event| if let Event::Head(head) = event { Some(head) } else { None })
}

fn fault(fault: Fault) -> Problem {
    refusal(fault.into())
}

fn refusal(refusal: Refusal) -> Problem {
    Problem::NothingDone { burned_in: false, files: vec![fate(refusal)] }
}

fn fate(refusal: Refusal) -> FileFate {
    FileFate::new(1, Fate::Refused).about(refusal.tag()).because(refusal.code(), &refusal)
}

fn written(engine: &Engine, head: &Head, limits: Limits) -> Result<String, Problem> {
    let Preview { refused, lines, cut } = preview::preview(engine, head, limits).map_err(refusal)?;
    let body = json!({
        "profile": { "name": engine.plan().profile().name, "digest": engine.plan().id() },
        "transfer_syntax": head.transfer_syntax.uid,
        "pixels": head.bulk.is_some(),
        "refused": refused.map(fate),
        "cut": cut,
        "attributes": lines.iter().map(line).collect::<Vec<Value>>(),
    });
    Ok(body.to_string())
}

fn line(line: &Line) -> Value {
    let text = |value: &Option<Phi<String>>| value.as_ref().map(|value| value.expose().clone());
    json!({
        "path": line.path.iter().map(|(tag, item)| format!("{}[{item}]", shown(*tag))).collect::<Vec<_>>(),
        "tag": shown(line.tag),
        "keyword": line.keyword,
        "vr": line.vr.to_string(),
        "creator": line.creator,
        "outcome": line.outcome.word(),
        "code": line.code,
        "counted": line.counted,
        "reason": line.reason,
        "old": text(&line.old),
        "new": text(&line.new),
    })
}

fn shown(Tag(group, element): Tag) -> String {
    format!("({group:04X},{element:04X})")
}
