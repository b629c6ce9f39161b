//! What a push to a project that restores has of its own: how an instance goes through. Who may is decided in
//! `layer::context`, judging it is `deid::restore`'s, asking the origin `destination::clinic`'s.

use super::Service;
use super::intake::Record;
use crate::deid::engine::Engine;
use crate::deid::restore::Options;
use crate::destination::{Clinic, Restoring, Stop, Visit};
use std::time::{SystemTime, UNIX_EPOCH};

/// The instances of one request.
pub(super) struct Desk {
    visit: Visit,
    options: Options,
}

impl Desk {
    pub(super) fn new(service: &Service, clinic: &Clinic, study: Option<String>) -> Self {
        let options = Options { limits: service.limits, study, today: latest() };
        Self { visit: Visit::new(clinic.clone()), options }
    }

    /// An instance begins.
    pub(super) fn begin(&self, engine: &Engine) -> Restoring {
        self.visit.begin(engine, self.options.clone())
    }
}

/// The fate of an instance that does not go on.
pub(super) fn record(stop: Stop) -> Record {
    match stop {
        Stop::Refused(refused) => Record::Refused(refused),
        Stop::Fault(fault, names) => Record::Stuck(names, fault),
    }
}

/// Today where it is latest on earth: 14 hours before UTC.
fn latest() -> chrono::NaiveDate {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let days = chrono::Days::new((since.as_secs() + 14 * 3600) / 86_400);
    chrono::NaiveDate::default().checked_add_days(days).unwrap_or_default()
}
