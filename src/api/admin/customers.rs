//! Customers over the admin API: tier, quota, usage.

use super::{State, read};
use crate::db::account::{Customer, CustomerWish, Hand, Quota, Tier};
use crate::db::usage::Month;
use crate::problem::{Account, Problem};
use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};

/// A customer to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    tier: Option<String>,
    quota: Option<Value>,
}

/// What is to be changed of one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    tier: Option<String>,
    quota: Option<Value>,
}

pub(super) async fn list(admin: State) -> Result<Json<Value>, Problem> {
    let customers = admin.db.customers().await.map_err(Problem::of_account)?;
    Ok(Json(json!({ "customers": customers })))
}

pub(super) async fn add(
    admin: State,
    Extension(hand): Extension<Hand>,
    body: Body,
) -> Result<(StatusCode, Json<Customer>), Problem> {
    let New { name, tier, quota } = read(body).await?;
    let (tier, quota) =
        (self::tier(tier)?.unwrap_or(Tier::Free), self::quota(quota)?.unwrap_or(Quota::OfTier));
    let made = admin.db.add_customer(&hand, &name, tier, quota).await.map_err(Problem::of_account)?;
    Ok((StatusCode::CREATED, Json(made)))
}

pub(super) async fn show(admin: State, Path(customer): Path<String>) -> Result<Json<Customer>, Problem> {
    admin.db.customer(&customer).await.map(Json).map_err(Problem::of_account)
}

pub(super) async fn change(
    admin: State,
    Extension(hand): Extension<Hand>,
    Path(customer): Path<String>,
    body: Body,
) -> Result<Json<Customer>, Problem> {
    let Change { tier, quota } = read(body).await?;
    let wish = CustomerWish { tier: self::tier(tier)?, quota: self::quota(quota)? };
    admin.db.change_customer(&hand, &customer, wish).await.map(Json).map_err(Problem::of_account)
}

pub(super) async fn usage(admin: State, Path(customer): Path<String>) -> Result<Json<Value>, Problem> {
    let customer = admin.db.customer(&customer).await.map_err(Problem::of_account)?.id;
    let month = Month::now();
    let usage = admin.db.usage(&admin.quotas, &customer, &month).await.map_err(Problem::of_account)?;
    Ok(Json(json!({
        "customer": customer,
        "month": month.as_str(),
        "tier": usage.tier,
        "quota": usage.quota,
        "used": usage.used,
        "reserved": usage.reserved,
        "read": usage.read,
        "read_bytes": usage.read_bytes,
        "reset_at": month.reset(),
    })))
}

fn tier(word: Option<String>) -> Result<Option<Tier>, Problem> {
    let wrong = || Account::member("tier", "give free, pro or enterprise");
    word.map(|word| Tier::parse(&word).ok_or_else(wrong)).transpose()
}

/// A number or a word.
fn quota(value: Option<Value>) -> Result<Option<Quota>, Problem> {
    let wrong = || Account::member("quota", "give a number, \"unlimited\", or \"tier\" for that of the tier");
    let quota = |value: Value| match value {
        Value::String(text) => Quota::parse(&text),
        Value::Number(number) => Quota::parse(&number.to_string()),
        _ => None,
    };
    value.map(|value| quota(value).ok_or_else(wrong)).transpose()
}
