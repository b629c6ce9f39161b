//! Pulls through the veil before Orthanc, against the same pulls from Orthanc itself: the same client, in turns.

use super::client;
use super::data;
use super::get::Getter;
use super::orthanc::Orthanc;
use super::process::{self, Process};
use super::relay;
use super::table::{Table, median, quantile};
use serde_json::Value;

const INSTANCES: &str = "multipart/related; type=\"application/dicom\"; transfer-syntax=*";
const FRAMES: &str = "multipart/related; type=application/octet-stream; transfer-syntax=*";

/// Measures all; skipped where Orthanc is not installed.
pub fn run(table: &mut Table) {
    if Orthanc::start().is_none() {
        eprintln!("skipped: Orthanc is missing (tests/rigs/install.sh)");
        return;
    }
    slices(table);
    metadata(table);
    gigabyte(table);
}

/// Orthanc with one study, and the gateway before it.
struct Pair {
    orthanc: Orthanc,
    gateway: Process,
}

/// One side of a pair, and its names of the series' instances.
struct Side {
    getter: Getter,
    study: String,
    series: String,
    instances: Vec<String>,
}

impl Pair {
    fn new(count: usize, pixels: u64, frames: u32) -> Self {
        let orthanc = Orthanc::start().expect("Orthanc");
        for first in (0..count).step_by(50) {
            let body = data::body_from(first, (count - first).min(50), pixels, frames);
            let stored =
                client::post(&orthanc.address, "/dicom-web/studies", "", "application/dicom+json", &body);
            assert_eq!(stored.status, 200);
        }
        let url = format!("http://{}/dicom-web", orthanc.address);
        let gateway = process::gateway(&[("VEILGATE_ORIGIN", "veil"), ("VEILGATE_DOWNSTREAM_URL", &url)]);
        Self { orthanc, gateway }
    }

    fn sides(&self) -> [Side; 2] {
        let direct = Getter::open(&self.orthanc.address, "");
        [Side::of(Getter::open(&self.gateway.address, &self.gateway.key)), Side::of(direct)]
    }

    /// Orthanc once more, through a relay that looks at nothing.
    fn relayed(&self) -> Side {
        Side::of(Getter::open(&relay::before(&self.orthanc.address), ""))
    }
}

impl Side {
    fn of(mut getter: Getter) -> Self {
        let uid = |result: &Value, tag: &str| result[tag]["Value"][0].as_str().expect("a UID").to_owned();
        let study = uid(&getter.json("studies")[0], "0020000D");
        let series = uid(&getter.json(&format!("studies/{study}/series"))[0], "0020000E");
        let found = getter.json(&format!("studies/{study}/series/{series}/instances"));
        let instances = found.iter().map(|result| uid(result, "00080018")).collect();
        Self { getter, study, series, instances }
    }

    /// Seconds of one GET, which must succeed.
    fn get(&mut self, path: &str, accept: &str) -> f64 {
        let answer = self.getter.get(path, accept);
        assert_eq!(answer.status, 200, "{path}");
        answer.time.as_secs_f64()
    }

    fn metadata(&mut self) -> f64 {
        let path = format!("studies/{}/series/{}/metadata", self.study, self.series);
        self.get(&path, "application/dicom+json")
    }

    /// Seconds of each instance's resource, one request after the other.
    fn each(&mut self, resource: &str, accept: &str) -> Vec<f64> {
        let base = format!("studies/{}/series/{}/instances", self.study, self.series);
        let paths: Vec<String> = self.instances.iter().map(|it| format!("{base}/{it}{resource}")).collect();
        paths.iter().map(|path| self.get(path, accept)).collect()
    }
}

