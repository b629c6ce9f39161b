//! The issuer's public keys (JWKS, RFC 7517), fetched when they are needed and kept for a while: an issuer that is down
//! stops nobody whose key is known, and tokens that name made-up keys do not make us ask it over and over.

use super::{Fault, Settings, signature};
use crate::downstream;
use crate::downstream::document::Documents;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::Value;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// Keys are fetched again when they are older, so that one that is withdrawn soon opens nothing.
const FRESH: Duration = Duration::from_secs(300);

/// Without an answer of the issuer they hold for so long.
const HOLD: Duration = Duration::from_secs(12 * 3600);

/// After a failure known keys go on for so long before the issuer is asked again.
const REST: Duration = Duration::from_secs(60);

/// Most keys of an issuer that are looked at.
const MOST: usize = 64;

/// Most requests that wait for a fetch at the same time: waiting costs a place among those served.
const WAITING: usize = 32;

/// Seconds after which another try is worth it, if nothing else is known.
const RETRY_AFTER: u64 = 5;

/// How often the issuer is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Least time between two fetches.
    pub pause: Duration,
}

/// The keys. Cheap to clone.
#[derive(Clone)]
pub(super) struct Keys(Arc<Shared>);

struct Shared {
    documents: Documents,
    issuer: String,
    jwks_url: Option<String>,
    pace: Pace,
    held: Mutex<Held>,
    fetching: tokio::sync::Mutex<()>,
    waiting: Arc<Semaphore>,
}

#[derive(Default)]
struct Held {
    keys: Arc<Vec<Key>>,
    /// When the issuer answered last,
    fetched: Option<Instant>,
    /// and when it was asked last.
    asked: Option<Instant>,
    /// The last time it was asked it did not answer.
    failing: bool,
}

struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl Held {
    /// The key of this id. Without an id there must be one key alone that fits: else it would be a guess.
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        if self.fetched.is_none_or(|at| at.elapsed() >= HOLD) {
            return None;
        }
        let fits =
            |key: &&Key| key.algorithms.contains(&algorithm) && (id.is_none() || key.id.as_deref() == id);
        let mut fitting = self.keys.iter().filter(fits);
        let first = fitting.next()?;
        (id.is_some() || fitting.next().is_none()).then(|| first.key.clone())
    }

    fn is_fresh(&self) -> bool {
        self.fetched.is_some_and(|at| at.elapsed() < FRESH)
    }

    /// It was asked within this time.
    fn asked_within(&self, time: Duration) -> bool {
        self.asked.is_some_and(|at| at.elapsed() < time)
    }
}

impl Keys {
    pub(super) fn new(settings: &Settings, documents: Documents) -> Self {
        Self(Arc::new(Shared {
            documents,
            issuer: settings.issuer.clone(),
            jwks_url: settings.jwks_url.clone(),
            pace: settings.pace,
            held: Mutex::default(),
            fetching: tokio::sync::Mutex::new(()),
            waiting: Arc::new(Semaphore::new(WAITING)),
        }))
    }

    /// The key that a token names, fetched if it is not known.
    pub(super) async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, Fault> {
        let (known, settled) = {
            let held = self.0.held();
            let rests = held.asked_within(REST.max(self.0.pace.pause));
            (held.find(id, algorithm), held.is_fresh() || rests)
        };
        if let (Some(key), true) = (&known, settled) {
            return Ok(key.clone());
        }
        let place = Arc::clone(&self.0.waiting).try_acquire_owned();
        let Ok(place) = place else { return known.ok_or(Fault::Unchecked { retry_after: RETRY_AFTER }) };
        // In a task of its own: a client that leaves does not break off what all wait for.
        let shared = Arc::clone(&self.0);
        let wanted = id.map(str::to_owned);
        let fetch = tokio::spawn(async move {
            shared.fetch_for(wanted.as_deref(), algorithm).await;
            drop(place);
        });
        let _ = fetch.await;
        let held = self.0.held();
        match held.find(id, algorithm) {
            Some(key) => Ok(key),
            None if held.failing => {
                Err(Fault::Unchecked { retry_after: self.0.pace.pause.as_secs().max(RETRY_AFTER) })
            }
            None => Err(Fault::Invalid("no key of the issuer that it names")),
        }
    }
}

