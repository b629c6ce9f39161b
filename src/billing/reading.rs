//! Reading an event's JSON: only the few fields that are used, wherever the API versions since 2017 put them. What an
//! authentic event lacks is left open; only an event that cannot be identified at all is an error.

use super::event::{About, Change, CheckoutPayment, Event, Kind, Plan, Snapshot, Status};
use super::ledger::ReadBack;
use serde_json::Value;

/// The metadata key that carries our customer reference.
pub(super) const REFERENCE: &str = "customer_reference";

/// A signed body that is no event: not JSON, or without id, type, time or (where it is needed) object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the webhook body is no event")]
pub struct NoEvent;

impl Event {
    /// Read a body whose signature has been verified. Unknown types give [`Kind::Other`].
    pub fn read(body: &[u8]) -> Result<Event, NoEvent> {
        let whole: Value = serde_json::from_slice(body).map_err(|_| NoEvent)?;
        let word = text(&whole, &["/type"]).ok_or(NoEvent)?;
        let object = whole.pointer("/data/object").filter(|it| it.is_object());
        let (about, kind) = match (object, kind_of(&word)) {
            (Some(object), Some(read)) => read(object),
            (None, Some(_)) => return Err(NoEvent),
            (_, None) => (About::default(), Kind::Other),
        };
        let id = text(&whole, &["/id"]).filter(|id| id.len() <= 255).ok_or(NoEvent)?;
        let created = time(&whole, &["/created"]).ok_or(NoEvent)?;
        Ok(Event { id, created, about, kind })
    }
}

type Read = fn(&Value) -> (About, Kind);

fn kind_of(word: &str) -> Option<Read> {
    Some(match word {
        "checkout.session.completed" => |it| checkout(it, Kind::CheckoutCompleted(payment(it))),
        "checkout.session.async_payment_succeeded" => |it| checkout(it, Kind::AsyncPaymentSucceeded),
        "checkout.session.async_payment_failed" => |it| checkout(it, Kind::AsyncPaymentFailed),
        "customer.subscription.created" => |it| subscription(it, Change::Created),
        "customer.subscription.updated" | "customer.subscription.resumed" => {
            |it| subscription(it, Change::Updated)
        }
        "customer.subscription.paused" => |it| subscription(it, Change::Paused),
        "customer.subscription.deleted" => |it| subscription(it, Change::Deleted),
        "invoice.paid" => |it| (invoice_about(it), Kind::InvoicePaid(paid_through(it))),
        "invoice.payment_failed" => |it| (invoice_about(it), Kind::InvoicePaymentFailed),
        _ => return None,
    })
}

fn checkout(session: &Value, kind: Kind) -> (About, Kind) {
    let about = About {
        reference: text(session, &["/client_reference_id"]),
        stripe_customer: id(session, &["/customer"]),
        subscription: id(session, &["/subscription"]),
    };
    // A session in payment or setup mode buys none of our plans.
    if text(session, &["/mode"]).as_deref() == Some("subscription") {
        (about, kind)
    } else {
        (about, Kind::Other)
    }
}

fn payment(session: &Value) -> CheckoutPayment {
    match text(session, &["/payment_status"]).as_deref() {
        Some("paid") => CheckoutPayment::Paid,
        Some("no_payment_required") => CheckoutPayment::Trial,
        _ => CheckoutPayment::Unpaid,
    }
}

fn subscription(object: &Value, change: Change) -> (About, Kind) {
    (subscription_about(object), Kind::Subscription(change, snapshot(object)))
}

fn subscription_about(object: &Value) -> About {
    About {
        reference: text(object, &["/metadata/customer_reference"]),
        stripe_customer: id(object, &["/customer"]),
        subscription: text(object, &["/id"]),
    }
}

/// A subscription as it was read back, with its latest invoice. `None` if it is none.
pub(super) fn read_back(object: &Value) -> Option<ReadBack> {
    let about = subscription_about(object);
    about.subscription.as_ref()?;
    let paid = object.pointer("/latest_invoice").and_then(|invoice| {
        time(invoice, &["/status_transitions/paid_at"]).map(|at| (at, paid_through(invoice)))
    });
    Some(ReadBack { about, snapshot: snapshot(object), created: time(object, &["/created"])?, paid })
}

