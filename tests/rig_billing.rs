//! Buying through the built gateway: a payment's whole life over HTTP and signed webhooks, hostile and odd deliveries, a
//! Stripe that fails. Usage told to the meter is in `rig_meter.rs`.
#![cfg(feature = "billing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "rig_billing/stage.rs"]
mod stage;
mod support;

use serde_json::{Value, json};
use stage::{DAY, FORM, SECRET, Stage, now, stage};
use support::http::{Framing, Request};
use support::server::Server;
use veilgate::db::account::Tier;

/// A subscription of the stage's customer as an event shows it.
fn subscription(stage: &Stage, status: &str, from: i64) -> Value {
    json!({ "id": "sub_x", "object": "subscription", "customer": "cus_x", "status": status,
        "metadata": { "customer_reference": stage.customer() },
        "items": { "data": [{ "price": { "id": "price_m", "recurring": { "interval": "month" } },
            "current_period_start": from, "current_period_end": from + 30 * DAY }] } })
}

fn invoice(stage: &Stage, from: i64) -> Value {
    json!({ "id": "in_x", "object": "invoice", "customer": "cus_x",
        "parent": { "subscription_details": { "subscription": "sub_x",
            "metadata": { "customer_reference": stage.customer() } } },
        "lines": { "data": [{ "amount": 9900, "period": { "start": from, "end": from + 30 * DAY } }] } })
}

/// The customer has opened a checkout, so that Stripe's events are about somebody.
fn opened() -> Option<Stage> {
    let stage = stage()?;
    assert_eq!(stage.checkout(json!({})).status, 200);
    Some(stage)
}

#[test]
fn a_customer_goes_from_free_over_checkout_and_pro_to_cancelled_and_free() {
    let Some(stage) = stage() else { return };
    assert_eq!(stage.usage().tier, Tier::Free);
    // As earlier programs asked for it.
    let refused = "mode=subscription&success_url=https://a.example/&customer_creation=always\
        &line_items[0][price]=price_m&line_items[0][quantity]=1";
    let refused = stage.stand.ask("POST", "/v1/checkout/sessions", FORM, refused);
    assert_eq!(refused["error"]["param"], "customer_creation");
    let ordered = stage.checkout(json!({ "customer_email": "pay@clinic.example" }));
    let session = ordered.json()["session_id"].as_str().unwrap().to_owned();
    stage.pay(&ordered);
    stage.wait_for(Tier::Pro);
    let session = stage.stand.ask("GET", &format!("/v1/checkout/sessions/{session}"), FORM, "");
    assert_eq!(
        (&session["payment_status"], &session["amount_total"]),
        (&json!("no_payment_required"), &json!(0))
    );
    assert_eq!(stage.subscription()["status"], "trialing", "14 days by default");

    let twice = stage.checkout(json!({}));
    assert_eq!(twice.status, 409);
    assert!(twice.json()["detail"].as_str().unwrap().contains("portal-session"), "{}", twice.text());
    let portal =
        stage.post("/v1/billing/portal-session", &json!({ "return_url": "https://clinic.example/" }));
    assert!(portal.json()["portal_url"].as_str().unwrap().starts_with(&stage.stand.url));

    let mut ended = stage.subscription();
    let path = format!("/v1/subscriptions/{}", ended["id"].as_str().unwrap());
    let before = stage.number("SELECT COUNT(*) FROM stripe_event");
    stage.stand.ask("POST", &path, FORM, "cancel_at_period_end=true");
    stage.wait("the cancellation", 20, || stage.number("SELECT COUNT(*) FROM stripe_event") > before);
    assert_eq!(stage.usage().tier, Tier::Pro, "cancelling costs nothing of the time granted");

    // The end of that time, as Stripe tells it then.
    ended["status"] = json!("canceled");
    ended["ended_at"] = json!(now());
    ended["items"]["data"][0]["current_period_start"] = json!(now() - 30 * DAY);
    ended["items"]["data"][0]["current_period_end"] = json!(now());
    stage.control("/_test/fire", &json!({ "type": "customer.subscription.deleted", "object": ended }));
    stage.wait_for(Tier::Free);
    let told =
        "SELECT COUNT(*) FROM audit_entry WHERE project_id = 'gateway' AND body LIKE '%\"change-tier\"%'";
    assert_eq!(stage.number(told), 2, "up and down again");
    let again = stage.checkout(json!({ "trial_days": 14, "plan": "annual" }));
    let session = again.json()["session_id"].as_str().unwrap().to_owned();
    let session = stage.stand.ask("GET", &format!("/v1/checkout/sessions/{session}"), FORM, "");
    assert_eq!(session["amount_total"], 9900, "no second trial");
    assert_eq!(session["customer"], ended["customer"], "known to Stripe");
}

