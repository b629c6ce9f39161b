//! What the process counts of itself, for Prometheus: one list of metrics, which the table in the README follows. Who may
//! read them is decided in `layer::scrape`; what is asked of the database for them in `api::metrics`.
//!
//! Labels are words of the program's own: route patterns, methods, codes. Nothing that a client sent, no name of a customer or
//! project and no value of a data set is ever one, so their number is bounded and they tell nothing about anybody. Counting is
//! an atomic addition, for labelled ones behind a lock that is shared by all who count.

mod process;

pub use prometheus_client::metrics::counter::Counter;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::sync::LazyLock;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Media type of what [`exposition`] gives.
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Upper bounds of the histograms, in seconds.
const SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];

/// A metric as it is documented.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// As Prometheus stores it; a histogram has `_bucket`, `_sum` and `_count` behind it.
    pub name: &'static str,
    /// counter, gauge or histogram.
    pub kind: &'static str,
    /// Names of its labels.
    pub labels: &'static [&'static str],
    /// What it tells.
    pub help: &'static str,
}

/// The program.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Build {
    /// Its version.
    pub version: &'static str,
    /// Edition of PS3.15 Table E.1-1 that it decides by.
    pub edition: &'static str,
}

/// A resource, and how it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Asked {
    /// Pattern of the route, never the path itself.
    pub route: String,
    /// Method; "other" for those that are not of the standard's.
    pub method: &'static str,
}

/// The same, and how it was answered.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Answered {
    /// Pattern of the route, never the path itself.
    pub route: String,
    /// Method; "other" for those that are not of the standard's.
    pub method: &'static str,
    /// Class of the status, or "gone".
    pub status: &'static str,
}

/// Why something was refused.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Reason {
    /// A stable code.
    pub reason: &'static str,
}

/// What something came to.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Outcome {
    /// A stable code.
    pub outcome: &'static str,
}

/// Which way something goes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct Direction {
    /// in or out.
    pub direction: &'static str,
}

/// A histogram of times in seconds.
fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