fn snapshot(object: &Value) -> Snapshot {
    let items = object.pointer("/items/data").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let metered = |item: &&Value| {
        let usage = text(item, &["/price/recurring/usage_type", "/plan/usage_type"]);
        usage.as_deref() == Some("metered")
    };
    let main = items.iter().find(|item| !metered(item)).or(items.first()).unwrap_or(object);
    let at = |item: &str, whole: &str| time(main, &[item]).or_else(|| time(object, &[whole]));
    let period_end = at("/current_period_end", "/current_period_end");
    let cancelling = object.pointer("/cancel_at_period_end").and_then(Value::as_bool) == Some(true);
    Snapshot {
        status: text(object, &["/status"]).map_or(Status::Unknown, |word| Status::from_word(&word)),
        prices: items.iter().filter_map(|item| text(item, &["/price/id", "/plan/id"])).collect(),
        interval: text(main, &["/price/recurring/interval", "/plan/interval"])
            .and_then(|word| Plan::from_name(&word)),
        period_start: at("/current_period_start", "/current_period_start"),
        period_end,
        cancels_at: time(object, &["/cancel_at"]).or(period_end.filter(|_| cancelling)),
        ended_at: time(object, &["/ended_at"]),
    }
}

fn invoice_about(invoice: &Value) -> About {
    // `parent` since version 2025-03-31, the plain fields before.
    let reference = [
        "/parent/subscription_details/metadata/customer_reference",
        "/subscription_details/metadata/customer_reference",
    ];
    About {
        reference: text(invoice, &reference),
        stripe_customer: id(invoice, &["/customer"]),
        subscription: id(invoice, &["/parent/subscription_details/subscription", "/subscription"]),
    }
}

/// The latest end among the periods that an invoice charges for; a credit for unused time pays nothing.
fn paid_through(invoice: &Value) -> Option<i64> {
    let lines = invoice.pointer("/lines/data").and_then(Value::as_array)?;
    let charged = |line: &&Value| time(line, &["/amount"]).unwrap_or(0) >= 0;
    lines.iter().filter(charged).filter_map(|line| time(line, &["/period/end"])).max()
}

/// The first of these that is a text with something in it.
pub(super) fn text(value: &Value, places: &[&str]) -> Option<String> {
    let found = places.iter().find_map(|at| value.pointer(at)?.as_str().filter(|it| !it.is_empty()));
    found.map(str::to_owned)
}

/// The first of these that is an id, plain or of an expanded object.
fn id(value: &Value, places: &[&str]) -> Option<String> {
    places.iter().find_map(|at| text(value, &[at]).or_else(|| text(value.pointer(at)?, &["/id"])))
}

