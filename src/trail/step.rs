//! Spans: one a request, one for each thing within it that takes its time. They are told to a collector if there is one, by
//! `otlp`; nothing waits for it. What stands in a span is a word of the program's own, a number, or the id of a project.

use super::name::{Place, random_span};
use super::{Trail, current};
use crate::metrics::metrics;
use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::SystemTime;
use tokio::sync::mpsc::Sender;

static COLLECTED: OnceLock<Sender<Finished>> = OnceLock::new();

/// From now on finished spans go there. Once a process: a second call changes nothing.
pub fn collect(to: Sender<Finished>) {
    let _ = COLLECTED.set(to);
}

/// True if finished spans go somewhere.
pub(super) fn are_collected() -> bool {
    COLLECTED.get().is_some()
}

/// Which side of an exchange a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It answers.
    Server,
    /// It asks.
    Client,
    /// Neither.
    Internal,
}

/// What a span says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A word of the program's own, such as a route's pattern.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

/// A finished span.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Where it stands.
    pub place: Place,
    /// The span that it is a part of.
    pub parent: Option<[u8; 8]>,
    /// That one is of another process.
    pub parent_is_remote: bool,
    /// Which side it is.
    pub kind: Kind,
    /// What was done.
    pub name: Cow<'static, str>,
    /// When it began,
    pub start: SystemTime,
    /// and ended.
    pub end: SystemTime,
    /// What it says.
    pub attributes: Vec<(&'static str, Value)>,
    /// It came to no good end on our side.
    pub failed: bool,
}

/// A span that goes on until it is dropped.
#[derive(Debug)]
pub struct Step {
    trail: Option<Trail>,
    span: [u8; 8],
    parent: Option<[u8; 8]>,
    kind: Kind,
    name: Cow<'static, str>,
    start: SystemTime,
    attributes: Vec<(&'static str, Value)>,
    failed: bool,
}

impl Step {
    /// The request itself.
    pub fn of_request(trail: &Trail, name: String) -> Self {
        let (span, parent) = (trail.0.place.span, trail.0.parent);
        Self::new(Some(trail.clone()), span, parent, Kind::Server, name.into())
    }

    /// A part of the request whose work is being done.
    pub fn begin(kind: Kind, name: &'static str) -> Self {
        let trail = current();
        let parent = trail.as_ref().map(|trail| trail.0.place.span);
        Self::new(trail, random_span(), parent, kind, name.into())
    }

    fn new(
        trail: Option<Trail>,
        span: [u8; 8],
        parent: Option<[u8; 8]>,
        kind: Kind,
        name: Cow<'static, str>,
    ) -> Self {
        Self {
            trail,
            span,
            parent,
            kind,
            name,
            start: SystemTime::now(),
            attributes: Vec::new(),
            failed: false,
        }
    }

    /// Says something.
    pub fn say(&mut self, name: &'static str, value: Value) {
        self.attributes.push((name, value));
    }

    /// It comes to no good end on our side.
    pub fn fail(&mut self) {
        self.failed = true;
    }

    /// How another server is told whose work it does: the request's name, and its place in the trace.
    pub fn told(&self) -> Option<(&str, Place)> {
        let trail = self.trail.as_ref()?;
        Some((trail.name(), Place { span: self.span, ..trail.0.place }))
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        let (Some(trail), Some(to)) = (self.trail.take(), COLLECTED.get()) else { return };
        if !trail.0.place.sampled {
            return;
        }
        let mut attributes = std::mem::take(&mut self.attributes);
        if let (Kind::Server, Some(project)) = (self.kind, trail.0.project.get()) {
            attributes.push(("veilgate.project", Value::Text(project.clone().into())));
        }
        let finished = Finished {
            place: Place { span: self.span, ..trail.0.place },
            parent: self.parent,
            parent_is_remote: self.kind == Kind::Server && self.parent.is_some(),
            kind: self.kind,
            name: std::mem::take(&mut self.name),
            start: self.start,
            end: SystemTime::now(),
            attributes,
            failed: self.failed,
        };
        if to.try_send(finished).is_err() {
            metrics().lost_spans.inc();
        }
    }
}
