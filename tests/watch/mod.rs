//! For the tests of operation: metrics scraped and read, log lines as JSON.

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

use crate::support::http::{Request, Response};
use crate::support::server::Server;
use serde_json::Value;
use std::path::Path;

/// The token of the tests.
pub const TOKEN: &str = "a token for the metrics of tests";

/// A server on a data folder below `folder` whose metrics open to `TOKEN`.
pub fn start(folder: &Path, settings: &[(&str, &str)]) -> Server {
    let token = [("VEILGATE_METRICS_TOKEN", TOKEN)];
    Server::on(&folder.join("data"), &[], &[&token, settings].concat())
}

/// GET /metrics with this token.
pub fn ask(server: &Server, token: &str) -> Response {
    server.send_bare(Request::new("GET", "/metrics").header("Authorization", &format!("Bearer {token}")))
}

/// What /metrics says now.
pub fn scrape(server: &Server) -> Metrics {
    let answer = ask(server, TOKEN);
    assert_eq!(answer.status, 200, "{}", answer.text());
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("application/openmetrics-text"), "{kind}");
    Metrics(answer.text())
}

/// A scrape.
pub struct Metrics(pub String);

impl Metrics {
    /// The sum of all series of this name that have all these labels; none where there is none.
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let labels: Vec<String> =
            labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let series = |line: &&str| {
            let rest = line.strip_prefix(name)?;
            (rest.starts_with(['{', ' ']) && labels.iter().all(|label| rest.contains(label)))
                .then(|| rest.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        };
        let values: Vec<f64> = self.0.lines().collect::<Vec<_>>().iter().filter_map(series).collect();
        (!values.is_empty()).then(|| values.iter().sum())
    }

    /// The same, 0 where there is none.
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.get(name, labels).unwrap_or_default()
    }
}

/// The lines of a log in JSON.
pub fn lines(server: &Server) -> Vec<Value> {
    let said = server.said();
    said.lines()
        .filter(|line| line.starts_with('{'))
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}