fn slices(table: &mut Table) {
    let pair = Pair::new(200, 512 << 10, 1);
    let [ours, direct] = pair.sides();
    let mut sides = [ours, direct, pair.relayed()];
    // What a viewer does first; the gateway then knows the instances.
    for side in &mut sides {
        side.metadata();
    }
    let (mut whole, mut one, mut frames) =
        ([const { vec![] }; 3], [const { vec![] }; 3], [const { vec![] }; 3]);
    for _ in 0..15 {
        for (at, side) in sides.iter_mut().enumerate() {
            let study = format!("studies/{}", side.study);
            whole[at].push(side.get(&study, INSTANCES));
            one[at].push(side.each("", INSTANCES).iter().sum());
            frames[at].extend(side.each("/frames/1", FRAMES));
        }
    }
    throughput(table, "200 × 513 KiB CT, a study in one request", whole);
    throughput(table, "200 × 513 KiB CT, one request an instance", one);
    latency(table, &frames);
}

const RELAY: &str = "through a relay that looks at nothing";

fn throughput(table: &mut Table, what: &str, times: [Vec<f64>; 3]) {
    let rate = |time: f64| format!("{:.0} MiB/s", 200.0 * 513.0 / 1024.0 / time);
    let [ours, direct, relay] = times.map(median);
    for (through, time, goal) in [("through the veil", ours, "≥ 0.8"), (RELAY, relay, "-")] {
        let direct_rate = format!("Orthanc direct {}", rate(direct));
        table.row(
            &format!("{what}, {through}"),
            rate(time),
            direct_rate,
            format!("{:.2}", direct / time),
            goal,
        );
    }
}

fn latency(table: &mut Table, times: &[Vec<f64>; 3]) {
    let ms = |figures: &[f64], share| 1000.0 * quantile(figures.to_vec(), share);
    let [ours, direct, relay] = times;
    for (through, figures, goals) in
        [("through the veil", ours, ["≤ + 1 ms", "≤ 1.3"]), (RELAY, relay, ["-"; 2])]
    {
        let (fast, slow) = ((ms(figures, 0.5), ms(direct, 0.5)), (ms(figures, 0.99), ms(direct, 0.99)));
        table.row(
            &format!("one frame of 512 KiB, median, {through}"),
            format!("{:.2} ms", fast.0),
            format!("Orthanc direct {:.2} ms", fast.1),
            format!("+ {:.2} ms", fast.0 - fast.1),
            goals[0],
        );
        table.row(
            &format!("one frame of 512 KiB, 99 %, {through}"),
            format!("{:.2} ms", slow.0),
            format!("Orthanc direct {:.2} ms", slow.1),
            format!("{:.2}", slow.0 / slow.1),
            goals[1],
        );
    }
}

fn metadata(table: &mut Table) {
    let pair = Pair::new(500, 8 << 10, 1);
    let mut sides = pair.sides();
    let mut times = [vec![], vec![]];
    for _ in 0..5 {
        for (at, side) in sides.iter_mut().enumerate() {
            times[at].push(side.metadata());
        }
    }
    let [ours, direct] = times.map(median);
    table.row(
        "metadata of a series of 500 instances",
        format!("{:.0} ms", 1000.0 * ours),
        format!("Orthanc direct {:.0} ms", 1000.0 * direct),
        format!("{:.2}", ours / direct),
        "≤ 1.5",
    );
}

/// One instance of 1 GiB, and how much memory the gateway takes for it.
fn gigabyte(table: &mut Table) {
    let pair = Pair::new(1, 1 << 30, 2048);
    let [mut ours, mut direct] = pair.sides();
    let path = |side: &Side| {
        format!("studies/{}/series/{}/instances/{}", side.study, side.series, side.instances[0])
    };
    let theirs = direct.get(&path(&direct), INSTANCES);
    let idle = pair.gateway.resident();
    pair.gateway.reset_peak();
    let time = ours.get(&path(&ours), INSTANCES);
    table.row(
        "one instance of 1 GiB through the veil",
        format!("{time:.2} s, peak + {:.0} MiB", pair.gateway.peak() - idle),
        format!("Orthanc direct {theirs:.2} s"),
        format!("{:.2}", theirs / time),
        "+ 64 MiB",
    );
}
