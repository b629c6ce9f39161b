//! The calls to Stripe: checkout, portal, a subscription read back. Meter events are in `meter`.

use super::address;
use super::event::Plan;
use super::fault::Fault;
use super::ledger::ReadBack;
use super::reading::{self, REFERENCE};
use super::settings::Settings;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use stripe::{Client, ClientBuilder, IdempotencyKey, RequestStrategy, StripeRequest};
use stripe_billing::billing_portal_session::CreateBillingPortalSession;
use stripe_billing::subscription::RetrieveSubscription;
use stripe_checkout::checkout_session as session;
use stripe_checkout::{CheckoutSessionBillingAddressCollection, CheckoutSessionMode};

/// The door: one per process, cheap to clone.
#[derive(Debug, Clone)]
pub struct Stripe {
    client: Client,
    settings: Settings,
}

/// What a customer wants to buy.
#[derive(Debug, Clone)]
pub struct Checkout {
    /// Which plan.
    pub plan: Plan,
    /// Days of trial: None for the setting; a number may only shorten it, so that no customer grants themselves a year.
    /// Pass 0 when [`Standing::returning`](super::Standing::returning).
    pub trial_days: Option<u16>,
    /// Who pays.
    pub payer: Payer,
    /// Our customer reference: 1 to 200 letters, digits, `_`, `-`. It comes back in every event.
    pub reference: String,
    /// Where Stripe sends the customer after paying; `{CHECKOUT_SESSION_ID}` in it is filled in.
    pub success_url: String,
    /// Where Stripe sends a customer who turns back.
    pub cancel_url: String,
    /// The caller's own idempotency key: the same one gives the same session. None: each call makes a new one.
    pub idempotency_key: Option<String>,
}

/// Who pays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payer {
    /// Nobody Stripe knows; the e-mail address, if given, is filled into the page.
    New(Option<String>),
    /// A customer of Stripe's (`cus_…`), from an earlier purchase.
    Known(String),
}

/// A page to pay on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutSession {
    /// Stripe's id (`cs_…`).
    pub id: String,
    /// Where to send the customer.
    pub url: String,
}