macro_rules! metrics {
    ($($field:ident: $type:ty = $make:expr, $name:literal, $kind:literal, [$($label:literal),*], $help:literal;)*) => {
        /// Every metric.
        pub struct Metrics {
            $(#[doc = $help] pub $field: $type,)*
        }

        /// Every metric as it is documented, in the order of the documentation.
        pub const METRICS: &[Described] =
            &[$(Described { name: $name, kind: $kind, labels: &[$($label),*], help: $help }),*];

        impl Metrics {
            fn new(registry: &mut Registry) -> Self {
                let all = Self { $($field: $make,)* };
                $(registry.register(registered($name), $help.trim_end_matches('.'), all.$field.clone());)*
                all
            }
        }
    };
}

metrics! {
    build: Family<Build, Gauge> = Family::default(), "veilgate_build_info", "gauge", ["version", "edition"], "1, with the version of the program and the edition of PS3.15 Table E.1-1.";
    started: Gauge<f64, AtomicU64> = Gauge::default(), "process_start_time_seconds", "gauge", [], "When the process started, in seconds since 1970 UTC.";
    uptime: Gauge<f64, AtomicU64> = Gauge::default(), "veilgate_uptime_seconds", "gauge", [], "How long it has been running.";
    memory: Gauge = Gauge::default(), "process_resident_memory_bytes", "gauge", [], "Resident memory (Linux).";
    open_files: Gauge = Gauge::default(), "process_open_fds", "gauge", [], "Open file descriptors (Linux).";
    most_files: Gauge = Gauge::default(), "process_max_fds", "gauge", [], "File descriptors it may open (Linux).";
    requests: Family<Answered, Counter> = Family::default(), "veilgate_requests_total", "counter", ["route", "method", "status"], "Requests answered; `route` is the pattern, `none` where there is none, `status` 2xx to 5xx, or `gone`: the client left before the answer.";
    request_seconds: Family<Asked, Histogram> = Family::new_with_constructor(seconds as fn() -> Histogram), "veilgate_request_seconds", "histogram", ["route", "method"], "Time from the head of a request to the head of its answer.";
    running: Gauge = Gauge::default(), "veilgate_requests_running", "gauge", [], "Requests whose answer has not left whole.";
    received: Counter = Counter::default(), "veilgate_received_bytes_total", "counter", [], "Bytes of request bodies.";
    sent: Counter = Counter::default(), "veilgate_sent_bytes_total", "counter", [], "Bytes of answers' bodies.";
    refused_requests: Family<Reason, Counter> = Family::default(), "veilgate_requests_refused_total", "counter", ["reason"], "Requests answered with a problem, by its code.";
    instances: Family<Outcome, Counter> = Family::default(), "veilgate_instances_total", "counter", ["outcome"], "Instances pushed: `delivered` (pseudonymized), `restored`, `undelivered`, `refused`, `unread`.";
    instance_bytes: Family<Direction, Counter> = Family::default(), "veilgate_instance_bytes_total", "counter", ["direction"], "Bytes of pushed instances, `in` and, pseudonymized, `out`.";
    refused_instances: Family<Reason, Counter> = Family::default(), "veilgate_instances_refused_total", "counter", ["reason"], "Pushed instances refused, by the code of the refusal; `unreadable` where they never came to be looked at.";
    read: Counter = Counter::default(), "veilgate_instances_read_total", "counter", [], "Instances of which an answer gave the file, frames, bulk data or a picture.";
    over_quota: Counter = Counter::default(), "veilgate_quota_refusals_total", "counter", [], "Requests and instances refused because the customer's month is used up.";
    over_rate: Counter = Counter::default(), "veilgate_rate_refusals_total", "counter", [], "Requests refused because their key sends too many.";
    queue: Gauge = Gauge::default(), "veilgate_writer_queue", "gauge", [], "Requests that wait for the writer of usage and audit; 4096 at the most.";
    commit_seconds: Histogram = seconds(), "veilgate_commit_seconds", "histogram", [], "How long requests waited for usage and audit to be committed.";
    spool_files: Gauge = Gauge::default(), "veilgate_spool_files", "gauge", [], "Temporary files of answers that do not fit into memory.";
    spool_bytes: Gauge = Gauge::default(), "veilgate_spool_bytes", "gauge", [], "Bytes written into those files.";
    downstream: Family<Outcome, Counter> = Family::default(), "veilgate_downstream_requests_total", "counter", ["outcome"], "Requests to downstream servers: `answered`, or the code of what went wrong; an answer that breaks off behind its head counts as both.";
    downstream_seconds: Histogram = seconds(), "veilgate_downstream_seconds", "histogram", [], "How long they took: a GET to the head of its answer, a store whole.";
    resting: Gauge = Gauge::default(), "veilgate_downstream_resting", "gauge", [], "Downstream servers that are left alone because they did not answer.";
    database: Gauge = Gauge::default(), "veilgate_database_up", "gauge", [], "1 if the database answered this scrape within 3 s; else 0, and those that follow are of an earlier one.";
    chains: Gauge = Gauge::default(), "veilgate_audit_chains", "gauge", [], "Audit chains.";
    entries: Gauge = Gauge::default(), "veilgate_audit_entries", "gauge", [], "Length of all audit chains together.";
    unkept: Gauge = Gauge::default(), "veilgate_audit_unkept_entries", "gauge", [], "Entries behind the last checkpoints that were kept.";
    checkpoint: Gauge<f64, AtomicU64> = Gauge::default(), "veilgate_audit_checkpoint_timestamp_seconds", "gauge", [], "When the last checkpoint was kept, in seconds since 1970 UTC; 0 for never.";
    pending: Gauge = Gauge::default(), "veilgate_billing_pending", "gauge", [], "Lines and batches of usage that are not told to Stripe yet.";
    parked: Gauge = Gauge::default(), "veilgate_billing_parked", "gauge", [], "Batches of usage that an operator has to look at.";
    lost_spans: Counter = Counter::default(), "veilgate_spans_dropped_total", "counter", [], "Spans that the collector of traces did not take in time.";
}

/// The name without the end that the format adds by itself.
fn registered(name: &'static str) -> &'static str {
    name.strip_suffix("_total").unwrap_or(name)
}

static ALL: LazyLock<(Metrics, Registry)> = LazyLock::new(|| {
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    metrics.started.set(since_1970(SystemTime::now()));
    (metrics, registry)
});

/// What this process counts.
pub fn metrics() -> &'static Metrics {
    &ALL.0
}

fn since_1970(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

/// All of it in the text form that Prometheus reads (OpenMetrics 1.0.0).
pub fn exposition() -> String {
    let (metrics, registry) = &*ALL;
    metrics.uptime.set(since_1970(SystemTime::now()) - metrics.started.get());
    process::look(metrics);
    let mut out = String::with_capacity(16 << 10);
    // A String takes everything.
    let _ = text::encode(&mut out, registry);
    out
}

impl Metrics {
    /// A request was answered, after so long, with this class of status.
    pub fn answered(&self, route: &str, method: &'static str, status: &'static str, after: Duration) {
        let asked = Asked { route: route.to_owned(), method };
        self.request_seconds.get_or_create(&asked).observe(after.as_secs_f64());
        self.requests.get_or_create(&Answered { route: asked.route, method, status }).inc();
    }

    /// Instances came to this.
    pub fn came(&self, outcome: &'static str, instances: u64) {
        self.instances.get_or_create(&Outcome { outcome }).inc_by(instances);
    }
}

/// Adds to a gauge for as long as it lives.
#[derive(Debug)]
pub struct Level {
    gauge: &'static Gauge,
    by: i64,
}

impl Level {
    /// Nothing yet.
    pub fn of(gauge: &'static Gauge) -> Self {
        Self { gauge, by: 0 }
    }

    /// So much more.
    pub fn raise(&mut self, by: usize) {
        let by = i64::try_from(by).unwrap_or(i64::MAX);
        self.by = self.by.saturating_add(by);
        self.gauge.inc_by(by);
    }
}

impl Drop for Level {
    fn drop(&mut self) {
        self.gauge.dec_by(self.by);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    #[test]
    fn every_metric_of_the_list_comes_out_under_its_name() {
        let all = metrics();
        all.build.get_or_create(&Build { version: "0", edition: "e" }).set(1);
        all.answered("/r/{x}", "GET", "2xx", Duration::from_millis(3));
        all.came("refused", 0);
        all.refused_requests.get_or_create(&Reason { reason: "r" }).inc();
        all.refused_instances.get_or_create(&Reason { reason: "r" }).inc();
        all.instance_bytes.get_or_create(&Direction { direction: "in" }).inc();
        all.downstream.get_or_create(&Outcome { outcome: "answered" }).inc();
        let text = exposition();
        for metric in METRICS {
            let labels: Vec<String> = metric.labels.iter().map(|label| format!("{label}=\"")).collect();
            let name = if metric.kind == "histogram" {
                format!("{}_bucket", metric.name)
            } else {
                metric.name.to_owned()
            };
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} ")));
            let line = line.unwrap_or_else(|| panic!("{name} is missing in\n{text}"));
            assert!(labels.iter().all(|label| line.contains(label)), "{line}");
            assert!(
                text.contains(&format!("# TYPE {} {}\n", registered(metric.name), metric.kind)),
                "{name}"
            );
        }
        assert!(
            text.contains("veilgate_request_seconds_bucket{le=\"0.005\",route=\"/r/{x}\",method=\"GET\"} 1"),
            "{text}"
        );
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn a_level_falls_when_what_raised_it_is_gone() {
        static GAUGE: LazyLock<Gauge> = LazyLock::new(Gauge::default);
        let mut level = Level::of(&GAUGE);
        level.raise(3);
        level.raise(4);
        assert_eq!(GAUGE.get(), 7);
        drop(level);
        assert_eq!(GAUGE.get(), 0);
    }

    #[test]
    fn linux_tells_memory_and_files() {
        let text = exposition();
        if cfg!(target_os = "linux") {
            for name in ["process_resident_memory_bytes", "process_open_fds", "process_max_fds"] {
                let line = text.lines().find(|line| line.starts_with(name)).unwrap();
                assert!(line.rsplit(' ').next().unwrap().parse::<i64>().unwrap() > 0, "{line}");
            }
        }
    }
}
