//! Whose work this is: the name of the request and its place in a distributed trace, carried along by its tasks and bodies, so
//! that every log line, every request to another server and every span of it can say so. What a client may call a request, and
//! how places in a trace are written, is `name`; what becomes of finished spans is `step` and, outside the process, `otlp`.

mod name;
mod step;

pub use name::Place;
pub use step::{Finished, Kind, Step, Value, collect};

use name::hex16;
use std::sync::{Arc, OnceLock};
use tracing::Instrument;

tokio::task_local! {
    static CURRENT: Trail;
}

/// What is carried. Clones are of the same request.
#[derive(Debug, Clone)]
pub struct Trail(Arc<Request>);

#[derive(Debug)]
struct Request {
    /// As the request is called outside.
    name: String,
    /// Random, and no other request's: a client may give two requests one name.
    own: String,
    place: Place,
    /// The span of the caller.
    parent: Option<[u8; 8]>,
    /// Project under which it is served.
    project: OnceLock<String>,
}

impl Trail {
    /// Begins with what the client sent as X-Request-Id and as traceparent, as far as it can be taken.
    pub fn begin(name: Option<&str>, traceparent: Option<&str>) -> Self {
        let own = name::random();
        let sent = traceparent.and_then(Place::parse);
        let sampled = sent.as_ref().map_or_else(step::are_collected, |sent| sent.sampled);
        let place =
            Place { trace: sent.as_ref().map_or(own, |sent| sent.trace), span: name::random_span(), sampled };
        let parent = sent.map(|sent| sent.span);
        let own = hex16(own);
        let name = name.filter(|name| name::may_be_a_name(name)).map_or_else(|| own.clone(), str::to_owned);
        Self(Arc::new(Request { name, own, place, parent, project: OnceLock::new() }))
    }

    /// As the request is called outside.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// A name that no other request has.
    pub fn own(&self) -> &str {
        &self.0.own
    }

    /// The trace that it belongs to, as 32 hexadecimal digits.
    pub fn trace(&self) -> String {
        hex16(self.0.place.trace)
    }

    /// It is served under this project, by its id.
    pub fn belongs_to(&self, project: &str) {
        let _ = self.0.project.set(project.to_owned());
    }

    /// Runs a future as a part of this request.
    pub async fn scope<F: Future>(self, future: F) -> F::Output {
        CURRENT.scope(self, future).await
    }

    /// Runs a piece of work as a part of this request.
    pub fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self.clone(), work)
    }
}

/// The request whose work is being done, if it is one's.
pub fn current() -> Option<Trail> {
    CURRENT.try_with(Trail::clone).ok()
}

/// A future for a task of its own that stays a part of the request which it is made in.
pub fn carried<F: Future>(future: F) -> impl Future<Output = F::Output> {
    let trail = current();
    async move {
        match trail {
            Some(trail) => trail.scope(future).await,
            None => future.await,
        }
    }
    .in_current_span()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_task_of_a_request_stays_a_part_of_it() {
        let trail = Trail::begin(None, None);
        let name = trail.name().to_owned();
        let within = trail.scope(async {
            let carried = tokio::spawn(carried(async { current().map(|it| it.name().to_owned()) }));
            (carried.await.unwrap(), tokio::spawn(async { current().is_none() }).await.unwrap())
        });
        assert_eq!(within.await, (Some(name), true));
        assert!(current().is_none());
    }

    #[test]
    fn a_trace_goes_on_and_two_requests_of_one_name_stay_two() {
        let name = "0af76519-16cd-43dd-8448-eb211c80319c";
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let (one, other) = (Trail::begin(Some(name), Some(parent)), Trail::begin(Some(name), None));
        assert_eq!((one.name(), other.name()), (name, name));
        assert_ne!(one.own(), other.own());
        assert_eq!(one.trace(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert!(one.0.place.sampled && !other.0.place.sampled);
        assert_eq!(other.trace(), other.own());
        let made = Trail::begin(Some("Doe^John"), Some("nonsense"));
        assert_eq!(made.name(), made.own());
    }
}
