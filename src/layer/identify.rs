//! API key or token → `Caller`, before a byte of the body is read; otherwise 401 with challenges
//! (PS3.18 8.5). A key comes as X-API-Key, as Bearer token, or as password of Basic; a token of the issuer, where one is
//! set, as Bearer (RFC 6750 2.1).

use super::context::Caller;
use super::own::Defaults;
use crate::db::account::{Rights, Source, Tier};
use crate::db::crosswalk::Crosswalk;
use crate::db::seal::Keyring;
use crate::db::{Db, Fault};
use crate::deid::engine::Engine;
use crate::destination::Target;
use crate::oidc::{self, Identity, Verifier, is_token};
use crate::origin::Origin;
use crate::problem::{Problem, Token};
use crate::trail;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, header};
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
    issuer: Option<Verifier>,
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
    source: Source,
}

/// Who a request says it comes from.
enum Claim {
    /// Whoever has the key of this SHA-256.
    Key([u8; 32]),
    /// Whom a token of the issuer stands for.
    Token(Identity),
}

/// For whom a request is served.
struct Owner {
    name: String,
    project: String,
    changed: i64,
    customer: String,
    tier: Tier,
    rate: Option<u64>,
    rights: Rights,
}

impl Accounts {
    /// The accounts in `db`, whose secrets open under `keys`; what a project does not say for itself, `defaults` do. Tokens
    /// are taken of `issuer` alone.
    pub fn new(db: Db, keys: Keyring, issuer: Option<Verifier>, defaults: Defaults) -> Self {
        Self { db, issuer, keys, defaults: Arc::new(defaults), projects: Arc::default() }
    }

    /// Checks a token where one is sent, which may mean to ask its issuer.
    async fn claim(&self, headers: &HeaderMap) -> Result<Claim, Problem> {
        if let Some((issuer, token)) = self.issuer.as_ref().zip(token(headers)) {
            return issuer.check(token).await.map(Claim::Token).map_err(refused);
        }
        let key = key(headers).ok_or(Problem::NoKey)?;
        Ok(Claim::Key(Sha256::digest(key.as_bytes()).into()))
    }

    async fn caller(&self, claim: Claim) -> Result<Caller, Problem> {
        let owner = match claim {
            Claim::Key(sha256) => self.of_key(sha256).await?,
            Claim::Token(identity) => self.of_token(identity).await?,
        };
        let known = self.project(&owner).await?;
        Ok(Caller {
            customer: owner.customer,
            project: owner.project,
            key: owner.name,
            tier: owner.tier,
            rate: owner.rate,
            rights: owner.rights,
            engine: known.engine,
            crosswalk: known.crosswalk,
            keeps_pushed: self.defaults.keeps_pushed,
            target: known.target,
            origin: known.origin,
            source: known.source,
        })
    }

    async fn of_key(&self, sha256: [u8; 32]) -> Result<Owner, Problem> {
        let owner = self.db.key_owner(sha256).await?;
        // The lookup compares digests of unknowable keys; this comparison makes sure that
        // its timing cannot matter.
        let owner = owner.filter(|owner| bool::from(owner.sha256.ct_eq(&sha256))).ok_or(Problem::BadKey)?;
        Ok(Owner {
            name: owner.key,
            project: owner.project,
            changed: owner.changed,
            customer: owner.customer,
            tier: owner.tier,
            rate: owner.rate,
            rights: owner.rights,
        })
    }

    /// A token that claims no project of ours is answered like one that is forged: it is not to find out what there is.
    async fn of_token(&self, identity: Identity) -> Result<Owner, Problem> {
        let claimed = self.db.claimed_project(&identity.project).await?;
        let unknown = oidc::Fault::Invalid("it claims a project that is not there, or not that customer's");
        let claimed = claimed.ok_or_else(|| refused(unknown))?;
        Ok(Owner {
            name: identity.actor,
            project: claimed.project,
            changed: claimed.changed,
            customer: claimed.customer,
            tier: claimed.tier,
            rate: None,
            rights: identity.rights,
        })
    }