#[test]
fn forged_late_changed_and_large_deliveries_are_refused_and_doubled_ones_told_apart() {
    let Some(stage) = opened() else { return };
    let body = |id: &str| {
        let event = json!({ "id": id, "type": "invoice.paid", "created": now(), "data": { "object": invoice(&stage, now()) } });
        event.to_string().into_bytes()
    };
    let refused = |answer: support::http::Response| {
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.json()["detail"].is_string());
    };
    refused(stage.deliver_raw(&body("evt_1"), "whsec_guessed"));
    refused(stage.server().send_bare(Request::new("POST", "/v1/billing/webhook").body(body("evt_1"))));
    refused(stage.deliver_raw(b"no event", SECRET));
    for what in [json!({ "skew": -301 }), json!({ "skew": 310 }), json!({ "mangle": true })] {
        let mut send = json!({ "event": serde_json::from_slice::<Value>(&body("evt_1")).unwrap() });
        send["event"]["livemode"] = json!(false);
        send.as_object_mut().unwrap().extend(what.as_object().unwrap().clone());
        assert_eq!(stage.control("/_test/send", &send), json!([400]), "{what}");
    }
    assert_eq!(stage.number("SELECT COUNT(*) FROM stripe_event"), 0);
    assert_eq!(stage.deliver_raw(&body("evt_1"), SECRET).json(), json!({ "status": "received" }));
    assert_eq!(stage.deliver_raw(&body("evt_1"), SECRET).json(), json!({ "status": "duplicate" }));
    assert_eq!(stage.deliver_raw(&body("evt_2"), "whsec_next").status, 200, "both secrets hold");

    let large = vec![b' '; (1 << 20) + 1];
    assert_eq!(stage.deliver_raw(&large, SECRET).status, 413);
    let chunked = Request::new("POST", "/v1/billing/webhook").body(large).framing(Framing::Chunked(65_536));
    assert_eq!(stage.server().send_bare(chunked).status, 413, "also where no length says so");
}

#[test]
fn an_unpaid_session_upgrades_nobody_until_its_slow_payment_comes() {
    let Some(stage) = opened() else { return };
    let session = |status: &str| {
        json!({ "id": "cs_x", "mode": "subscription", "payment_status": status, "customer": "cus_x",
            "subscription": "sub_x", "client_reference_id": stage.customer() })
    };
    let at = now();
    stage.deliver("evt_1", at, "customer.subscription.created", &subscription(&stage, "active", at));
    stage.deliver("evt_2", at, "checkout.session.completed", &session("unpaid"));
    assert_eq!(stage.usage().tier, Tier::Free);
    stage.deliver("evt_3", at + 1, "checkout.session.async_payment_failed", &session("unpaid"));
    assert_eq!(stage.usage().tier, Tier::Free);
    stage.deliver("evt_4", at + 2, "checkout.session.async_payment_succeeded", &session("paid"));
    assert_eq!(stage.usage().tier, Tier::Pro);
}

#[test]
fn events_in_any_order_end_alike() {
    let Some(stage) = opened() else { return };
    let at = now() - 40 * DAY;
    let mut ended = subscription(&stage, "canceled", at);
    ended["ended_at"] = json!(at + 30 * DAY);
    let late = [
        ("evt_3", at + 30 * DAY, "customer.subscription.deleted", ended),
        ("evt_2", at + 1, "invoice.paid", invoice(&stage, at)),
        ("evt_1", at, "customer.subscription.created", subscription(&stage, "active", at)),
        ("evt_4", at + 5, "brand.new.event", json!({})),
    ];
    for (id, at, kind, object) in &late {
        let answer = stage.deliver(id, *at, kind, object);
        assert_eq!(answer.json(), json!({ "status": "received" }), "{kind}");
    }
    assert_eq!(stage.usage().tier, Tier::Free, "an end is an end");
}

