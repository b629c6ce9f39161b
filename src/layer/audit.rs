//! Owns the account of a request: builds its audit entries from what the handler did, and has usage, entries, billing,
//! catalog and new names committed in one transaction before the answer leaves. Without commit the answer is withheld.

use super::ahead::Ahead;
use super::billing::Charged;
use super::context::{Asked, Caller, Done, RequestId, Tally};
use super::cross;
use super::reads::{self, Spent};
use crate::audit::action::{Action, Outcome};
use crate::audit::digest::Digest;
use crate::audit::event::{By, Event};
use crate::audit::value::Id;
use crate::db::Fault;
use crate::db::writer::{Settled, Settlement, Ticket, Writer};
use crate::deid::plan::Plan;
use crate::destination::{Custody, Stored};
use crate::metrics::{Direction, Reason, metrics};
use crate::origin::Place;
use crate::problem::Problem;
use crate::trail::{Kind, Step};
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::time::{SystemTime, UNIX_EPOCH};

/// Hash of the request's own entry, which chains all entries of its instances.
const HASH: HeaderName = HeaderName::from_static("x-audit-sha256");

/// Proof that the entry is in the chain: see `audit::checkpoint::EntryReceipt`.
const RECEIPT: HeaderName = HeaderName::from_static("veilgate-audit-receipt");

/// Settles the account of a request.
pub(super) async fn audit(State(writer): State<Writer>, request: Request, next: Next) -> Response {
    let Some((caller, by)) = actor(&request) else {
        return Problem::Internal("a request without caller reached the audit").into_response();
    };
    let mut response = next.run(request).await;
    let tally = response.extensions_mut().remove::<Tally>().unwrap_or_default();
    let settlement = settlement(&caller, by, &tally, &mut response);
    let (names, reader) = (settlement.names.clone(), settlement.ticket.clone().filter(|_| tally.read > 0));
    let step = Step::begin(Kind::Internal, "settle");
    let (settled, response) = settle(&writer, settlement, response, tally.read > 0).await;
    drop(step);
    if settled.is_ok() {
        caller.crosswalk.entered(&names);
    }
    let on_record = settled.is_ok();
    let response = finish(response, tally, settled).await;
    match reader.filter(|_| on_record) {
        Some(ticket) => reads::leaving(response, writer, ticket),
        None => response,
    }
}

/// Settles; what is read comes in meanwhile from where it lies, as far as it may wait here.
async fn settle(
    writer: &Writer,
    settlement: Settlement,
    response: Response,
    read: bool,
) -> (Result<Settled, Fault>, Response) {
    if !read {
        return (writer.settle(settlement).await, response);
    }
    let (head, body) = response.into_parts();
    let mut body = Ahead::new(body);
    let settled = body.meanwhile(writer.settle(settlement)).await;
    (settled, Response::from_parts(head, Body::new(body)))
}

fn actor(request: &Request) -> Option<(Caller, By)> {
    let caller = request.extensions().get::<Caller>()?.clone();
    let id = request.extensions().get::<RequestId>()?;
    let action = match *request.method() {
        Method::POST | Method::PUT => Action::Store,
        _ => Action::Retrieve,
    };
    let (actor, request) = (Id::new(caller.key.as_str()).ok()?, Id::new(id.told.as_str()).ok()?);
    Some((caller, By { actor, request: Some(request), action }))
}

fn settlement(caller: &Caller, by: By, tally: &Tally, response: &mut Response) -> Settlement {
    let action = response.extensions_mut().remove::<Action>().unwrap_or(by.action);
    let by = By { action, ..by };
    let now = now();
    let plan = caller.engine.plan();
    let instances = tally.instances.iter().map(|done| (now, event(&by, plan, done)));
    let request = request_event(&by, plan, tally, response);
    Settlement {
        project: caller.project.clone(),
        key: caller.key.clone(),
        ticket: response.extensions_mut().remove::<Ticket>(),
        used: used(tally, response),
        read: tally.read,
        charged: response.extensions_mut().remove::<Charged>().is_some(),
        left: matches!(tally.custody, Custody::Left),
        events: instances.chain(std::iter::once((now, request))).collect(),
        names: cross::names(caller, tally),
        stored: stored(tally).map(|stored| stored.entries.clone()).unwrap_or_default(),
    }
}