fn time(value: &Value, places: &[&str]) -> Option<i64> {
    places.iter().find_map(|at| value.pointer(at)?.as_i64())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;
    use serde_json::json;

    fn read(kind: &str, object: Value) -> Event {
        let whole = json!({ "id": "evt_1", "type": kind, "created": 5, "data": { "object": object } });
        Event::read(whole.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_session_says_how_it_was_paid_and_whose_it_is() {
        for (word, payment) in [
            ("paid", CheckoutPayment::Paid),
            ("no_payment_required", CheckoutPayment::Trial),
            ("unpaid", CheckoutPayment::Unpaid),
            ("something new", CheckoutPayment::Unpaid),
        ] {
            let session = json!({ "mode": "subscription", "client_reference_id": "c-1", "customer": "cus_1",
                "subscription": { "id": "sub_1", "object": "subscription" }, "payment_status": word });
            let event = read("checkout.session.completed", session);
            assert_eq!(event.kind, Kind::CheckoutCompleted(payment));
            assert_eq!(event.about.reference.as_deref(), Some("c-1"));
            assert_eq!(event.about.subscription.as_deref(), Some("sub_1"));
        }
        let once = json!({ "mode": "payment", "payment_status": "paid", "subscription": "sub_1" });
        assert_eq!(read("checkout.session.completed", once).kind, Kind::Other);
    }

    #[test]
    fn a_subscription_reads_alike_in_old_and_new_api_versions() {
        let newer = json!({ "id": "sub_1", "customer": "cus_1", "status": "active", "cancel_at_period_end": true,
            "metadata": { "customer_reference": "c-1" },
            "items": { "data": [
                { "price": { "id": "price_use", "recurring": { "interval": "month", "usage_type": "metered" } },
                  "current_period_start": 1, "current_period_end": 2 },
                { "price": { "id": "price_a", "recurring": { "interval": "year", "usage_type": "licensed" } },
                  "current_period_start": 10, "current_period_end": 20 } ] } });
        let older = json!({ "id": "sub_1", "customer": { "id": "cus_1" }, "status": "active",
            "cancel_at_period_end": true, "current_period_start": 10, "current_period_end": 20,
            "metadata": { "customer_reference": "c-1" },
            "items": { "data": [
                { "plan": { "id": "price_use", "interval": "month", "usage_type": "metered" } },
                { "plan": { "id": "price_a", "interval": "year", "usage_type": "licensed" } } ] } });
        let expected = Snapshot {
            status: Status::Active,
            prices: vec!["price_use".into(), "price_a".into()],
            interval: Some(Plan::Annual),
            period_start: Some(10),
            period_end: Some(20),
            cancels_at: Some(20),
            ended_at: None,
        };
        for object in [newer, older] {
            let event = read("customer.subscription.updated", object);
            assert_eq!(event.kind, Kind::Subscription(Change::Updated, expected.clone()));
            assert_eq!(event.about.stripe_customer.as_deref(), Some("cus_1"));
        }
    }

    #[test]
    fn an_invoice_names_its_subscription_in_old_and_new_api_versions() {
        let lines = json!({ "data": [{ "period": { "end": 20 } }, { "amount": 0, "period": { "end": 30 } }, {},
            { "amount": -5, "period": { "end": 99 } }] });
        let newer = json!({ "customer": "cus_1", "lines": lines, "parent": { "subscription_details":
            { "subscription": "sub_1", "metadata": { "customer_reference": "c-1" } } } });
        let older = json!({ "customer": "cus_1", "lines": lines, "subscription": "sub_1",
            "subscription_details": { "metadata": { "customer_reference": "c-1" } } });
        for object in [newer, older] {
            let event = read("invoice.paid", object);
            assert_eq!(event.kind, Kind::InvoicePaid(Some(30)));
            assert_eq!(event.about.reference.as_deref(), Some("c-1"));
            assert_eq!(event.about.subscription.as_deref(), Some("sub_1"));
        }
        assert_eq!(read("invoice.paid", json!({ "lines": { "data": [] } })).kind, Kind::InvoicePaid(None));
    }

    #[test]
    fn unknown_types_are_fine_with_and_without_an_object() {
        let bare = br#"{"id": "evt_1", "type": "v9.brand.new", "created": 5}"#;
        assert_eq!(Event::read(bare).unwrap().kind, Kind::Other);
        assert_eq!(read("radar.review.opened", json!({})).kind, Kind::Other);
    }

    #[test]
    fn what_cannot_be_identified_is_no_event() {
        for bad in [
            &b"not json"[..],
            b"[]",
            b"{}",
            br#"{"id": "", "type": "a", "created": 5}"#,
            br#"{"id": "evt_1", "created": 5}"#,
            br#"{"id": "evt_1", "type": "a", "created": "5"}"#,
            br#"{"id": "evt_1", "type": "invoice.paid", "created": 5}"#,
            br#"{"id": "evt_1", "type": "invoice.paid", "created": 5, "data": {"object": "in_1"}}"#,
        ] {
            assert_eq!(Event::read(bad), Err(NoEvent), "{}", String::from_utf8_lossy(bad));
        }
        let deep = "[".repeat(100_000);
        assert_eq!(Event::read(deep.as_bytes()), Err(NoEvent));
    }

    #[test]
    fn fields_of_an_unexpected_kind_are_left_open() {
        let odd = json!({ "id": 7, "customer": [], "status": 1, "items": "x", "metadata": null });
        let event = read("customer.subscription.created", odd);
        assert_eq!(event.about, About::default());
        assert_eq!(event.kind, Kind::Subscription(Change::Created, Snapshot::default()));
    }
}
