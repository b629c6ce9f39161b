//! `veilgate customer`.

use super::{Desk, at_desk, list, show, value, wrong};
use crate::cli::args::{AccountArgs, CustomerCommand};
use crate::cli::{Exit, Failure};
use crate::db::account::{Customer, CustomerWish, Quota, Tier};
use crate::db::usage::Month;
use serde_json::{Value, json};

/// Runs one of the commands below `veilgate customer`.
///
/// # Errors
/// There is no such customer, the arguments are wrong, or the database fails.
pub fn run(command: &CustomerCommand) -> Result<Exit, Failure> {
    match command {
        CustomerCommand::Add { name, tier, quota, common } => {
            let (tier, quota) = (self::tier(tier)?, self::quota(quota)?);
            changed(common, name, async |desk| desk.db.add_customer(&desk.hand, name, tier, quota).await)
        }
        CustomerCommand::List { common } => {
            let all = at_desk(&common.store, async |desk| {
                all_with_usage(desk).await.map_err(|fault| wrong("", fault))
            })?;
            let members = ["name", "tier", "quota", "month_used", "month_read", "created", "id"];
            list(common, "customers", &all, &members)
        }
        CustomerCommand::Show { customer, common } => {
            let found = at_desk(&common.store, async |desk| {
                let found = desk.db.customer(customer).await.map_err(|fault| wrong(customer, fault))?;
                with_usage(desk, &found).await.map_err(|fault| wrong(customer, fault))
            })?;
            show(common, &found)
        }
        CustomerCommand::Set { customer, tier, quota, common } => {
            let wish = CustomerWish {
                tier: tier.as_deref().map(self::tier).transpose()?,
                quota: quota.as_deref().map(self::quota).transpose()?,
            };
            if wish == CustomerWish::default() {
                return Err(Failure::Usage("nothing to change: give --tier or --quota".to_owned()));
            }
            changed(common, customer, async |desk| desk.db.change_customer(&desk.hand, customer, wish).await)
        }
    }
}

fn changed(
    common: &AccountArgs,
    called: &str,
    change: impl AsyncFnOnce(&Desk) -> Result<Customer, crate::db::Fault>,
) -> Result<Exit, Failure> {
    let customer =
        at_desk(&common.store, async |desk| change(desk).await.map_err(|fault| wrong(called, fault)))?;
    show(common, &value(&customer))
}

async fn all_with_usage(desk: &Desk) -> Result<Vec<Value>, crate::db::Fault> {
    let mut all = Vec::new();
    for customer in desk.db.customers().await? {
        all.push(with_usage(desk, &customer).await?);
    }
    Ok(all)
}

async fn with_usage(desk: &Desk, customer: &Customer) -> Result<Value, crate::db::Fault> {
    let month = Month::now();
    let usage = desk.db.usage(&desk.config.accounts.quotas, &customer.id, &month).await?;
    let mut shown = value(customer);
    let members = [
        ("month", json!(month.as_str())),
        ("month_quota", usage.quota.map_or(json!("unlimited"), |quota| json!(quota))),
        ("month_used", json!(usage.used)),
        ("month_reserved", json!(usage.reserved)),
        ("month_read", json!(usage.read)),
        ("month_read_bytes", json!(usage.read_bytes)),
    ];
    if let Some(shown) = shown.as_object_mut() {
        shown.extend(members.map(|(name, value)| (name.to_owned(), value)));
    }
    Ok(shown)
}

fn tier(word: &str) -> Result<Tier, Failure> {
    Tier::parse(word).ok_or_else(|| Failure::Usage("--tier: give free, pro or enterprise".to_owned()))
}

fn quota(text: &str) -> Result<Quota, Failure> {
    let wrong = || Failure::Usage("--quota: give a number, unlimited, or tier".to_owned());
    Quota::parse(text).ok_or_else(wrong)
}