/// What counts against the quota.
fn used(tally: &Tally, response: &mut Response) -> u64 {
    let read = response.extensions_mut().remove::<Spent>().map_or(0, |spent| spent.0);
    read.saturating_add(tally.delivered() as u64)
}

fn event(by: &By, plan: &Plan, done: &Done) -> Event {
    match done {
        Done::Delivered(receipt) | Done::Restored(receipt) => Event::instance(by, plan, receipt),
        Done::Undelivered(receipt, reason) => {
            Event::undelivered(by, plan, receipt, crate::deid::refusal::FailureReason(*reason))
        }
        Done::Refused(refused) => Event::refusal(by, plan, refused, None::<Digest>),
        Done::Unread(names, reason) => Event::unread(by, plan, names.as_deref(), *reason),
    }
}

fn request_event(by: &By, plan: &Plan, tally: &Tally, response: &Response) -> Event {
    let (done, refused) = match response.extensions().get::<Asked>() {
        Some(asked) => (asked.found as u64, asked.unknown as u64),
        None => {
            let done = tally.done() as u64;
            let refused = (tally.instances.len() as u64).saturating_sub(done);
            (done.saturating_add(tally.read), refused)
        }
    };
    let status = response.status();
    let outcome = match (done, refused) {
        _ if status.is_server_error() => Outcome::Failed,
        (1.., 1..) => Outcome::Partial,
        _ if status.is_client_error() => Outcome::Refused,
        _ => Outcome::Done,
    };
    let event = Event::request(by, outcome, done, refused);
    match &tally.given {
        Some(Place { study, series, instance }) => {
            let uid = |uid: &Option<String>| uid.clone().unwrap_or_default();
            event.given(plan, [study.as_str(), &uid(series), &uid(instance)])
        }
        None => event,
    }
}

async fn finish(mut response: Response, tally: Tally, settled: Result<Settled, Fault>) -> Response {
    let settled = match settled {
        Ok(settled) => settled,
        Err(fault) => {
            // In an outage nobody knows whether they were entered after all: then the archive's sweep decides.
            if let Some(stored) = stored(&tally).filter(|_| !fault.is_outage()) {
                stored.withdraw().await;
            }
            return withheld(fault, tally);
        }
    };
    count(&tally);
    if let Some(stored) = stored(&tally) {
        stored.archive.remove(settled.useless.iter().map(String::as_str)).await;
    }
    if let Some(receipt) = settled.receipt {
        let headers = response.headers_mut();
        headers.extend(HeaderValue::from_str(&receipt.hash.to_hex()).ok().map(|value| (HASH, value)));
        headers.extend(HeaderValue::from_str(&receipt.canonical()).ok().map(|value| (RECEIPT, value)));
    }
    response.extensions_mut().insert(tally);
    response
}

/// What is on record is in the metrics too.
fn count(tally: &Tally) {
    let all = metrics();
    for done in &tally.instances {
        let (outcome, reason) = match done {
            Done::Delivered(_) => ("delivered", None),
            Done::Restored(_) => ("restored", None),
            Done::Undelivered(..) => ("undelivered", None),
            Done::Refused(refused) => ("refused", Some(refused.refusal.code())),
            Done::Unread(..) => ("unread", Some("unreadable")),
        };
        all.came(outcome, 1);
        if let Some(reason) = reason {
            all.refused_instances.get_or_create(&Reason { reason }).inc();
        }
    }
    all.read.inc_by(tally.read);
    for (direction, bytes) in [("in", tally.bytes_in), ("out", tally.bytes_out)] {
        all.instance_bytes.get_or_create(&Direction { direction }).inc_by(bytes);
    }
}

/// What waits in the archive.
fn stored(tally: &Tally) -> Option<&Stored> {
    match &tally.custody {
        Custody::Stored(stored) => Some(stored),
        Custody::Here | Custody::Left => None,
    }
}

/// Nothing leaves that is not on record.
fn withheld(fault: Fault, tally: Tally) -> Response {
    let problem = match fault {
        Fault::Spent => {
            metrics().over_quota.inc();
            Problem::QuotaSpent { retry_after: crate::db::usage::Month::now().left() }
        }
        fault => Problem::from(fault),
    };
    let mut response = problem.into_response();
    response.extensions_mut().insert(Tally { instances: Vec::new(), read: 0, ..tally });
    response
}

/// Milliseconds since 1970 UTC.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
