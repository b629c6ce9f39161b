//! Settings of billing: keys and prices at Stripe, how often usage is told.

use super::sources::Sources;
use super::{secret, values};
use crate::billing::{Prices, Settings, Webhook};
use crate::secret::Secret;
use std::time::Duration;

/// What earlier programs' example files hold where a secret is to be put.
const PLACEHOLDER: &str = "whsec_REPLACE_ME";

/// What is set for billing.
#[derive(Debug, Clone)]
pub struct Billing {
    /// The door to Stripe; `None`: nothing is sold.
    pub stripe: Option<Settings>,
    /// Knows Stripe's events; without secret none.
    pub webhook: Webhook,
    /// How often usage is told.
    pub meter_time: Duration,
}

pub(super) fn billing(from: &mut Sources) -> Billing {
    let key = secret(from, "billing.api_key", "billing.api_key_file");
    let ids = |text: &str| Ok(values::words(text));
    let prices = Prices {
        monthly: from.take("billing.price_monthly", ids),
        annual: from.take("billing.price_annual", ids),
    };
    let trial_days = from.take("billing.trial_days", days);
    let collect_tax = from.take("billing.collect_tax", values::flag);
    let meter = from.text("billing.meter_event").to_owned();
    let base_url = from.text("billing.base_url").to_owned();
    let settings = |key| Settings { base_url, prices, trial_days, collect_tax, meter, ..Settings::new(key) };
    Billing {
        stripe: key.map(settings),
        webhook: webhook(from),
        meter_time: from.take("billing.meter_time", values::time),
    }
}

fn webhook(from: &mut Sources) -> Webhook {
    let secrets = secret(from, "billing.webhook_secret", "billing.webhook_secret_file");
    let secrets = secrets.map(|it| values::words(it.expose())).unwrap_or_default();
    Webhook::new(secrets.iter().filter(|it| *it != PLACEHOLDER).map(|it| Secret::new(it)))
}

/// Stripe takes up to 730 days.
fn days(text: &str) -> Result<u16, String> {
    let days = text.trim().parse().ok().filter(|days| *days <= 730);
    days.ok_or_else(|| format!("`{text}` is no number of days from 0 to 730"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::billing::{Forged, Plan};
    use crate::config::Config;

    fn load(environment: &[(&str, &str)]) -> Result<Billing, String> {
        let environment = environment.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let config = Config::from_sources(None, environment, &[]);
        config.map(|config| config.billing).map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn the_variables_of_the_vault_set_billing_up() {
        let set = [
            ("STRIPE_TEST_KEY", "sk_test_1"),
            ("STRIPE_PRICE_ID", "price_m, price_old"),
            ("STRIPE_PRICE_ID_ANNUAL", "price_a"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_a,whsec_b"),
            ("STRIPE_TRIAL_DAYS", "7"),
        ];
        let billing = load(&set).unwrap();
        let stripe = billing.stripe.unwrap();
        assert_eq!((stripe.api_key.expose(), stripe.trial_days), ("sk_test_1", 7));
        assert_eq!(stripe.prices.sold(Plan::Monthly), Ok("price_m"));
        assert_eq!(stripe.prices.sold(Plan::Annual), Ok("price_a"));
        assert_ne!(billing.webhook.verify("", b"", 0), Err(Forged::NoSecret));
    }

    #[test]
    fn nothing_is_sold_by_default_and_a_placeholder_is_no_secret() {
        let billing = load(&[("STRIPE_WEBHOOK_SECRET", "whsec_REPLACE_ME")]).unwrap();
        assert!(billing.stripe.is_none());
        assert_eq!(billing.webhook.verify("", b"", 0), Err(Forged::NoSecret));
    }

    #[test]
    fn mistakes_name_the_variable_that_was_used_and_no_secret() {
        let days = load(&[("STRIPE_TRIAL_DAYS", "731")]).unwrap_err();
        assert!(days.contains("STRIPE_TRIAL_DAYS") && days.contains("730"), "{days}");
        let keys = [("STRIPE_API_KEY", "sk_test_1"), ("VEILGATE_BILLING_API_KEY_FILE", "/none")];
        let both = load(&keys).unwrap_err();
        assert!(both.contains("give one of them") && !both.contains("sk_test_1"), "{both}");
    }
}
