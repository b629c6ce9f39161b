//! What the operator sets for billing: keys, prices, base URL. Reading files and environment is not here.

use super::event::{Plan, Snapshot};
use super::fault::Fault;
use crate::secret::Secret;
use std::time::Duration;

/// The price ids of each plan. The first is the one sold; the others are older prices that customers still pay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prices {
    /// Prices of the monthly plan.
    pub monthly: Vec<String>,
    /// Prices of the annual plan.
    pub annual: Vec<String>,
}

impl Prices {
    /// The price sold for a plan; `Fault::Setup` when none is set.
    pub fn sold(&self, plan: Plan) -> Result<&str, Fault> {
        let (prices, missing) = match plan {
            Plan::Monthly => (&self.monthly, "no price is set for the monthly plan"),
            Plan::Annual => (&self.annual, "no price is set for the annual plan"),
        };
        prices.first().map(String::as_str).ok_or(Fault::Setup(missing))
    }

    /// The plan a subscription is on. A known price decides; for one that is not in the settings (any more) the billing
    /// interval does. None: nothing that this gateway sells.
    pub fn plan_of(&self, subscription: &Snapshot) -> Option<Plan> {
        let priced = |ids: &[String]| subscription.prices.iter().any(|price| ids.contains(price));
        match (priced(&self.annual), priced(&self.monthly)) {
            (true, _) => Some(Plan::Annual),
            (false, true) => Some(Plan::Monthly),
            (false, false) => subscription.interval,
        }
    }
}

/// Settings of the door to Stripe.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Secret (`sk_…`) or restricted (`rk_…`) key.
    pub api_key: Secret,
    /// Where Stripe answers: https, or http on a loopback address for tests.
    pub base_url: String,
    /// What is sold.
    pub prices: Prices,
    /// Trial of a new customer in days, 0 for none, 730 at the most (Stripe's limit).
    pub trial_days: u16,
    /// Let Stripe compute tax and ask for tax ids; needs Stripe Tax in the account.
    pub collect_tax: bool,
    /// `event_name` of the meter that usage is sent to.
    pub meter: String,
    /// How long one call may take.
    pub timeout: Duration,
}

impl Settings {
    /// Stripe's own address.
    pub const BASE_URL: &'static str = "https://api.stripe.com/";

    /// The defaults around an API key: 14 days of trial, tax collected, calls of at most 20 s, no prices yet.
    pub fn new(api_key: Secret) -> Self {
        Settings {
            api_key,
            base_url: Self::BASE_URL.to_owned(),
            prices: Prices::default(),
            trial_days: 14,
            collect_tax: true,
            meter: "veilgate_instances".to_owned(),
            timeout: Duration::from_secs(20),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;

    fn prices() -> Prices {
        Prices { monthly: vec!["price_m2".into(), "price_m1".into()], annual: vec!["price_a".into()] }
    }

    #[test]
    fn an_older_price_still_means_its_plan_and_the_first_is_sold() {
        let old = Snapshot { prices: vec!["price_m1".into()], ..Snapshot::default() };
        assert_eq!(prices().plan_of(&old), Some(Plan::Monthly));
        assert_eq!(prices().sold(Plan::Monthly).unwrap(), "price_m2");
    }

    #[test]
    fn a_known_price_outweighs_the_interval_and_an_unknown_one_does_not() {
        let switched = Snapshot {
            prices: vec!["price_usage".into(), "price_a".into()],
            interval: Some(Plan::Monthly),
            ..Snapshot::default()
        };
        assert_eq!(prices().plan_of(&switched), Some(Plan::Annual));
        let unknown = Snapshot { prices: vec!["price_x".into()], ..switched };
        assert_eq!(prices().plan_of(&unknown), Some(Plan::Monthly));
        assert_eq!(prices().plan_of(&Snapshot::default()), None);
    }

    #[test]
    fn a_plan_without_price_is_the_operators_fault() {
        assert!(matches!(Prices::default().sold(Plan::Annual), Err(Fault::Setup(_))));
    }

    #[test]
    fn settings_show_no_key() {
        let shown = format!("{:?}", Settings::new(Secret::new("sk_live_abc\n")));
        assert!(!shown.contains("sk_live"), "{shown}");
    }
}
