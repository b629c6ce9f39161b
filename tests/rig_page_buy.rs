//! Buying on the web page in Debian's Chromium, driven by `tests/rigs/buy.mjs`, from the stand-in for Stripe.
#![cfg(feature = "billing")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

#[path = "rig_billing/stage.rs"]
mod stage;
mod support;

use serde_json::json;
use stage::stage;
use support::rig;
use veilgate::db::account::Tier;

#[test]
fn people_buy_on_the_page_and_come_back_to_it_with_the_larger_plan() {
    let (Some(stage), Some(browser)) = (stage(), rig::browser(&[])) else { return };
    let folder = tempfile::tempdir().unwrap();
    let plan = json!({ "gateway": stage.server().url, "key": stage.server().key });
    let seen = browser.run("buy.mjs", plan, folder.path());
    assert_eq!((&seen["errors"], &seen["before"]), (&json!([]), &json!("Free")));
    assert!(seen["seller"].as_str().unwrap().starts_with(&format!("{}/pay/", stage.stand.url)), "{seen}");
    let account = format!("{}/#account", stage.server().url);
    assert_eq!((seen["back"].as_str(), seen["after"].as_str()), (Some(account.as_str()), Some("Pro")));
    assert_eq!(stage.usage().tier, Tier::Pro);
    assert!(seen["portal"].as_str().unwrap().starts_with(&stage.stand.url), "{seen}");
}
