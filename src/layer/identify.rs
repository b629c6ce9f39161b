//! API key → `Caller`, before a byte of the body is read; otherwise 401 with challenges
//! (PS3.18 8.5). A key comes as X-API-Key, as Bearer token, or as password of Basic.

use super::context::Caller;
use super::own::Defaults;
use crate::db::Db;
use crate::db::account::KeyOwner;
use crate::db::crosswalk::Crosswalk;
use crate::db::seal::Keyring;
use crate::deid::engine::Engine;
use crate::destination::Target;
use crate::origin::Origin;
use crate::problem::Problem;
use crate::trail;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::time::timeout;

/// How long the database may take to tell who calls. It is asked first of all, so nobody waits longer for one that hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest key that is looked at.
const MAX_KEY: usize = 256;

/// Keys, projects and the engines of projects. Cheap to clone.
#[derive(Clone)]
pub struct Accounts {
    db: Db,
    keys: Keyring,
    defaults: Arc<Defaults>,
    projects: Arc<Mutex<HashMap<String, Known>>>,
}

/// What was made of a project's settings, and of which state of them.
#[derive(Clone)]
struct Known {
    changed: i64,
    engine: Engine,
    crosswalk: Crosswalk,
    target: Target,
    origin: Arc<dyn Origin>,
}

impl Accounts {
    /// The accounts in `db`, whose secrets open under `keys`; what a project does not say for itself, `defaults` do.
    pub fn new(db: Db, keys: Keyring, defaults: Defaults) -> Self {
        Self { db, keys, defaults: Arc::new(defaults), projects: Arc::default() }
    }

    async fn caller(&self, headers: &HeaderMap) -> Result<Caller, Problem> {
        let key = key(headers).ok_or(Problem::NoKey)?;
        let sha256: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let owner = self.db.key_owner(sha256).await?;
        // The lookup compares digests of unknowable keys; this comparison makes sure that
        // its timing cannot matter.
        let owner = owner.filter(|owner| bool::from(owner.sha256.ct_eq(&sha256))).ok_or(Problem::BadKey)?;
        let known = self.project(&owner).await?;
        Ok(Caller {
            customer: owner.customer,
            project: owner.project,
            key: owner.key,
            tier: owner.tier,
            rate: owner.rate,
            rights: owner.rights,
            engine: known.engine,
            crosswalk: known.crosswalk,
            keeps_pushed: self.defaults.keeps_pushed,
            target: known.target,
            origin: known.origin,
        })
    }

    async fn project(&self, owner: &KeyOwner) -> Result<Known, Problem> {
        let known = self.projects().get(&owner.project).filter(|it| it.changed == owner.changed).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let (db, project) = (&self.db, owner.project.as_str());
        let settings = self.keys.with(|key| async move { db.project_settings(&key, project).await }).await?;
        let engine = self.defaults.engine(&settings);
        let crosswalk = Crosswalk::with_own(db.clone(), project, &settings.secret, &settings.own_pseudonyms);
        let known = Known {
            changed: owner.changed,
            target: self.defaults.target(&settings, &crosswalk)?,
            origin: self.defaults.origin(project, &settings, &engine, &crosswalk)?,
            engine,
            crosswalk,
        };
        self.projects().insert(owner.project.clone(), known.clone());
        Ok(known)
    }

    fn projects(&self) -> std::sync::MutexGuard<'_, HashMap<String, Known>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Puts the caller into the request, or refuses it.
pub(super) async fn identify(State(accounts): State<Accounts>, mut request: Request, next: Next) -> Response {
    let caller = timeout(PATIENCE, accounts.caller(request.headers())).await;
    match caller.unwrap_or(Err(Problem::Database)) {
        Ok(caller) => {
            if let Some(trail) = trail::current() {
                trail.belongs_to(&caller.project);
            }
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

/// The key that the request carries.
fn key(headers: &HeaderMap) -> Option<String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let key = match text("x-api-key") {
        Some(key) => key.trim().to_owned(),
        None => authorization(text(header::AUTHORIZATION.as_str())?)?,
    };
    Some(key).filter(|key| !key.is_empty() && key.len() <= MAX_KEY)
}

fn authorization(value: &str) -> Option<String> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    let rest = rest.trim();
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(rest.to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(rest).ok()?).ok()?;
    pair.split_once(':').map(|(_, password)| password.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::http::{HeaderName, HeaderValue};

    fn with(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap())])
    }

    #[test]
    fn a_key_is_found_in_each_of_its_three_places() {
        let basic = format!("Basic {}", STANDARD.encode("anybody:k1"));
        for (name, value) in [("x-api-key", "k1"), ("authorization", "Bearer k1"), ("authorization", &basic)]
        {
            assert_eq!(key(&with(name, value)).as_deref(), Some("k1"), "{name}");
        }
    }

    #[test]
    fn what_is_no_key_is_none() {
        let long = "k".repeat(MAX_KEY + 1);
        for value in ["", "Bearer", "Bearer ", "Basic k1", "Digest k1", "k1", &format!("Bearer {long}")] {
            assert_eq!(key(&with("authorization", value)), None, "{value}");
        }
        assert_eq!(key(&HeaderMap::new()), None);
    }
}