impl Shared {
    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches the keys unless another task has just done so; one at a time.
    async fn fetch_for(&self, id: Option<&str>, algorithm: Algorithm) {
        let _one = self.fetching.lock().await;
        {
            let mut held = self.held();
            let has = held.is_fresh() && held.find(id, algorithm).is_some();
            if has || held.asked_within(self.pace.pause) {
                return;
            }
            held.asked = Some(Instant::now());
        }
        let fetched = self.fetch().await;
        let mut held = self.held();
        held.failing = fetched.is_err();
        match fetched {
            Ok(keys) => {
                held.keys = Arc::new(keys);
                held.fetched = Some(Instant::now());
            }
            Err(why) => tracing::warn!(why, "the keys of the issuer of tokens could not be fetched"),
        }
    }

    async fn fetch(&self) -> Result<Vec<Key>, &'static str> {
        let url = match &self.jwks_url {
            Some(url) => url.clone(),
            None => self.discover().await?,
        };
        let set = self.documents.get(&url).await.map_err(word)?;
        let list = set.get("keys").and_then(Value::as_array).ok_or("no list of keys")?;
        let keys: Vec<Key> = list.iter().take(MOST).filter_map(key).collect();
        if keys.is_empty() {
            tracing::warn!("the issuer of tokens publishes no key that can be used");
        }
        Ok(keys)
    }

    /// Where the keys are, by the issuer's own word (OpenID Connect Discovery 1.0, 4.3).
    async fn discover(&self) -> Result<String, &'static str> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let said = self.documents.get(&url).await.map_err(word)?;
        let text = |name: &str| said.get(name).and_then(Value::as_str);
        if text("issuer") != Some(self.issuer.as_str()) {
            return Err("its configuration names another issuer");
        }
        text("jwks_uri").map(str::to_owned).ok_or("its configuration names no keys")
    }
}

/// A published key, if it is one that can be used.
fn key(published: &Value) -> Option<Key> {
    let published: Jwk = serde_json::from_value(published.clone()).ok()?;
    let algorithms = signature::algorithms(&published);
    let key = DecodingKey::from_jwk(&published).ok().filter(|_| !algorithms.is_empty())?;
    Some(Key { id: published.common.key_id, algorithms, key })
}

/// For the log.
fn word(fault: downstream::Fault) -> &'static str {
    use downstream::Fault;
    match fault {
        Fault::TimedOut => "it does not answer in time",
        Fault::Unreachable => "it cannot be reached",
        Fault::CutOff => "it broke the connection",
        Fault::Unsupported => "their URL is neither https nor on this machine",
        Fault::TooLarge => "it says too much",
        Fault::Nonsense => "it answers no JSON",
        _ => "it refuses",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use serde_json::json;

    /// Keys of these ids, fetched so long ago.
    fn held(ids: &[&str], ago: Duration) -> Held {
        let published = |id: &&str| json!({"kty": "OKP", "crv": "Ed25519", "x": "AQ", "kid": id});
        let keys = ids.iter().map(|id| key(&published(id)).unwrap()).collect();
        Held { keys: Arc::new(keys), fetched: Instant::now().checked_sub(ago), ..Held::default() }
    }

    #[test]
    fn a_key_is_found_by_its_id_and_without_one_only_if_it_is_the_only_one() {
        let two = held(&["a", "b"], Duration::ZERO);
        assert!(two.find(Some("b"), Algorithm::EdDSA).is_some());
        assert!(two.find(Some("c"), Algorithm::EdDSA).is_none());
        assert!(two.find(Some("b"), Algorithm::ES256).is_none(), "of another kind");
        assert!(two.find(None, Algorithm::EdDSA).is_none(), "which one?");
        assert!(held(&["a"], Duration::ZERO).find(None, Algorithm::EdDSA).is_some());
    }

    #[test]
    fn keys_hold_for_hours_without_their_issuer_and_not_for_ever() {
        let known = |ago| held(&["a"], ago).find(Some("a"), Algorithm::EdDSA).is_some();
        assert!(known(HOLD - Duration::from_secs(60)));
        assert!(!known(HOLD));
        assert!(Held::default().find(Some("a"), Algorithm::EdDSA).is_none());
        assert!(held(&["a"], Duration::ZERO).is_fresh() && !held(&["a"], FRESH).is_fresh());
    }

    #[test]
    fn what_is_no_usable_key_is_passed_over() {
        for other in [
            json!(null),
            json!("key"),
            json!({"kty": "oct", "k": "AQAB", "kid": "a"}),
            json!({"kty": "RSA", "n": "!", "e": "AQAB"}),
            json!({"kty": "OKP", "crv": "X25519", "x": "AQ"}),
            json!({"kty": "OKP", "crv": "Ed25519", "x": "AQ", "use": "enc"}),
        ] {
            assert!(key(&other).is_none(), "{other}");
        }
    }
}
