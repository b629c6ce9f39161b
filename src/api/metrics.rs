//! `GET /metrics`: what the process counts, and how the database stands. What there is to count is `metrics`; who may read it
//! is decided in `layer::scrape`.

use crate::db::Db;
use crate::db::standing::Standing;
use crate::db::writer::Writer;
use crate::metrics::{MEDIA_TYPE, Metrics, exposition, metrics};
use crate::problem::Problem;
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use std::time::Duration;
use tokio::time::timeout;

/// Whoever scrapes does not wait longer for the database.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is asked beside the counters.
#[derive(Clone)]
pub struct Watch {
    /// For audit and billing.
    pub db: Db,
    /// For its queue.
    pub writer: Writer,
}

/// The route, without its guard.
pub fn routes(watch: Watch) -> Router {
    Router::new()
        .route("/metrics", get(scrape))
        .method_not_allowed_fallback(async || Problem::MethodNotAllowed)
        .with_state(watch)
}

async fn scrape(State(watch): State<Watch>) -> impl IntoResponse {
    let all = metrics();
    all.queue.set(level(watch.writer.waiting() as u64));
    let standing = timeout(PATIENCE, watch.db.standing()).await.ok().and_then(Result::ok);
    all.database.set(i64::from(standing.is_some()));
    if let Some(standing) = standing {
        tell(all, standing);
    }
    ([(header::CONTENT_TYPE, MEDIA_TYPE)], exposition())
}

fn tell(all: &Metrics, standing: Standing) {
    all.chains.set(level(standing.chains));
    all.entries.set(level(standing.entries));
    all.unkept.set(level(standing.unkept));
    all.checkpoint.set(Duration::from_millis(standing.kept_ms).as_secs_f64());
    all.pending.set(level(standing.pending));
    all.parked.set(level(standing.parked));
}

fn level(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
