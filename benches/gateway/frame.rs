//! The first frame of an instance of 1 GiB out of the archive: how soon it is there, and how much of the instance is read
//! for it. What is pulled of a server is `pull`'s.

use super::client;
use super::data;
use super::get::Getter;
use super::process;
use super::table::{Table, quantile};

const FRAMES: &str = "multipart/related; type=application/octet-stream; transfer-syntax=*";
const ROUNDS: usize = 200;
const FRAME: u64 = 512 << 10;

/// Measures both.
pub fn run(table: &mut Table) {
    let gateway = process::gateway(&[]);
    let stored = client::post(
        &gateway.address,
        "/dicom-web/studies",
        &gateway.key,
        "application/dicom+json",
        &data::body(1, 1 << 30, 2048),
    );
    assert_eq!(stored.status, 200);
    let mut getter = Getter::open(&gateway.address, &gateway.key);
    let path = format!("{}/frames/1", instance(&mut getter));
    let before = gateway.read();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let answer = getter.get(&path, FRAMES);
        assert!(answer.status == 200 && answer.bytes > FRAME, "{}", answer.bytes);
        times.push(1000.0 * answer.time.as_secs_f64());
    }
    let read = (gateway.read() - before) / ROUNDS as u64;
    let first = times.first().copied().unwrap_or(f64::NAN);
    table.row(
        "the first frame (512 KiB) of 1 GiB out of the archive",
        format!("{first:.2} ms at first, 99 % {:.2} ms", quantile(times, 0.99)),
        format!("{} KiB read", read >> 10),
        "-".to_owned(),
        "≤ 20 ms",
    );
}

/// The path of the one instance that there is.
fn instance(getter: &mut Getter) -> String {
    let found = getter.json("instances");
    let uid = |tag: &str| -> &str { found[0][tag]["Value"][0].as_str().expect("a UID") };
    let [study, series, instance] = ["0020000D", "0020000E", "00080018"].map(uid);
    format!("studies/{study}/series/{series}/instances/{instance}")
}