#[test]
fn paying_before_the_first_upload_is_not_lost() {
    let Some(stage) = opened() else { return };
    assert_eq!(stage.number("SELECT COUNT(*) FROM usage"), 0, "nothing was uploaded yet");
    let at = now();
    stage.deliver("evt_1", at, "invoice.paid", &invoice(&stage, at));
    stage.deliver("evt_2", at, "customer.subscription.created", &subscription(&stage, "active", at));
    assert_eq!(stage.usage().tier, Tier::Pro);
    assert_eq!(stage.push(1).unwrap().status, 200);
}

#[test]
fn an_authentic_event_of_another_api_version_counts() {
    let Some(stage) = opened() else { return };
    let at = now();
    // As versions of 2022 wrote it, and without what the typed client insists on.
    let old = json!({ "id": "sub_x", "customer": "cus_x", "status": "active", "current_period_start": at,
        "current_period_end": at + 30 * DAY, "metadata": { "customer_reference": stage.customer() },
        "items": { "data": [{ "plan": { "id": "price_m", "interval": "month" } }] } });
    let paid = json!({ "id": "in_x", "customer": "cus_x", "subscription": "sub_x",
        "lines": { "data": [{ "period": { "start": at, "end": at + 30 * DAY } }] } });
    assert_eq!(stage.deliver("evt_1", at, "customer.subscription.created", &old).status, 200);
    assert_eq!(stage.deliver("evt_2", at, "invoice.paid", &paid).status, 200);
    assert_eq!(stage.usage().tier, Tier::Pro);
}

#[test]
fn failed_payments_lower_the_tier_at_the_end_of_the_grace_and_not_before() {
    let Some(stage) = opened() else { return };
    let overdue = |since: i64, id: &str| {
        let at = now() - since;
        stage.deliver(&format!("evt_a{id}"), at - 30 * DAY, "invoice.paid", &invoice(&stage, at - 30 * DAY));
        stage.deliver(&format!("evt_b{id}"), at, "invoice.payment_failed", &invoice(&stage, at));
        let due = subscription(&stage, "past_due", at);
        stage.deliver(&format!("evt_c{id}"), at + 1, "customer.subscription.updated", &due);
        stage.usage().tier
    };
    assert_eq!(overdue(20 * DAY, "1"), Tier::Free, "paid until 20 days ago");
    assert_eq!(overdue(2 * DAY, "2"), Tier::Pro, "paid until 2 days ago, Stripe still tries");
}

#[test]
fn a_stripe_that_fails_costs_a_503_without_its_words_and_loses_nothing() {
    let Some(stage) = opened() else { return };
    let fail = |path: &str, status: u16| {
        stage.control("/_test/fail", &json!({ "path": path, "status": status, "times": 1 }));
    };
    fail("/v1/checkout", 500);
    let down = stage.checkout(json!({}));
    assert_eq!((down.status, down.header("retry-after")), (503, Some("5")), "{}", down.text());
    fail("/v1/checkout", 400);
    let refused = stage.checkout(json!({}));
    assert_eq!((refused.status, refused.header("retry-after")), (503, None));
    assert!(!(down.text() + &refused.text()).contains("made to fail"));
    assert_eq!(stage.checkout(json!({})).status, 200);

    // A payment whose subscription has to be read back, while that fails: the event is not answered for.
    stage.pay(&stage.checkout(json!({ "trial_days": 0 })));
    // Pro comes with the first of its four events; one that is late would undo what follows.
    let told = || stage.stand.ask("GET", "/_test/deliveries", FORM, "").as_array().map_or(0, Vec::len);
    stage.wait("the payment's four events", 20, || told() >= 4);
    assert_eq!(stage.usage().tier, Tier::Pro);
    stage.sql("DELETE FROM subscription");
    stage.sql("UPDATE customer SET paid_tier = NULL, paid_until_ms = NULL");
    let mut paid = invoice(&stage, now());
    paid["parent"]["subscription_details"]["subscription"] = stage.subscription()["id"].clone();
    fail("/v1/subscriptions", 500);
    let first = stage.deliver("evt_r", now(), "invoice.paid", &paid);
    assert_eq!((first.status, stage.usage().tier), (503, Tier::Free));
    let again = stage.deliver("evt_r", now(), "invoice.paid", &paid);
    assert_eq!((again.json(), stage.usage().tier), (json!({ "status": "duplicate" }), Tier::Pro));
}

