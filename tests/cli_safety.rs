//! `veilgate deid` and what it must never do: overwrite, read its own output, leave half a file, hang, follow a loop.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]

mod cli;
mod support;

use cli::{OTHER_KEY, Scene};
use std::io::Write;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use support::files::fixture;
use support::samples;
use support::syntax::EXPLICIT_LE;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn ct(number: u32) -> Vec<u8> {
    samples::ct(EXPLICIT_LE, number).write()
}

fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, bytes) in entries {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn two_inputs_of_one_name_are_kept_apart() {
    let scene = Scene::new();
    scene.file("a/IM1.dcm", &ct(1));
    scene.file("b/IM1.dcm", &ct(2));
    scene.file("c/IM1.dcm", &ct(2));
    assert_eq!(scene.deid(&["a", "b", "c/IM1.dcm", "--out", "out"]).status, 0);
    let out = scene.tree("out");
    assert_eq!(out.keys().collect::<Vec<_>>(), ["IM1.dcm", "IM1~2.dcm", "IM1~3.dcm"]);
    assert_ne!(out["IM1.dcm"], out["IM1~2.dcm"]);
    assert_eq!(out["IM1~2.dcm"], out["IM1~3.dcm"]);
}

#[test]
fn an_output_that_is_there_is_never_overwritten() {
    let scene = Scene::new();
    scene.file("in/1", &ct(1));
    scene.file("other", OTHER_KEY.as_bytes());
    assert_eq!(scene.deid(&["in", "--out", "out"]).status, 0);
    let first = scene.tree("out");
    let again = scene.deid(&["in", "--out", "out", "--receipt", "r"]);
    assert!(again.status == 0 && again.err.contains("0 done, 1 unchanged"), "{again:?}");
    assert_eq!(scene.receipt("r")[0]["outcome"], "unchanged");
    let other = scene.run(&["deid", "in", "--out", "out", "--key-file", "other", "--receipt", "r2"]);
    assert_eq!(other.status, 1);
    assert_eq!(scene.receipt("r2")[0]["reason"]["code"], "exists");
    assert_eq!(scene.tree("out"), first);
}

#[test]
fn the_input_is_never_written_over() {
    let scene = Scene::new();
    scene.file("in/1", &ct(1));
    for (inputs, out) in [("in", "in"), ("in", "."), ("in", "in/../in")] {
        let run = scene.deid(&[inputs, "--out", out]);
        assert!(run.status == 2 && run.err.contains("--out"), "{run:?}");
    }
    let same = scene.deid(&["in/1", "--out", "in"]);
    assert_eq!(same.status, 1, "{same:?}");
    assert_eq!(scene.tree("in")["1"], ct(1));
    assert_eq!(scene.names("in"), ["1"]);
}

#[test]
fn an_output_folder_inside_the_input_is_not_read() {
    let scene = Scene::new();
    scene.file("in/1", &ct(1));
    scene.file("in/z/2", &ct(2));
    for _ in 0..2 {
        let run = scene.deid(&["in", "--out", "in/clean"]);
        assert_eq!(run.status, 0, "{run:?}");
        assert_eq!(scene.names("in/clean"), ["1", "z/2"]);
    }
    let run = scene.deid(&["in", "--out", "in/clean2", "--receipt", "in/receipt.jsonl"]);
    assert_eq!(run.status, 0, "{run:?}");
    assert_eq!(scene.receipt("in/receipt.jsonl").len(), 4, "its receipt is no input either");
}

#[test]
fn what_is_refused_leaves_nothing_behind() {
    let scene = Scene::new();
    let whole = fixture("CT_small.dcm");
    scene.file("in/burned", &fixture("burned_in_yes.dcm"));
    scene.file("in/DICOMDIR", &fixture("DICOMDIR"));
    scene.file("in/cut", &whole[..whole.len() / 2]);
    let run = scene.deid(&["in", "--out", "out", "--receipt", "r", "--mapping", "map"]);
    assert!(run.status == 1 && run.err.contains("0 done, 3 refused"), "{run:?}");
    assert!(scene.tree("out").is_empty(), "{:?}", scene.names("out"));
    let codes: Vec<_> = scene.receipt("r").iter().map(|line| line["reason"]["code"].clone()).collect();
    assert_eq!(codes, ["dicomdir", "pixels", "malformed"]);
    assert_eq!(scene.text("map/uid_mapping.csv"), "id_old,id_new\n");
}

#[test]
fn what_is_no_dicom_is_skipped_in_folders_and_refused_where_it_was_named() {
    let scene = Scene::new();
    scene.file("in/notes.txt", b"Some text about the study of a patient.");
    scene.file("in/empty", b"");
    scene.file("in/1", &ct(1));
    let run = scene.deid(&["in", "--out", "out", "--receipt", "r"]);
    assert!(run.status == 0 && run.err.contains("1 done, 2 skipped"), "{run:?}");
    assert_eq!(scene.receipt("r").len(), 3, "never silently");
    let named = scene.deid(&["in/notes.txt", "--out", "out2"]);
    assert!(named.status == 1 && named.err.contains("no DICOM data set"), "{named:?}");
    scene.file("in2/lost.DCM", b"no meta, no data set");
    assert_eq!(scene.deid(&["in2", "--out", "out3"]).status, 1, "a .dcm is meant to be DICOM");
}

#[test]
fn archives_are_read_in_place_and_their_names_cannot_lead_out() {
    let scene = Scene::new();
    let inner = zip(&[("1.dcm", &ct(5))]);
    let (one, two) = (ct(1), ct(2));
    let entries: &[(&str, &[u8])] =
        &[("s/1.dcm", &one), ("../../evil.dcm", &two), ("notes.txt", b"text"), ("inner.zip", &inner)];
    scene.file("in/deep/study.zip", &zip(entries));
    scene.file("in/nameless", &zip(&[("x", &two)]));
    let run = scene.deid(&["in", "--out", "a/b/out", "--receipt", "r"]);
    assert!(run.status == 1 && run.err.contains("2 done, 2 refused, 1 skipped"), "{run:?}");
    assert_eq!(scene.names("a"), ["b/out/deep/study.zip/s/1.dcm", "b/out/nameless/x"]);
    let lines = scene.receipt("r");
    let codes: Vec<_> = lines.iter().map(|line| line["reason"]["code"].as_str()).collect();
    assert_eq!(codes, [None, Some("archive-name"), Some("no-dicom"), Some("archive-nested"), None]);
    assert_eq!(scene.receipt("r")[0]["path"], "in/deep/study.zip/s/1.dcm");
    scene.file("plain/1.dcm", &one);
    assert_eq!(scene.deid(&["plain", "--out", "plain-out"]).status, 0);
    assert_eq!(scene.read("plain-out/1.dcm"), scene.read("a/b/out/deep/study.zip/s/1.dcm"));
}

/// An archive may hold more than one file of one name; the packer of these tests refuses to make one.
#[test]
fn entries_of_one_name_in_an_archive_are_all_handled() {
    let scene = Scene::new();
    let (one, two) = (ct(1), ct(2));
    let whole = zip(&[("CT-A.dcm", &one), ("CT-B.dcm", &two), ("CT-C.dcm", b"text")]);
    let same = |at: &[u8]| [b"CT-B.dcm", b"CT-C.dcm"].iter().any(|name| at == &name[..]);
    let mut archive = whole.clone();
    for at in (0..whole.len() - 8).filter(|at| same(&whole[*at..at + 8])) {
        archive[at..at + 8].copy_from_slice(b"CT-A.dcm");
    }
    scene.file("in/x.zip", &archive);
    let run = scene.deid(&["in", "--out", "out", "--receipt", "r"]);
    assert!(run.status == 1 && run.err.contains("2 done, 1 refused"), "{run:?}");
    assert_eq!(scene.names("out"), ["x.zip/CT-A.dcm", "x.zip/CT-A~2.dcm"]);
    let outputs: Vec<_> = scene.receipt("r").iter().map(|line| line["output"].clone()).collect();
    assert_eq!(outputs, ["x.zip/CT-A.dcm".into(), "x.zip/CT-A~2.dcm".into(), serde_json::Value::Null]);
    scene.file("plain/1", &one);
    scene.file("plain/2", &two);
    assert_eq!(scene.deid(&["plain", "--out", "plain-out"]).status, 0);
    assert_eq!(scene.read("plain-out/1"), scene.read("out/x.zip/CT-A.dcm"));
    assert_eq!(scene.read("plain-out/2"), scene.read("out/x.zip/CT-A~2.dcm"));
}

#[test]
fn a_damaged_archive_is_refused_and_the_rest_goes_on() {
    let scene = Scene::new();
    let whole = zip(&[("1.dcm", &ct(1)), ("2.dcm", &ct(2))]);
    scene.file("in/a.zip", &whole[..whole.len() - 30]);
    let mut flipped = whole.clone();
    let middle = 200;
    flipped[middle] ^= 0xff;
    scene.file("in/b.zip", &flipped);
    scene.file("in/c", &ct(3));
    let run = scene.deid(&["in", "--out", "out", "--jobs", "3"]);
    assert_eq!(run.status, 1, "{run:?}");
    assert_eq!(scene.names("out"), ["b.zip/2.dcm", "c"]);
}

#[test]
fn links_that_loop_pipes_and_dangling_links_do_not_stop_a_run() {
    let scene = Scene::new();
    scene.file("in/sub/1", &ct(1));
    scene.file("elsewhere/2", &ct(2));
    symlink("..", scene.path("in/sub/loop")).unwrap();
    symlink("../elsewhere", scene.path("in/linked")).unwrap();
    assert!(Command::new("mkfifo").arg(scene.path("in/pipe")).status().unwrap().success());
    let run = scene.deid(&["in", "--out", "out"]);
    assert!(run.status == 0 && run.err.contains("2 done, 2 skipped"), "{run:?}");
    assert_eq!(scene.names("out"), ["linked/2", "sub/1"]);
    symlink("nowhere", scene.path("in/dangling")).unwrap();
    let run = scene.deid(&["in", "--out", "out2", "--receipt", "r"]);
    assert!(run.status == 1 && run.err.contains("1 failed"), "{run:?}");
    assert_eq!(scene.receipt("r")[0]["reason"]["code"], "unreadable");
}

#[test]
fn wrong_usage_ends_with_2_before_anything_is_written() {
    let scene = Scene::new();
    scene.file("in/1", &ct(1));
    scene.file("short", b"0123456789abcdef");
    scene.file("there/uid_mapping.csv", b"mine");
    let wrong: &[&[&str]] = &[
        &["deid", "in"],
        &["deid", "--out", "out"],
        &["deid", "missing", "--out", "out"],
        &["deid", "in", "--out", "key"],
        &["deid", "in", "--out", "out", "--key-file", "missing"],
        &["deid", "in", "--out", "out", "--key-file", "short"],
        &["deid", "in", "--out", "out", "--profile", "missing"],
        &["deid", "in", "--out", "out", "--jobs", "0"],
        &["deid", "in", "--out", "out", "--names", "other"],
        &["deid", "in", "--out", "out", "--receipt", "key"],
        &["deid", "in", "--out", "out", "--receipt", "no/folder"],
        &["deid", "in", "--out", "out", "--mapping", "there"],
        &["deid", "in", "--out", "out", "--mapping", "key"],
        &["nonsense"],
        &[],
    ];
    for args in wrong {
        let run = scene.run(args);
        assert_eq!(run.status, 2, "{args:?}: {run:?}");
        assert!(!run.err.is_empty() && !run.err.contains("0123456789abcdef"), "{args:?}: {run:?}");
    }
    assert!(!scene.path("out").exists() || scene.names("out").is_empty());
    assert_eq!(scene.text("there/uid_mapping.csv"), "mine");
}

#[test]
fn a_large_file_needs_little_memory() {
    let scene = Scene::new();
    let mut file = fixture("CT_small.dcm");
    let pixels = file.windows(4).position(|bytes| bytes == b"\xe0\x7f\x10\0").unwrap();
    let len: u32 = 256 << 20;
    file.truncate(pixels + 8);
    file.extend(len.to_le_bytes());
    scene.file("big", &file);
    let whole = file.len() as u64 + u64::from(len);
    std::fs::OpenOptions::new().write(true).open(scene.path("big")).unwrap().set_len(whole).unwrap();
    let limited = "ulimit -v 163840 && exec \"$0\" deid big --out out --jobs 1";
    let run = Command::new("sh")
        .args(["-c", limited, env!("CARGO_BIN_EXE_veilgate")])
        .current_dir(scene.path(""))
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    assert!(std::fs::metadata(scene.path("out/big")).unwrap().len() > u64::from(len));
}

/// The system kills a process at the write that makes a file larger than it may be: here that of a receipt's line.
#[test]
fn a_run_that_is_killed_while_it_writes_a_line_leaves_no_output_without_its_line() {
    let scene = Scene::new();
    (0..60).for_each(|number| scene.file(&format!("in/{number:02}"), &ct(number)));
    assert_eq!(scene.deid(&["in", "--out", "whole"]).status, 0);
    let most = scene.tree("whole").values().map(Vec::len).max().unwrap() + 10_000;
    let binary = env!("CARGO_BIN_EXE_veilgate");
    let bound = format!("--fsize={most}");
    let mut command = Command::new("prlimit");
    command.args([&bound, binary, "deid", "--key-file", "key", "in", "--out", "out", "--receipt", "r"]);
    let ended = command.current_dir(scene.path("")).stderr(Stdio::null()).status().unwrap();
    assert!(ended.code().is_none(), "killed: {ended:?}");
    let text = scene.text("r");
    let whole = &text[..text.rfind('\n').unwrap()];
    let told = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap()["output"].clone();
    let told: Vec<_> = whole.lines().map(told).collect();
    let mut stands = scene.names("out");
    stands.retain(|name| !name.starts_with(".veilgate-"));
    assert!(stands.len() > 5 && stands.len() < 60, "{}", stands.len());
    assert_eq!(stands, told);
}

#[test]
fn a_line_is_taken_back_when_its_output_cannot_stand() {
    let scene = Scene::new();
    (1..=3).for_each(|number| scene.file(&format!("in/{number}"), &ct(number)));
    assert_eq!(scene.deid(&["in/2", "--out", "out"]).status, 0);
    scene.file("out/1/folder", b"");
    let run = scene.deid(&["in", "--out", "out", "--receipt", "r"]);
    assert_eq!(run.status, 1, "{run:?}");
    let lines = scene.receipt("r");
    let outcomes: Vec<_> = lines.iter().map(|line| line["outcome"].clone()).collect();
    assert_eq!(outcomes, ["refused", "unchanged", "done"]);
    assert_eq!(lines[0]["reason"]["text"], "a folder is there already under the output's name");
}

#[test]
fn a_run_that_is_killed_leaves_whole_files_and_can_be_repeated() {
    let scene = Scene::new();
    (0..400).for_each(|number| scene.file(&format!("in/{number:03}"), &ct(number)));
    assert_eq!(scene.deid(&["in", "--out", "whole"]).status, 0);
    let whole = scene.tree("whole");
    let args = ["deid", "--key-file", "key", "in", "--out", "out"];
    let mut child = scene.command(&args).stderr(Stdio::null()).spawn().unwrap();
    let written = || std::fs::read_dir(scene.path("out")).map_or(0, Iterator::count);
    while written() < 20 && child.try_wait().unwrap().is_none() {}
    child.kill().unwrap();
    child.wait().unwrap();
    let is_part = |name: &str| name.starts_with(".veilgate-") && name.ends_with(".part");
    for (name, bytes) in scene.tree("out").into_iter().filter(|(name, _)| !is_part(name)) {
        assert_eq!(whole.get(&name), Some(&bytes), "{name}");
    }
    assert_eq!(scene.deid(&["in", "--out", "out"]).status, 0);
    let repeated: Vec<_> = scene.tree("out").into_iter().filter(|(name, _)| !is_part(name)).collect();
    assert_eq!(repeated, whole.into_iter().collect::<Vec<_>>());
}
