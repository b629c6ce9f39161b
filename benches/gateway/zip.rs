//! `POST /v1/anonymize`: 200 CT slices as a form in, one ZIP archive out, for every setting
//! of compression; beside it what zlib at level 6 makes of the same files on one core, which
//! is 86 to 92 % of the time of the server whose interface it is.

use super::client::{self, Answer};
use super::data::{self, Body};
use super::process;
use super::table::{Table, median};
use flate2::{Compress, Compression, FlushCompress};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

const COUNT: usize = 200;
const TURNS: usize = 7;

/// Setting, and the goal.
const SETTINGS: [(&str, &str); 3] =
    [("fast", "≥ 6 times, ≤ 103 %"), ("stored", "≥ 25 times"), ("best", "< 100 %")];

/// Measures all settings.
pub fn run(table: &mut Table) {
    let slices = data::slices(16);
    let body = data::form(COUNT, &slices);
    let (size, seconds, theirs) = reference(&slices);
    for (setting, goal) in SETTINGS {
        let gateway = process::gateway(&[("VEILGATE_VAULT_COMPRESSION", setting)]);
        upload(&gateway, &data::form(2, &slices));
        let idle = gateway.resident();
        gateway.reset_peak();
        let turns = if setting == "best" { 1 } else { TURNS };
        let answers: Vec<Answer> = (0..turns).map(|_| upload(&gateway, &body)).collect();
        let bytes = answers.iter().map(|answer| answer.bytes).max().unwrap_or_default();
        let time = median(answers.iter().map(|answer| answer.time.as_secs_f64()).collect());
        table.row(
            &format!("form + ZIP ({setting}), 200 × 513 KiB CT"),
            format!(
                "{time:.3} s, {:.1} MiB, +{:.0} MiB",
                bytes as f64 / (1 << 20) as f64,
                gateway.peak() - idle
            ),
            theirs.clone(),
            format!("{:.1} times as fast, {:.1} % of its size", seconds / time, bytes as f64 * 100.0 / size),
            goal,
        );
    }
}

fn upload(gateway: &process::Process, body: &Body) -> Answer {
    let answer = client::post(&gateway.address, "/v1/anonymize", &gateway.key, "*/*", body);
    assert_eq!(answer.status, 200);
    answer
}

/// Bytes of all entries at level 6, seconds, and what to say of it: by zlib itself where Python is
/// there, which the vault uses, and by the library the gateway has.
fn reference(slices: &[Vec<u8>]) -> (f64, f64, String) {
    let (own, own_time) = deflate(slices);
    let scale = COUNT as f64 / slices.len() as f64;
    let words = |name: &str, size: f64, time: f64| {
        format!("{name} level 6 {:.2} s, {:.1} MiB", time * scale, size * scale / (1 << 20) as f64)
    };
    let own_words = words("zlib-rs", own, own_time);
    match zlib(slices) {
        Some((size, time)) => {
            (size * scale, time * scale, format!("{}; {own_words}", words("zlib", size, time)))
        }
        None => (own * scale, own_time * scale, own_words),
    }
}

fn deflate(slices: &[Vec<u8>]) -> (f64, f64) {
    let start = Instant::now();
    let size = |slice: &Vec<u8>| {
        let mut out = Vec::with_capacity(slice.len() + 1024);
        let mut state = Compress::new(Compression::new(6), false);
        state.compress_vec(slice, &mut out, FlushCompress::Finish).expect("deflate");
        out.len()
    };
    let total: usize = slices.iter().map(size).sum();
    (total as f64, start.elapsed().as_secs_f64())
}

fn zlib(slices: &[Vec<u8>]) -> Option<(f64, f64)> {
    let mut command = Command::new("python3");
    command.arg("-c").arg(ZLIB).arg(slices.len().to_string());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
    let mut input = child.stdin.take()?;
    slices.iter().try_for_each(|slice| input.write_all(slice)).ok()?;
    drop(input);
    let said = String::from_utf8(child.wait_with_output().ok()?.stdout).ok()?;
    let mut fields = said.split_whitespace().map(str::parse);
    Some((fields.next()?.ok()?, fields.next()?.ok()?))
}

const ZLIB: &str = "import sys,time,zlib\n\
data=sys.stdin.buffer.read(); n=len(data)//int(sys.argv[1])\n\
t=time.perf_counter(); size=0\n\
for at in range(0,len(data),n):\n\
\x20 o=zlib.compressobj(6,zlib.DEFLATED,-15); size+=len(o.compress(data[at:at+n])+o.flush())\n\
print(size, time.perf_counter()-t)";