#[test]
fn wrong_orders_are_told_by_field_and_strangers_turned_away() {
    let Some(stage) = stage() else { return };
    for (order, field) in [
        (json!({ "success_url": "javascript:alert(1)" }), "success_url"),
        (json!({ "cancel_url": "http://clinic.example/" }), "cancel_url"),
        (json!({ "cancel_url": null }), "cancel_url"),
        (json!({ "plan": "weekly" }), "plan"),
        (json!({ "plan": 7 }), "plan"),
        (json!({ "customer_email": "nobody" }), "customer_email"),
        (json!({ "trial_days": -1 }), "trial_days"),
    ] {
        let answer = stage.checkout(order.clone());
        assert_eq!(answer.status, 422, "{order}: {}", answer.text());
        assert!(answer.json()["detail"].as_str().unwrap().starts_with(field), "{}", answer.text());
    }
    assert_eq!(stage.post("/v1/billing/checkout-session", &json!([])).status, 422);
    let large = json!({ "success_url": "x".repeat(70_000) });
    assert_eq!(stage.post("/v1/billing/checkout-session", &large).status, 413);
    let nothing =
        stage.post("/v1/billing/portal-session", &json!({ "return_url": "https://clinic.example/" }));
    assert_eq!(nothing.status, 409, "nothing was bought");
    for path in ["/v1/billing/checkout-session", "/v1/billing/portal-session"] {
        assert_eq!(stage.server().send_bare(Request::new("POST", path)).status, 401);
        assert_eq!(stage.server().send(Request::new("GET", path)).status, 405);
    }
    assert_eq!(stage.number("SELECT COUNT(*) FROM audit_entry WHERE body LIKE '%clinic.example%'"), 0);
}

#[test]
fn without_settings_nothing_is_sold_and_a_placeholder_is_no_secret() {
    let server = Server::start();
    let order =
        json!({ "success_url": "https://a.example/", "cancel_url": "https://a.example/" }).to_string();
    for path in ["/v1/billing/checkout-session", "/v1/billing/portal-session", "/v1/billing/webhook"] {
        let answer = server.send(Request::new("POST", path).body(order.as_bytes()));
        assert_eq!(answer.status, 503, "{path}");
        assert!(answer.json()["detail"].is_string());
    }
    let publishable = std::process::Command::new(env!("CARGO_BIN_EXE_veilgate"))
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(server.data().with_file_name("other"))
        .env("STRIPE_API_KEY", "pk_test_1")
        .env_remove("VEILGATE_TEST_DATABASE")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&publishable.stderr);
    assert!(
        publishable.status.code() == Some(3) && said.contains("sk_") && !said.contains("pk_test"),
        "{said}"
    );
    let folder = tempfile::tempdir().unwrap();
    let environment = [("STRIPE_API_KEY", "sk_test_1"), ("STRIPE_WEBHOOK_SECRET", "whsec_REPLACE_ME")];
    let server = Server::on(&folder.path().join("data"), &[], &environment);
    let webhook =
        Request::new("POST", "/v1/billing/webhook").header("Stripe-Signature", "t=1,v1=00").body("{}");
    assert_eq!(server.send_bare(webhook).status, 503);
    let unsold = server.send(Request::new("POST", "/v1/billing/checkout-session").body(order.as_bytes()));
    assert!(unsold.status == 503 && unsold.text().contains("price"), "{}", unsold.text());
}
