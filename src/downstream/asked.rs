//! One request to a downstream server on its way: it says whose work it does, and is counted, and a span of its trace.

use super::fault::Fault;
use crate::metrics::{Outcome, metrics};
use crate::trail::{Kind, Step, Value};
use std::time::Instant;

/// On its way.
pub(super) struct Asked {
    step: Step,
    started: Instant,
}

impl Asked {
    /// It begins. `method` is its name in traces too: a path would hold UIDs.
    pub(super) fn begin(method: &'static str) -> Self {
        let mut step = Step::begin(Kind::Client, method);
        step.say("http.request.method", Value::Text(method.into()));
        Self { step, started: Instant::now() }
    }

    /// Names the request that it is a part of.
    pub(super) fn name(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match self.step.told() {
            Some((name, place)) => {
                request.header("X-Request-Id", name).header("traceparent", place.to_string())
            }
            None => request,
        }
    }

    /// It came to this.
    pub(super) fn ended<T>(mut self, answer: &Result<T, Fault>) {
        let outcome = answer.as_ref().err().map_or("answered", |fault| fault.code());
        if answer.is_err() {
            self.step.say("error.type", Value::Text(outcome.into()));
            self.step.fail();
        }
        metrics().downstream.get_or_create(&Outcome { outcome }).inc();
        metrics().downstream_seconds.observe(self.started.elapsed().as_secs_f64());
    }
}

/// An answer that had begun breaks off, or is not what it began as: that is counted beside its beginning.
pub(super) fn broken(fault: Fault) -> Fault {
    metrics().downstream.get_or_create(&Outcome { outcome: fault.code() }).inc();
    fault
}