    async fn project(&self, owner: &Owner) -> Result<Known, Problem> {
        let known = self.projects().get(&owner.project).filter(|it| it.changed == owner.changed).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let (db, project) = (&self.db, owner.project.as_str());
        let opened = self.keys.with(|key| async move { db.project_settings(&key, project).await }).await;
        if opened.as_ref().is_err_and(|fault| *fault == Fault::Destroyed) {
            // Nothing of the secret stays in memory either, once the requests under way have ended.
            self.projects().remove(project);
        }
        let settings = opened?;
        let engine = self.defaults.engine(&settings);
        let crosswalk = Crosswalk::with_own(db.clone(), project, &settings.secret, &settings.own_pseudonyms);
        let known = Known {
            changed: owner.changed,
            target: self.defaults.target(&settings, &crosswalk)?,
            origin: self.defaults.origin(project, &settings, &engine, &crosswalk)?,
            source: self.defaults.source(&settings),
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
    let caller = match accounts.claim(request.headers()).await {
        Ok(claim) => timeout(PATIENCE, accounts.caller(claim)).await.unwrap_or(Err(Problem::Database)),
        Err(problem) => Err(problem),
    };
    match caller {
        Ok(caller) => {
            if let Some(trail) = trail::current() {
                trail.belongs_to(&caller.project);
            }
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(problem) => {
            let mut response = problem.into_response();
            if opens_no_dialog(request.headers()) {
                leave_out_basic(response.headers_mut());
            }
            response
        }
    }
}

/// Whoever asks sends a key of their own, or is a script in a browser. The browser would hold a 401 with the challenge Basic back
/// from the script, and ask its user for name and password instead (Fetch 4.5); XMLHttpRequest cannot forbid that.
fn opens_no_dialog(headers: &HeaderMap) -> bool {
    let starts = |name: &str, word: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        value.trim().get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word))
    };
    headers.contains_key("x-api-key")
        || starts(header::AUTHORIZATION.as_str(), "bearer")
        || starts("sec-fetch-mode", "cors")
}

fn leave_out_basic(headers: &mut HeaderMap) {
    let all: Vec<HeaderValue> = headers.get_all(header::WWW_AUTHENTICATE).iter().cloned().collect();
    headers.remove(header::WWW_AUTHENTICATE);
    for challenge in all.into_iter().filter(|challenge| !challenge.as_bytes().starts_with(b"Basic")) {
        headers.append(header::WWW_AUTHENTICATE, challenge);
    }
}

/// The log says why, the answer does not.
fn refused(fault: oidc::Fault) -> Problem {
    match fault {
        oidc::Fault::Invalid(why) => {
            tracing::info!(why, "a token was refused");
            Problem::Token(Token::Invalid)
        }
        oidc::Fault::Unchecked { retry_after } => Problem::Token(Token::Unchecked { retry_after }),
    }
}

/// The token that the request carries, unless it carries a key in a header of its own.
fn token(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION).filter(|_| !headers.contains_key("x-api-key"))?;
    let (scheme, rest) = value.to_str().ok()?.trim().split_once(' ')?;
    Some(rest.trim()).filter(|rest| scheme.eq_ignore_ascii_case("bearer") && is_token(rest))
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
    use axum::http::HeaderName;

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
    fn a_token_is_told_from_a_key_by_its_form() {
        let found = |value: &str| token(&with("authorization", value)).map(str::to_owned);
        assert_eq!(found("Bearer eyJh.eyJi.c2ln").as_deref(), Some("eyJh.eyJi.c2ln"));
        assert_eq!(found("bearer eyJh.eyJi.").as_deref(), Some("eyJh.eyJi."), "unsigned is no key either");
        for value in
            ["Bearer vg_abc", "Bearer eyJh.eyJi", "Bearer a.b.c", "Basic eyJh.eyJi.c2ln", "eyJh.eyJi.c2ln"]
        {
            assert_eq!(found(value), None, "{value}");
        }
        let mut both = with("authorization", "Bearer eyJh.eyJi.c2ln");
        both.extend(with("x-api-key", "k1"));
        assert_eq!(token(&both), None, "a key in its own header comes first");
    }

    #[test]
    fn only_who_may_be_a_person_in_front_of_a_browser_s_dialog_is_offered_basic() {
        for (name, value) in [
            ("x-api-key", ""),
            ("authorization", "bearer k"),
            ("authorization", "Bearer"),
            ("sec-fetch-mode", "cors"),
        ] {
            assert!(opens_no_dialog(&with(name, value)), "{name}: {value}");
        }
        for (name, value) in [
            ("accept", "*/*"),
            ("authorization", "Basic azpr"),
            ("sec-fetch-mode", "navigate"),
            ("authorization", ""),
        ] {
            assert!(!opens_no_dialog(&with(name, value)), "{name}: {value}");
        }
        let mut answer = Problem::BadKey.into_response();
        leave_out_basic(answer.headers_mut());
        let left: Vec<_> = answer.headers().get_all(header::WWW_AUTHENTICATE).iter().collect();
        assert_eq!(left, ["Bearer realm=\"veilgate\""]);
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
