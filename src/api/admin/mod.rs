//! The admin API: customers, projects and keys, in JSON. Its routes, what they work with, and how bodies are read; one
//! file for each kind of entry. Who may use it is decided in `layer::admin`.

mod customers;
mod keys;
mod projects;
mod pseudonyms;

use crate::db::Db;
use crate::db::account::Places;
use crate::db::chain::Keeper;
use crate::db::seal::Keyring;
use crate::db::usage::Quotas;
use crate::problem::{Account, Problem};
use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use serde::de::{Deserialize, DeserializeOwned, Deserializer};
use std::sync::Arc;

/// Most bytes of a body.
const MOST: u64 = 64 << 10;

/// What the handlers work with.
pub struct Admin {
    /// The accounts.
    pub db: Db,
    /// Signs what is told of audit chains.
    pub keeper: Keeper,
    /// Seals what is secret.
    pub keys: Keyring,
    /// Instances a month by tier.
    pub quotas: Quotas,
    /// What holds for projects that say nothing else.
    pub server: Places,
}

type State = axum::extract::State<Arc<Admin>>;

/// The routes, without their guard.
pub fn routes(admin: Arc<Admin>) -> Router {
    Router::new()
        .route("/admin/v1/customers", get(customers::list).post(customers::add))
        .route("/admin/v1/customers/{customer}", get(customers::show).patch(customers::change))
        .route("/admin/v1/customers/{customer}/usage", get(customers::usage))
        .route("/admin/v1/customers/{customer}/projects", get(projects::list).post(projects::add))
        .route("/admin/v1/projects/{project}", get(projects::show).patch(projects::change))
        .route("/admin/v1/projects/{project}/chain", get(projects::chain))
        .route("/admin/v1/projects/{project}/keys", get(keys::list).post(keys::add))
        .route("/admin/v1/projects/{project}/pseudonyms", get(pseudonyms::export).put(pseudonyms::import))
        .route("/admin/v1/keys/{key}", get(keys::show).delete(keys::revoke))
        .route("/admin/v1/keys/{key}/rotate", post(keys::rotate))
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .with_state(admin)
}

/// Reads a body that is to be this JSON.
async fn read<T: DeserializeOwned>(body: Body) -> Result<T, Problem> {
    super::body::json(body, MOST).await
}

/// Tells a member that is null from one that is absent.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// A time as RFC 3339 with milliseconds in UTC, or a date, in milliseconds since 1970 UTC.
fn moment(name: &'static str, text: Option<&String>) -> Result<Option<i64>, Problem> {
    text.map(|text| crate::db::account::moment(text).ok_or_else(|| Account::member(name, WHEN))).transpose()
}

/// When a new key is to end: not before it was made.
fn end(name: &'static str, text: Option<&String>) -> Result<Option<i64>, Problem> {
    let end = moment(name, text)?;
    let ahead = end.is_none_or(crate::db::account::is_ahead);
    if ahead { Ok(end) } else { Err(Account::member(name, "that is past, so the key would open nothing")) }
}

const WHEN: &str =
    "give a UTC date or time, as 2027-01-31 or 2027-01-31T12:00:00Z, or a time from now, as 30d or 12h";
