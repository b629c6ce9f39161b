//! The admin key, before a byte of the body is read; guesses are slowed down. What an admin can do is `api::admin`'s.

use super::context::RequestId;
use crate::db::account::Hand;
use crate::db::chain::Keeper;
use crate::problem::Problem;
use crate::secret::Secret;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;

/// How long a wrong key waits for its answer. One guess a second and connection leads nowhere.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// The admin API, and who may use it.
pub struct Admin {
    /// Its routes.
    pub routes: Router,
    /// Its key.
    pub key: Secret,
    /// Under which key acts are written into the chains.
    pub keeper: Keeper,
}

impl Admin {
    pub(super) fn guarded(self) -> Router {
        let guard = Guard { sha256: digest(self.key.expose()), keeper: self.keeper };
        self.routes.layer(from_fn_with_state(Arc::new(guard), admin))
    }
}

struct Guard {
    sha256: [u8; 32],
    keeper: Keeper,
}

/// Digests are compared: they have one length, and say nothing about how far a guess was right.
pub(super) fn digest(key: &str) -> [u8; 32] {
    Sha256::digest(key.as_bytes()).into()
}

/// Puts the admin's hand into the request, or refuses it.
async fn admin(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    let Some(key) = key(request.headers()) else { return Problem::NoAdminKey.into_response() };
    if !bool::from(digest(key).ct_eq(&guard.sha256)) {
        tracing::warn!("a wrong admin key was tried");
        tokio::time::sleep(PAUSE).await;
        return Problem::BadAdminKey.into_response();
    }
    let id = request.extensions().get::<RequestId>().map(|id| id.told.clone()).unwrap_or_default();
    request.extensions_mut().insert(Hand::admin(guard.keeper.clone(), &id));
    next.run(request).await
}

/// The key that stands in the request.
pub(super) fn key(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = || {
        let (scheme, rest) = text(header::AUTHORIZATION.as_str())?.trim().split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
    };
    text("x-admin-key").map(str::trim).or_else(bearer).filter(|key| !key.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::audit::key::SigningKey;
    use axum::Extension;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::routing::get;
    use std::time::Instant;
    use tower::ServiceExt;

    async fn ask(name: &str, value: &str) -> Response {
        let keeper = Keeper::new(SigningKey::from_seed(&[5; 32]), 10, Duration::from_secs(60));
        let routes = Router::new().route("/", get(async |_: Extension<Hand>| "in"));
        let app = Admin { routes, key: Secret::new("a right admin key"), keeper }.guarded();
        app.oneshot(Request::builder().header(name, value).body(Body::empty()).unwrap()).await.unwrap()
    }

    #[tokio::test]
    async fn the_right_key_passes_in_both_of_its_places() {
        for (name, value) in
            [("x-admin-key", "a right admin key"), ("authorization", "Bearer a right admin key")]
        {
            assert_eq!(ask(name, value).await.status(), StatusCode::OK, "{name}");
        }
    }

    #[tokio::test]
    async fn a_guess_waits_and_is_challenged() {
        for (name, value, pause) in [
            ("x-admin-key", "a right admin ke", true),
            ("authorization", "Bearer a right admin key 2", true),
            ("authorization", "Basic a right admin key", false),
            ("x-api-key", "a right admin key", false),
        ] {
            let started = Instant::now();
            let response = ask(name, value).await;
            assert_eq!(response.status(), StatusCode::UNAUTHORIZED, "{name}: {value}");
            assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
            assert_eq!(started.elapsed() >= PAUSE, pause, "{name}: {value}");
        }
    }
}
