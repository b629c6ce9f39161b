//! Push + respond and push + forward against the floor, in turns.

use super::client::{self, Answer};
use super::data::{self, Body};
use super::process::{self, Process};
use super::sink;
use super::table::{Table, median};

const MULTIPART: &str = "multipart/related; type=\"application/dicom\"";
const JSON: &str = "application/dicom+json";

/// What is pushed, how often, and the ratio to reach.
const LOADS: [(&str, usize, u64, u32, usize, &str); 3] = [
    ("200 × 513 KiB CT", 200, 512 * 1024, 1, 9, "≥ 0.7"),
    ("one 1 GiB multi-frame", 1, 1 << 30, 2048, 3, "≥ 0.7"),
    ("5,000 × 10 kB", 5000, 8 * 1024, 1, 5, "≥ 0.4"),
];

/// Measures all loads on all destinations that stream.
pub fn run(table: &mut Table) {
    let sink = sink::start();
    let forward = [("VEILGATE_DESTINATION", "forward"), ("VEILGATE_DOWNSTREAM_URL", sink.as_str())];
    for (name, count, pixels, frames, turns, goal) in LOADS {
        let body = data::body(count, pixels, frames);
        for (destination, accept, settings) in
            [("respond", MULTIPART, &[][..]), ("forward", JSON, &forward[..])]
        {
            compare(table, &format!("push + {destination}, {name}"), &body, accept, settings, turns, goal);
        }
    }
}

fn compare(
    table: &mut Table,
    what: &str,
    body: &Body,
    accept: &str,
    settings: &[(&str, &str)],
    turns: usize,
    goal: &str,
) {
    let (floor, gateway) = (process::floor(), process::gateway(settings));
    push(&gateway, "/dicom-web/studies", accept, &data::body(2, 4096, 1));
    let idle = gateway.resident();
    gateway.reset_peak();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        theirs.push(push(&floor, "/studies", MULTIPART, body).time.as_secs_f64());
        ours.push(push(&gateway, "/dicom-web/studies", accept, body).time.as_secs_f64());
    }
    let peak = gateway.peak() - idle;
    let rate = |time: f64| body.len as f64 / time / (1 << 20) as f64;
    let (ours, theirs) = (rate(median(ours)), rate(median(theirs)));
    table.row(
        what,
        format!(
            "{ours:.0} MiB/s, {:.0} instances/s, +{peak:.0} MiB",
            ours / rate(1.0) * body.instances as f64
        ),
        format!("floor {theirs:.0} MiB/s"),
        format!("{:.2}", ours / theirs),
        goal,
    );
}

fn push(server: &Process, path: &str, accept: &str, body: &Body) -> Answer {
    let answer = client::post(&server.address, path, &server.key, accept, body);
    assert_eq!(answer.status, 200, "{path}");
    assert!(accept == JSON || answer.bytes > body.len / 2, "the instances come back");
    answer
}