impl Stripe {
    /// Check the settings and make the door; nothing is sent. `Fault::Setup` says what is unusable.
    pub fn new(settings: Settings) -> Result<Self, Fault> {
        let base = address::base_url(&settings.base_url)?;
        if settings.trial_days > 730 {
            return Err(Fault::Setup("a trial lasts at most 730 days"));
        }
        // The client panics without a certificate to trust, so look first.
        if rustls_native_certs::load_native_certs().certs.is_empty() {
            return Err(Fault::Setup("the system trusts no certificates (install ca-certificates)"));
        }
        let key = settings.api_key.expose();
        if !key.starts_with("sk_") && !key.starts_with("rk_") {
            return Err(Fault::Setup("the API key must begin with sk_ or rk_"));
        }
        let client = ClientBuilder::new(key).url(base).timeout(settings.timeout);
        let client = client.app_info("veilgate", Some(env!("CARGO_PKG_VERSION").to_owned()), None);
        let client =
            client.build().map_err(|_| Fault::Setup("the API key has characters no header can carry"))?;
        Ok(Stripe { client, settings })
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// One call, and its answer as plain JSON: the client's own types for all that it may hold would be a quarter of the
    /// program, and one word that they do not know would lose the whole answer.
    pub(super) async fn ask(
        &self,
        request: &impl StripeRequest,
        strategy: RequestStrategy,
    ) -> Result<serde_json::Value, Fault> {
        let request = request.build().customize::<miniserde::json::Value>().request_strategy(strategy);
        let answer = request.send(&self.client).await.map_err(|error| Fault::from_client(&error))?;
        serde_json::from_str(&miniserde::json::to_string(&answer)).map_err(|_| Fault::NoAnswer)
    }

    /// Make a page on which the customer subscribes. A call that may or may not have arrived is made once more under the
    /// same idempotency key.
    pub async fn checkout(&self, order: &Checkout) -> Result<CheckoutSession, Fault> {
        let request = self.session(order)?;
        let key = idempotency_key(order)?;
        let send = || self.ask(&request, RequestStrategy::Idempotent(key.clone()));
        let mut made = send().await;
        // Not after a 5xx: Stripe answers the same key with the same failure.
        if matches!(made, Err(Fault::NoAnswer | Fault::Unreachable)) {
            made = send().await;
        }
        let made = made?;
        let told = |place| reading::text(&made, &[place]).ok_or(Fault::NoAnswer);
        Ok(CheckoutSession { id: told("/id")?, url: told("/url")? })
    }

    /// Make a page on which a customer of Stripe's changes, pays or cancels; answers its URL.
    pub async fn portal(&self, stripe_customer: &str, return_url: &str) -> Result<String, Fault> {
        address::return_url("return_url", return_url)?;
        address::id("customer", stripe_customer, 255)?;
        let request = CreateBillingPortalSession::new().customer(stripe_customer).return_url(return_url);
        let made = self.ask(&request, RequestStrategy::Once).await?;
        reading::text(&made, &["/url"]).ok_or(Fault::NoAnswer)
    }

    /// Read a subscription back, to be applied by [`Ledger::apply_read_back`](super::Ledger::apply_read_back) with the
    /// mark taken before this call.
    pub async fn subscription(&self, id: &str) -> Result<ReadBack, Fault> {
        address::id("subscription", id, 255)?;
        let request = RetrieveSubscription::new(id).expand(vec!["latest_invoice".to_owned()]);
        reading::read_back(&self.ask(&request, RequestStrategy::Once).await?).ok_or(Fault::NoAnswer)
    }

    /// Asks for a subscription that nobody has: is the key taken? Reads nothing of anybody, and changes nothing.
    pub async fn try_key(&self) -> Result<(), Fault> {
        match self.subscription("sub_veilgate_doctor").await {
            Ok(_) | Err(Fault::Refused { status: 404, .. }) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    /// The request behind [`Stripe::checkout`]. Without `customer_creation`, which Stripe refuses in subscription mode.
    fn session(&self, order: &Checkout) -> Result<session::CreateCheckoutSession, Fault> {
        address::return_url("success_url", &order.success_url)?;
        address::return_url("cancel_url", &order.cancel_url)?;
        address::id("customer", &order.reference, 200)?;
        let price = self.settings.prices.sold(order.plan)?;
        let items = vec![session::CreateCheckoutSessionLineItems {
            price: Some(price.to_owned()),
            quantity: Some(1),
            ..Default::default()
        }];
        let days = order.trial_days.map_or(self.settings.trial_days, |it| it.min(self.settings.trial_days));
        // Also on the subscription: its own events and its invoices' know nothing of the session. One entry only: the
        // order of a map's entries is random, and under an idempotency key every byte must be as it was.
        let named = HashMap::from([(REFERENCE.to_owned(), order.reference.clone())]);
        let subscription = session::CreateCheckoutSessionSubscriptionData {
            metadata: Some(named),
            trial_period_days: (days > 0).then_some(days.into()),
            ..Default::default()
        };
        let request = session::CreateCheckoutSession::new()
            .mode(CheckoutSessionMode::Subscription)
            .line_items(items)
            .client_reference_id(order.reference.clone())
            .subscription_data(subscription)
            .success_url(order.success_url.clone())
            .cancel_url(order.cancel_url.clone())
            .allow_promotion_codes(true);
        self.paid_by(self.taxed(request), &order.payer)
    }

    fn taxed(&self, request: session::CreateCheckoutSession) -> session::CreateCheckoutSession {
        if !self.settings.collect_tax {
            return request;
        }
        request
            .automatic_tax(session::CreateCheckoutSessionAutomaticTax::new(true))
            .tax_id_collection(session::CreateCheckoutSessionTaxIdCollection::new(true))
            .billing_address_collection(CheckoutSessionBillingAddressCollection::Required)
    }

    fn paid_by(
        &self,
        request: session::CreateCheckoutSession,
        payer: &Payer,
    ) -> Result<session::CreateCheckoutSession, Fault> {
        match payer {
            Payer::New(None) => Ok(request),
            Payer::New(Some(email)) => {
                address::email("customer_email", email)?;
                Ok(request.customer_email(email.clone()))
            }
            Payer::Known(customer) => {
                address::id("customer", customer, 255)?;
                // Tax on a known customer needs leave to keep the name and address given on the page.
                let update = session::CreateCheckoutSessionCustomerUpdate {
                    address: Some(session::CreateCheckoutSessionCustomerUpdateAddress::Auto),
                    name: Some(session::CreateCheckoutSessionCustomerUpdateName::Auto),
                    ..Default::default()
                };
                Ok(request.customer(customer.clone()).customer_update(update))
            }
        }
    }
}

/// The caller's key, tied to the customer so that two customers never meet on one; without one a random key.
fn idempotency_key(order: &Checkout) -> Result<IdempotencyKey, Fault> {
    let mut random = [0; 16];
    let seed: [&[u8]; 3] = match &order.idempotency_key {
        Some(key) => [order.reference.as_bytes(), b"\0", key.as_bytes()],
        None => {
            getrandom::fill(&mut random).map_err(|_| Fault::Setup("the system gives no randomness"))?;
            [b"", b"\0", &random]
        }
    };
    let digest = seed.iter().fold(Sha256::new(), |hash, part| hash.chain_update(part)).finalize();
    let hex: String = digest.iter().map(|it| format!("{it:02x}")).collect();
    IdempotencyKey::new(format!("veilgate-checkout-{hex}")).map_err(|_| Fault::Setup("no idempotency key"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::super::settings::Prices;
    use super::*;
    use crate::secret::Secret;

    fn door(change: impl FnOnce(&mut Settings)) -> Result<Stripe, Fault> {
        let mut settings = Settings::new(Secret::new("sk_test_1"));
        settings.prices = Prices { monthly: vec!["price_m".into()], annual: vec![] };
        change(&mut settings);
        Stripe::new(settings)
    }

    fn order() -> Checkout {
        Checkout {
            plan: Plan::Monthly,
            trial_days: None,
            payer: Payer::New(Some("pay@clinic.example".into())),
            reference: "c-1".into(),
            success_url: "https://clinic.example/paid".into(),
            cancel_url: "https://clinic.example/plans".into(),
            idempotency_key: None,
        }
    }

    fn form(door: &Stripe, order: &Checkout) -> String {
        door.session(order).unwrap().build().body.unwrap()
    }

    #[test]
    fn a_checkout_names_the_customer_on_session_and_subscription_and_never_asks_to_create_one() {
        let sent = form(&door(|_| {}).unwrap(), &order());
        for part in [
            "mode=subscription",
            "line_items[0][price]=price_m",
            "client_reference_id=c-1",
            "subscription_data[metadata][customer_reference]=c-1",
            "subscription_data[trial_period_days]=14",
            "automatic_tax[enabled]=true",
            "customer_email=pay",
        ] {
            assert!(sent.contains(part), "{part} is not in {sent}");
        }
        assert!(!sent.contains("customer_creation"), "Stripe refuses it in subscription mode: {sent}");
    }

    #[test]
    fn a_known_customer_is_not_asked_for_an_address_of_mail() {
        let known = Checkout { payer: Payer::Known("cus_1".into()), ..order() };
        let sent = form(&door(|_| {}).unwrap(), &known);
        assert!(sent.contains("customer=cus_1") && sent.contains("customer_update[address]=auto"), "{sent}");
        assert!(!sent.contains("customer_email"), "{sent}");
    }

    #[test]
    fn customers_can_shorten_a_trial_and_not_lengthen_it() {
        let door = door(|settings| settings.trial_days = 14).unwrap();
        let days = |trial_days| form(&door, &Checkout { trial_days, ..order() });
        assert!(days(Some(365)).contains("trial_period_days]=14"));
        assert!(days(Some(7)).contains("trial_period_days]=7"));
        assert!(!days(Some(0)).contains("trial_period_days"));
    }

    #[test]
    fn bad_orders_are_told_by_field_before_anything_is_sent() {
        let door = door(|_| {}).unwrap();
        let field = |order: Checkout| match door.session(&order).map(|_| ()) {
            Err(Fault::Request { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(Checkout { success_url: "javascript:x".into(), ..order() }), "success_url");
        assert_eq!(field(Checkout { cancel_url: "http://clinic.example/".into(), ..order() }), "cancel_url");
        assert_eq!(field(Checkout { reference: "a b".into(), ..order() }), "customer");
        assert_eq!(field(Checkout { payer: Payer::New(Some("x".into())), ..order() }), "customer_email");
        let annual = Checkout { plan: Plan::Annual, ..order() };
        assert!(matches!(door.session(&annual), Err(Fault::Setup(_))));
    }

    #[test]
    fn one_key_is_one_session_for_one_customer_only() {
        let keyed = |reference: &str, key: Option<&str>| {
            let order =
                Checkout { reference: reference.into(), idempotency_key: key.map(Into::into), ..order() };
            idempotency_key(&order).unwrap()
        };
        assert_eq!(keyed("a", Some("k")), keyed("a", Some("k")));
        assert_ne!(keyed("a", Some("k")), keyed("b", Some("k")));
        assert_ne!(keyed("a", None), keyed("a", None));
    }

    #[test]
    fn unusable_settings_are_told_at_start_and_the_key_is_not() {
        assert!(matches!(door(|it| it.base_url = "http://stripe.example/".into()), Err(Fault::Setup(_))));
        assert!(matches!(door(|it| it.api_key = Secret::new("pk_live_x")), Err(Fault::Setup(_))));
        assert!(matches!(door(|it| it.api_key = Secret::new("sk_\nx")), Err(Fault::Setup(_))));
        assert!(matches!(door(|it| it.trial_days = 731), Err(Fault::Setup(_))));
        let shown = format!("{:?}", door(|it| it.api_key = Secret::new("sk_live_secret")).unwrap());
        assert!(!shown.contains("sk_live_secret"), "{shown}");
    }
}
