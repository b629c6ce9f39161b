//! `veilgate deid` against gdcmanon on the same files, in turns: whole processes, wall
//! time and peak memory.

use super::data;
use super::table::{Table, median};
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Measures 200 slices and one file of 500 MiB.
pub fn run(table: &mut Table) {
    if Command::new("gdcmanon").arg("--version").output().is_err() {
        eprintln!("skipped: gdcmanon is missing (Debian package libgdcm-tools)");
        return;
    }
    let work = tempfile::tempdir().expect("work folder");
    certificate(work.path());
    compare(table, work.path(), "deid, 200 × 513 KiB CT", 200, 512 << 10, 1, 15);
    compare(table, work.path(), "deid, one file of 500 MiB", 1, 500 << 20, 1000, 3);
}

fn certificate(work: &Path) {
    let mut command = Command::new("openssl");
    command.args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=bench"]);
    command.arg("-keyout").arg(work.join("key.pem")).arg("-out").arg(work.join("cert.pem"));
    assert!(quiet(&mut command).status().expect("openssl").success());
}

fn compare(table: &mut Table, work: &Path, what: &str, count: usize, pixels: u32, frames: u32, turns: usize) {
    let input = work.join("in");
    let _ = std::fs::remove_dir_all(&input);
    std::fs::create_dir(&input).expect("folder");
    let noise = data::noise(1 << 20);
    for number in 0..count {
        let mut file = File::create(input.join(format!("{number:04}.dcm"))).expect("file");
        file.write_all(&data::ct(number, pixels, frames)).expect("head");
        let mut left = pixels as usize;
        while left > 0 {
            let take = left.min(noise.len());
            file.write_all(&noise[..take]).expect("pixels");
            left -= take;
        }
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..turns {
        theirs.push(measure(work, |out| {
            let mut command = Command::new("gdcmanon");
            command.arg("-e").arg("-c").arg(work.join("cert.pem"));
            command.arg("-i").arg(&input).arg("-o").arg(out);
            command
        }));
        ours.push(measure(work, |out| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_veilgate"));
            command.arg("deid").arg(&input).arg("--out").arg(out);
            command
        }));
    }
    let (our_time, our_memory) = middle(ours);
    let (their_time, their_memory) = middle(theirs);
    table.row(
        what,
        format!("{our_time:.3} s, {our_memory:.0} MiB"),
        format!("gdcmanon {their_time:.3} s, {their_memory:.0} MiB"),
        format!("{:.2} of its time", our_time / their_time),
        "≤ 1.0, less memory",
    );
}

fn middle(figures: Vec<(f64, f64)>) -> (f64, f64) {
    let (times, memories) = figures.into_iter().unzip();
    (median(times), median(memories))
}

/// Wall time and peak memory in MiB of one run into a fresh folder.
fn measure(work: &Path, command: impl Fn(&Path) -> Command) -> (f64, f64) {
    let out = work.join("out");
    let _ = std::fs::remove_dir_all(&out);
    let report = work.join("memory");
    let inner = command(&out);
    let mut timed = Command::new("/usr/bin/env");
    timed.arg("python3").arg("-c").arg(PEAK).arg(&report).arg(inner.get_program()).args(inner.get_args());
    assert!(quiet(&mut timed).status().expect("run").success());
    let text = std::fs::read_to_string(&report).expect("report");
    let mut fields = text.split_whitespace().map(|field| field.parse::<f64>().expect("figure"));
    let (seconds, kib) = (fields.next().expect("time"), fields.next().expect("memory"));
    (seconds, kib / 1024.0)
}

/// Only a parent that waited knows the peak memory of a child, and the standard library
/// does not tell it.
const PEAK: &str = "import os,resource,subprocess,sys,time\n\
t=time.perf_counter()\n\
c=subprocess.run(sys.argv[2:]).returncode\n\
t=time.perf_counter()-t\n\
open(sys.argv[1],'w').write('%f %d' % (t, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))\n\
sys.exit(c)";

fn quiet(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}
