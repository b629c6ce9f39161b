//! Who may read the metrics: whoever has their token, or the admin key. They tell nothing about a patient, but how much is done
//! and when, on the listener that faces clients: so nobody else, and without either setting there are none.

use super::admin::{PAUSE, digest, key};
use crate::problem::Problem;
use crate::secret::Secret;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use subtle::{Choice, ConstantTimeEq};

/// The metrics, and who may read them.
pub struct Scrape {
    /// Their route.
    pub routes: Router,
    /// Any of these opens it.
    pub keys: Vec<Secret>,
}

impl Scrape {
    pub(super) fn guarded(self) -> Router {
        let digests: Arc<[[u8; 32]]> = self.keys.iter().map(|key| digest(key.expose())).collect();
        self.routes.layer(from_fn_with_state(digests, scrape))
    }
}

/// Lets a key pass; guesses are slowed down as those of the admin key are.
async fn scrape(State(digests): State<Arc<[[u8; 32]]>>, request: Request, next: Next) -> Response {
    let Some(given) = key(request.headers()).map(digest) else { return Problem::NoToken.into_response() };
    let fits = digests.iter().fold(Choice::from(0), |fits, right| fits | given.ct_eq(right));
    if !bool::from(fits) {
        tracing::warn!("a wrong token for metrics was tried");
        tokio::time::sleep(PAUSE).await;
        return Problem::BadToken.into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::body::Body;
    use axum::http::StatusCode;
    use axum::routing::get;
    use std::time::Instant;
    use tower::ServiceExt;

    async fn ask(keys: &[&str], name: &str, value: &str) -> StatusCode {
        let routes = Router::new().route("/metrics", get(async || "numbers"));
        let scrape = Scrape { routes, keys: keys.iter().map(|key| Secret::new(key)).collect() };
        let request = Request::get("/metrics").header(name, value).body(Body::empty()).unwrap();
        scrape.guarded().oneshot(request).await.unwrap().status()
    }

    #[tokio::test]
    async fn each_of_its_keys_opens_it_and_nothing_else_does() {
        let keys = ["a token of metrics", "an admin's own key"];
        for key in keys {
            assert_eq!(ask(&keys, "authorization", &format!("Bearer {key}")).await, StatusCode::OK, "{key}");
        }
        assert_eq!(ask(&keys, "accept", "*/*").await, StatusCode::UNAUTHORIZED);
        let started = Instant::now();
        assert_eq!(ask(&keys, "authorization", "Bearer a token of metric").await, StatusCode::UNAUTHORIZED);
        assert!(started.elapsed() >= PAUSE, "a guess waits");
        assert_eq!(ask(&[], "authorization", "Bearer a").await, StatusCode::UNAUTHORIZED);
    }
}
