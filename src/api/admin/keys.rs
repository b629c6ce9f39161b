//! API keys over the admin API. A key itself is in the answer that makes it, and nowhere else.

use super::{State, end, moment, read};
use crate::db::account::{ApiKey, Hand, KeyWish, Rights};
use crate::problem::{Account, Problem};
use crate::secret::Secret;
use axum::body::Body;
use axum::extract::Path;
use axum::http::StatusCode;
use axum::{Extension, Json};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A key to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    name: String,
    expires: Option<String>,
    rate: Option<u64>,
    #[serde(default)]
    rights: Vec<String>,
}

/// A key that is to stand beside an old one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    expires: Option<String>,
    old_expires: Option<String>,
}

/// A key that was made just now.
#[derive(Serialize)]
pub(super) struct Made {
    #[serde(flatten)]
    about: ApiKey,
    key: String,
}

fn made((about, key): (ApiKey, Secret)) -> (StatusCode, Json<Made>) {
    (StatusCode::CREATED, Json(Made { about, key: key.expose().to_owned() }))
}

pub(super) async fn list(admin: State, Path(project): Path<String>) -> Result<Json<Value>, Problem> {
    let keys = admin.db.keys(Some(&project)).await.map_err(Problem::of_account)?;
    Ok(Json(json!({ "keys": keys })))
}

pub(super) async fn add(
    admin: State,
    Extension(hand): Extension<Hand>,
    Path(project): Path<String>,
    body: Body,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let New { name, expires, rate, rights } = read(body).await?;
    let rights = Rights::parse(rights.iter().map(String::as_str));
    let rights = rights.ok_or_else(|| Account::member("rights", "the one word is reidentify"))?;
    let wish = KeyWish { name, expires: end("expires", expires.as_ref())?, rate, rights };
    admin.db.add_key(&hand, &project, &wish).await.map(made).map_err(Problem::of_account)
}

pub(super) async fn show(admin: State, Path(key): Path<String>) -> Result<Json<ApiKey>, Problem> {
    admin.db.key(&key).await.map(Json).map_err(Problem::of_account)
}

pub(super) async fn revoke(
    admin: State,
    Extension(hand): Extension<Hand>,
    Path(key): Path<String>,
) -> Result<Json<ApiKey>, Problem> {
    admin.db.revoke_key(&hand, &key).await.map(Json).map_err(Problem::of_account)
}

pub(super) async fn rotate(
    admin: State,
    Extension(hand): Extension<Hand>,
    Path(key): Path<String>,
    body: Body,
) -> Result<(StatusCode, Json<Made>), Problem> {
    let Rotation { expires, old_expires } = read(body).await?;
    let expires = end("expires", expires.as_ref())?;
    let old_expires = moment("old_expires", old_expires.as_ref())?;
    let rotated = admin.db.rotate_key(&hand, &key, expires, old_expires).await;
    rotated.map(made).map_err(Problem::of_account)
}
