//! Fates of instances → Store Instances Response (PS3.18 10.5.3), headers and tally.

use super::Service;
use super::intake::Record;
use crate::deid::receipt::Names;
use crate::deid::refusal::FailureReason;
use crate::destination::{Custody, Fault};
use crate::dicomweb::links::Links;
use crate::dicomweb::store_response::{Outcome, StoreResponse, code};
use crate::layer::context::{Done, Tally};
use crate::problem::Problem;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use std::borrow::Cow;

/// Failures told in words in Warning headers; more would make the header too large.
const WARNINGS: usize = 8;

const STORED: HeaderName = HeaderName::from_static("veilgate-stored");
const REFUSED: HeaderName = HeaderName::from_static("veilgate-refused");

/// The response about these instances, with `links` if they can be retrieved afterwards; `kept` if they are not given back.
pub(super) fn response(
    records: &[Record],
    service: &Service,
    links: Option<&Links>,
    kept: bool,
) -> StoreResponse {
    let warning = (kept && service.store_warning).then_some(code::COERCED);
    let outcomes = records.iter().map(|record| outcome(record, links, warning)).collect();
    StoreResponse { retrieve_url: links.and_then(|links| study(records, links)), outcomes }
}

/// Retrieve URL of the study, if all that was stored belongs to one.
fn study(records: &[Record], links: &Links) -> Option<String> {
    let mut studies = records.iter().filter_map(|record| match record {
        Record::Passed(receipt, Ok(())) => Some(receipt.names.study.as_str()),
        _ => None,
    });
    let first = studies.next().filter(|study| !study.is_empty())?;
    studies.all(|study| study == first).then(|| links.study(first))
}

fn outcome(record: &Record, links: Option<&Links>, warning: Option<u16>) -> Outcome {
    match record {
        Record::Passed(receipt, Ok(())) => {
            let names = &receipt.names;
            Outcome::Stored {
                sop_class: names.sop_class.clone(),
                sop_instance: receipt.sent.as_deref().unwrap_or(&names.instance).to_owned(),
                retrieve_url: links.map(|links| links.instance(&names.study, &names.series, &names.instance)),
                warning,
            }
        }
        Record::Passed(receipt, Err(fault)) => {
            failed(Some(&receipt.names), receipt.sent.as_deref(), fault.reason(), fault.to_string().into())
        }
        Record::Refused(refused) => {
            let refusal = &refused.refusal;
            let (names, sent) = (refused.names.as_deref(), refused.sent.as_deref());
            failed(names, sent, refusal.reason().0, refusal.to_string().into())
        }
        Record::Stuck(names, fault) => {
            failed(names.as_deref(), None, fault.reason(), fault.to_string().into())
        }
        Record::Unread(names, reason, why) => failed(names.as_ref(), None, *reason, why.clone()),
    }
}

/// Without both UIDs an item of Failed SOP Sequence is not legal (PS3.18 I.1). The instance has the UID that it was sent
/// under, where that may be told.
fn failed(names: Option<&Names>, sent: Option<&str>, reason: u16, detail: Cow<'static, str>) -> Outcome {
    match names.filter(|names| !names.instance.is_empty() && !names.sop_class.is_empty()) {
        Some(Names { sop_class, instance, .. }) => Outcome::Failed {
            sop_class: sop_class.clone(),
            sop_instance: sent.unwrap_or(instance).to_owned(),
            reason,
            detail,
        },
        None => Outcome::Other { reason, detail },
    }
}

/// Nothing arrived, and nothing but the destination is to blame: then the request as a
/// whole failed, and may be repeated.
pub(super) fn whole_failure(records: &[Record]) -> Option<Problem> {
    let mut cause = None;
    for record in records {
        match record {
            Record::Passed(_, Err(Fault::Downstream(fault))) | Record::Stuck(_, Fault::Downstream(fault)) => {
                cause = Some(Problem::Downstream(*fault));
            }
            Record::Passed(_, Err(Fault::Storage)) | Record::Stuck(_, Fault::Storage) => {
                cause = Some(Problem::Storage);
            }
            Record::Stuck(_, Fault::Memory) => cause = Some(Problem::Memory),
            _ => return None,
        }
    }
    cause
}

/// Headers about the fates: counts, failures in words (PS3.18 10.5.3.2), location.
pub(super) fn headers(response: &StoreResponse, records: &[Record], headers: &mut HeaderMap) {
    headers.insert(STORED, HeaderValue::from(response.stored()));
    headers.insert(REFUSED, HeaderValue::from(response.failed()));
    if response.warned() > 0 {
        let restored =
            |record: &Record| matches!(record, Record::Passed(receipt, _) if receipt.sent.is_some());
        let warning = match records.iter().any(restored) {
            true => "299 veilgate \"B000: led back to its originals\"",
            false => "299 veilgate \"B000: pseudonymized (PS3.15 E)\"",
        };
        headers.append(header::WARNING, HeaderValue::from_static(warning));
    }
    for problem in response.problems().take(WARNINGS) {
        let text = problem.detail.replace('"', "'");
        let text = format!("299 veilgate \"instance {}: {:04X}: {text}\"", problem.position, problem.reason);
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.append(header::WARNING, value);
        }
    }
    if let Some(url) = response.retrieve_url.as_deref().and_then(|url| HeaderValue::from_str(url).ok()) {
        headers.insert(header::LOCATION, url.clone());
        headers.insert(header::CONTENT_LOCATION, url);
    }
}

/// The request failed as a whole; its instances are accounted for all the same.
pub(super) fn broken(problem: Problem, records: Vec<Record>, custody: Custody) -> Response {
    let mut response = problem.into_response();
    response.extensions_mut().insert(tally(records, custody));
    response
}

/// What the layers are told.
pub(super) fn tally(records: Vec<Record>, custody: Custody) -> Tally {
    let mut tally = Tally { custody, ..Tally::default() };
    for record in records {
        tally.instances.push(match record {
            Record::Passed(receipt, arrived) => {
                tally.bytes_in += receipt.bytes_in;
                tally.bytes_out += receipt.bytes_out;
                match arrived {
                    Ok(()) if receipt.sent.is_some() => Done::Restored(receipt),
                    Ok(()) => Done::Delivered(receipt),
                    Err(fault) => Done::Undelivered(receipt, fault.reason()),
                }
            }
            Record::Refused(refused) => Done::Refused(Box::new(refused)),
            Record::Stuck(names, fault) => Done::Unread(names, FailureReason(fault.reason())),
            Record::Unread(names, reason, _) => Done::Unread(names.map(Box::new), FailureReason(reason)),
        });
    }
    tally
}
