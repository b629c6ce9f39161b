//! Buying a plan: a page to pay on, a page to change what was bought, and the events that Stripe sends. What an event
//! entitles to is `billing`'s, what is kept of it `db::billing`'s.

use super::State;
use crate::audit::action::Action;
use crate::billing::{Checkout, Event, Fault, Mark, Payer, Plan, Stripe, Webhook};
use crate::db::billing::Rules;
use crate::layer::body::BodyFault;
use crate::layer::context::Caller;
use crate::problem::{Charge, Problem};
use axum::Extension;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

/// What the routes work with.
pub struct Billing {
    /// The door to Stripe.
    pub stripe: Stripe,
    /// Knows Stripe's events.
    pub webhook: Webhook,
    /// What they entitle to.
    pub rules: Rules,
}

/// Most bytes of a request for a page.
const ORDER: usize = 64 << 10;

fn billing(service: &State) -> Result<&Billing, Problem> {
    const UNSET: Charge = Charge::Unset("no API key of the payment provider is set");
    service.billing.as_ref().ok_or(UNSET.into())
}

/// A page on which the caller's customer subscribes.
pub(super) async fn checkout(
    service: State,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let billing = billing(&service)?;
    let order = Fields::read(request).await?;
    let (success_url, cancel_url) = (order.needed("success_url")?, order.needed("cancel_url")?);
    let (plan, email) = (order.plan()?, order.text("customer_email")?);
    let wanted_days = order.days("trial_days")?;
    let buyer = service.db.buyer(&billing.rules, &caller.customer).await?;
    if buyer.standing.subscribed {
        return Err(Charge::Subscribed.into());
    }
    let order = Checkout {
        plan,
        trial_days: if buyer.standing.returning { Some(0) } else { wanted_days },
        payer: buyer.stripe_customer.map_or(Payer::New(email), Payer::Known),
        reference: buyer.reference,
        success_url,
        cancel_url,
        idempotency_key: None,
    };
    let session = billing.stripe.checkout(&order).await?;
    Ok(page(json!({ "checkout_url": session.url, "session_id": session.id })))
}

/// A page on which the caller's customer changes, pays or cancels what was bought.
pub(super) async fn portal(
    service: State,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Result<Response, Problem> {
    let billing = billing(&service)?;
    let return_url = Fields::read(request).await?.needed("return_url")?;
    let buyer = service.db.buyer(&billing.rules, &caller.customer).await?;
    let customer = buyer.stripe_customer.ok_or(Charge::NoPurchase)?;
    let url = billing.stripe.portal(&customer, &return_url).await?;
    Ok(page(json!({ "portal_url": url })))
}

/// An event of Stripe's. Whatever is not answered with 200 is sent again.
pub(super) async fn webhook(service: State, request: Request) -> Result<Response, Problem> {
    let billing = billing(&service)?;
    let signature = signature(request.headers());
    let body = small(request, Webhook::BODY_LIMIT).await?;
    billing.webhook.verify(&signature, &body, now())?;
    let event = Event::read(&body).map_err(|_| Charge::Forged("the body is no event"))?;
    let taken = service.db.take_event(&billing.rules, &event).await?;
    if let Some((subscription, mark)) = taken.read_back {
        read_back(&service, billing, &subscription, mark).await?;
    }
    let status = if taken.fresh { "received" } else { "duplicate" };
    Ok(answer(json!({ "status": status })))
}

/// Settles a doubt about a subscription. Where Stripe cannot be asked now, the event is not answered for and comes again.
async fn read_back(
    service: &State,
    billing: &Billing,
    subscription: &str,
    mark: Mark,
) -> Result<(), Problem> {
    let read = match billing.stripe.subscription(subscription).await {
        Ok(read) => Some(read),
        Err(fault @ (Fault::Refused { .. } | Fault::Request { .. })) => {
            tracing::warn!(%fault, "a subscription that an event tells of cannot be read back");
            None
        }
        Err(fault) => return Err(fault.into()),
    };
    service.db.take_read_back(&billing.rules, subscription, mark, read.as_ref()).await?;
    Ok(())
}

/// The signature; none if there are several lines, as nobody could say which was meant.
fn signature(headers: &HeaderMap) -> String {
    let mut lines = headers.get_all("stripe-signature").iter();
    match (lines.next().and_then(|line| line.to_str().ok()), lines.next()) {
        (Some(line), None) => line.to_owned(),
        _ => String::new(),
    }
}

/// The fields of a request. Mistakes tell the field, never its value.
struct Fields(Map<String, Value>);

impl Fields {
    async fn read(request: Request) -> Result<Self, Problem> {
        let body = small(request, ORDER).await?;
        let wrong = Charge::Field { field: "the body", why: "must be a JSON object" };
        serde_json::from_slice(&body).map(Self).map_err(|_| wrong.into())
    }

    fn text(&self, field: &'static str) -> Result<Option<String>, Problem> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(Charge::Field { field, why: "must be a text" }.into()),
        }
    }

    fn needed(&self, field: &'static str) -> Result<String, Problem> {
        self.text(field)?.ok_or(Charge::Field { field, why: "is missing" }.into())
    }

    fn plan(&self) -> Result<Plan, Problem> {
        let name = self.text("plan")?;
        let name = name.as_deref().unwrap_or(Plan::Monthly.name());
        let plan = [Plan::Monthly, Plan::Annual].into_iter().find(|plan| plan.name() == name);
        plan.ok_or(Charge::Field { field: "plan", why: "must be monthly or annual" }.into())
    }

    fn days(&self, field: &'static str) -> Result<Option<u16>, Problem> {
        let wrong = Charge::Field { field, why: "must be a number of days" };
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => {
                let days = value.as_u64().and_then(|days| u16::try_from(days).ok());
                days.map(Some).ok_or(wrong.into())
            }
        }
    }
}

/// A body of at most `limit` bytes, however it is framed; nothing beyond is taken in.
async fn small(request: Request, limit: usize) -> Result<Vec<u8>, Problem> {
    let large = || Problem::BodyTooLarge { limit: limit as u64 };
    let length = request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > limit as u64) {
        return Err(large());
    }
    let mut frames = request.into_body().into_data_stream();
    let mut body = Vec::new();
    while let Some(frame) = frames.next().await {
        let frame = frame.map_err(|error| BodyFault::of(&error))?;
        if body.len() + frame.len() > limit {
            return Err(large());
        }
        body.extend_from_slice(&frame);
    }
    Ok(body)
}

fn answer(body: Value) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], Body::from(body.to_string())).into_response()
}

/// An answer that the audit tells of as what it is.
fn page(body: Value) -> Response {
    let mut response = answer(body);
    response.extensions_mut().insert(Action::Buy);
    response
}

/// Seconds since 1970 UTC.
fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
