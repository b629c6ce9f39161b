//! Clients that are many, slow, silent or half gone: the gateway goes on serving the others, refuses what is too much
//! fast and with a word, and gives back what they held.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)]
#![cfg(feature = "server")]

mod faults;
mod stow;
mod support;

use faults::clients::{begun, rest, trickle, under_load};
use faults::{catalogued, is_whole, serves, start};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};
use stow::{RESPOND, ct, large_ct, push};
use support::rig;
use support::server::Server;
use support::{build, samples, syntax};

/// Waits until something holds.
fn until(what: &str, most: Duration, mut holds: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !holds() {
        assert!(begun.elapsed() < most, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Bounds the files that a process may have open.
fn bound_files(pid: u32, most: &str) {
    let mut command = Command::new("prlimit");
    let output = command.args(["--pid", &pid.to_string(), &format!("--nofile={most}")]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Lets this process open so many files, if the system does.
fn may_open(files: usize) -> bool {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let hard = line.split_whitespace().nth(4).unwrap();
    if hard.parse().unwrap_or(usize::MAX) < files {
        return rig::missing::<()>("a bound of 10,500 open files").is_some();
    }
    bound_files(std::process::id(), &format!("{hard}:{hard}"));
    true
}

fn open_files(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.pid())).unwrap().count()
}

/// Memory that a server holds, in KiB.
fn memory(server: &Server) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_client_that_closes_its_side_after_the_request_gets_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[]);
    let instance = ct(7);
    let mut stream = begun(&server, instance.len());
    stream.write_all(&instance).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    assert!(rest(&mut stream).starts_with("HTTP/1.1 200"));
    assert_eq!(catalogued(&server).len(), 1);
    is_whole(&server);
}

#[test]
fn clients_that_close_their_side_amid_the_body_leave_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[("VEILGATE_LIMITS_CONCURRENT", "4")]);
    for turn in 0..20 {
        let instance = large_ct(turn, 8_000_000);
        let mut stream = begun(&server, instance.len());
        stream.write_all(&instance[..7_000_000]).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let said = rest(&mut stream);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 400"), "{said}");
    }
    assert!(catalogued(&server).is_empty());
    is_whole(&server);
    serves(&server);
}

#[test]
fn a_client_that_does_not_read_its_answer_loses_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("VEILGATE_LIMITS_CONCURRENT", "1"), ("VEILGATE_LIMITS_IDLE_TIME", "1 s")];
    let server = start(folder.path(), &settings);
    let request = push(&[large_ct(1, 30_000_000)]);
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nAccept: {RESPOND}\r\nContent-Type: {}\r\n\
         Content-Length: {}\r\n\r\n",
        server.key,
        request.headers[0].1,
        request.body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&request.body).unwrap();
    stream.read_exact(&mut [0; 12]).unwrap();
    assert_eq!(server.send(push(&[ct(2)])).status, 503, "the one place is taken");
    until("the place is not given back", Duration::from_secs(20), || {
        server.send(push(&[ct(2)])).status == 200
    });
    drop(stream);
    is_whole(&server);
}

#[test]
fn slow_heads_are_let_go_and_hold_up_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[("VEILGATE_LIMITS_HEADER_TIME", "2 s")]);
    std::thread::scope(|scope| {
        // HTTP/1, what could become HTTP/2, and nothing at all.
        let beginnings = ["POST /dicom-web/studies HTTP/1.1\r\nX-A: ", "P", "PRI", ""];
        let connect = |begin: &str| {
            let mut stream = TcpStream::connect(server.address()).unwrap();
            stream.write_all(begin.as_bytes()).unwrap();
            stream
        };
        for begin in beginnings.into_iter().cycle().take(40) {
            let stream = connect(begin);
            let slow = begin.starts_with("POST");
            scope.spawn(move || match stream {
                stream if slow => drop(trickle(stream, b'a', Duration::from_secs(15))),
                mut stream => drop(rest(&mut stream)),
            });
        }
        for _ in 0..10 {
            serves(&server);
        }
    });
    is_whole(&server);
}

#[test]
fn slow_bodies_get_408_and_hold_no_place_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [("VEILGATE_LIMITS_CONCURRENT", "8"), ("VEILGATE_LIMITS_IDLE_TIME", "1 s")];
    let server = start(folder.path(), &settings);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let stream = begun(&server, 1_000_000);
            scope.spawn(move || {
                let (said, took) = trickle(stream, 0, Duration::from_secs(15));
                assert!(said.starts_with("HTTP/1.1 408"), "{said}");
                println!("let go after {took:?}");
            });
        }
        std::thread::sleep(Duration::from_millis(500));
        assert_eq!(server.send(push(&[ct(1)])).status, 503, "all places are taken");
        until("no place is free again", Duration::from_secs(15), || {
            server.send(push(&[ct(1)])).status == 200
        });
    });
    is_whole(&server);
}

#[test]
fn ten_thousand_idle_connections_cost_little_and_are_let_go() {
    const IDLE: usize = 10_000;
    if !may_open(IDLE + 500) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[("VEILGATE_LIMITS_HEADER_TIME", "15 s")]);
    serves(&server);
    let before = memory(&server);
    let begun = Instant::now();
    let idle = |number: usize| {
        let mut stream = TcpStream::connect(server.address()).unwrap();
        // One of ten has been answered once and keeps its connection.
        if number.is_multiple_of(10) {
            stream.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            stream.read_exact(&mut [0; 15]).unwrap();
        }
        stream
    };
    let clients: Vec<TcpStream> = (0..IDLE).map(idle).collect();
    until("not all are taken", Duration::from_secs(10), || open_files(&server) >= IDLE);
    let each = (memory(&server).saturating_sub(before)) * 1024 / IDLE as u64;
    println!("{IDLE} connections in {:?}, {each} bytes of memory each", begun.elapsed());
    assert!(each < 16 << 10, "{each} bytes a connection");
    for _ in 0..10 {
        let asked = Instant::now();
        serves(&server);
        assert!(asked.elapsed() < Duration::from_secs(2), "{:?}", asked.elapsed());
    }
    until("idle connections stay", Duration::from_secs(40), || open_files(&server) < 200);
    drop(clients);
    is_whole(&server);
}

#[test]
fn connections_beyond_their_bound_are_told_to_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[("VEILGATE_LIMITS_CONNECTIONS", "20")]);
    serves(&server);
    let connect = || TcpStream::connect(server.address()).unwrap();
    let mut held: Vec<TcpStream> = (0..10).map(|_| connect()).collect();
    serves(&server);
    // Connections of earlier requests may hold a place for a moment yet.
    let (mut answer, begun) = (server.send(push(&[ct(1)])), Instant::now());
    while answer.status == 200 && begun.elapsed() < Duration::from_secs(10) {
        held.push(connect());
        answer = server.send(push(&[ct(1)]));
    }
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    drop(held);
    until("no place is free again", Duration::from_secs(10), || server.send(push(&[ct(1)])).status == 200);
    is_whole(&server);
}

#[test]
fn more_connections_than_descriptors_stop_nothing_for_good() {
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[("VEILGATE_LIMITS_HEADER_TIME", "3 s")]);
    serves(&server);
    bound_files(server.pid(), &format!("{}:", open_files(&server) + 10));
    let held: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(server.address()).unwrap()).collect();
    until("it is not told", Duration::from_secs(5), || server.said().contains("connections cannot be taken"));
    bound_files(server.pid(), "1000:");
    until("none is taken again", Duration::from_secs(20), || {
        server.said().contains("connections are taken again")
    });
    serves(&server);
    drop(held);
    let told = server.said().matches("connections cannot be taken").count();
    assert!(told <= 10, "it is told {told} times");
    is_whole(&server);
}

#[test]
fn ten_times_the_capacity_is_refused_fast_and_loses_nothing() {
    const PLACES: u32 = 8;
    let folder = tempfile::tempdir().unwrap();
    let server = start(folder.path(), &[("VEILGATE_LIMITS_CONCURRENT", &PLACES.to_string())]);
    let load = |clients, probe: fn(&Server)| {
        let (begun, time) = (Instant::now(), Duration::from_secs(4));
        let seen = under_load(server.address(), &server.key, clients, |_| {
            std::thread::sleep(time);
            probe(&server);
        });
        let rate = seen.served() as f64 / begun.elapsed().as_secs_f64();
        (seen, rate)
    };
    let (few, capacity) = load(PLACES, |_| {});
    let (seen, rate) = load(PLACES * 10, |server| {
        assert_eq!(server.send_bare(support::http::Request::new("GET", "/health")).status, 200);
    });
    let mut refused = seen.refused.lock().unwrap().clone();
    refused.sort_unstable();
    assert!(refused.len() > 100, "{} refusals are no overload", refused.len());
    let (median, p99) = (refused[refused.len() / 2], refused[refused.len() * 99 / 100]);
    println!(
        "{} clients on {PLACES} places: {rate:.0} requests/s served ({capacity:.0}/s to {PLACES}), {} refused, p50 \
         {median:?}, p99 {p99:?}",
        PLACES * 10,
        refused.len()
    );
    assert!(seen.served() > 100, "only {} were served", seen.served());
    assert!(p99 < Duration::from_secs(2), "{p99:?}");
    assert_eq!(seen.broken.load(std::sync::atomic::Ordering::SeqCst), 0, "connections broke");
    let mut stored = seen.stored.into_inner().unwrap();
    stored.extend(few.stored.into_inner().unwrap());
    assert_eq!(stored, catalogued(&server), "what is held is what was acknowledged");
    is_whole(&server);
}

/// A CT instance with so many bytes before its pixels.
fn with_head(number: u32, bytes: usize) -> Vec<u8> {
    let mut file = samples::ct(syntax::EXPLICIT_LE, number);
    file.elements.push(build::bytes((0x0028, 0x1201), b"OW", &vec![0; bytes]));
    file.sorted().write()
}

#[test]
fn heads_beyond_the_memory_of_all_are_refused_with_503_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let settings = [
        ("VEILGATE_LIMITS_HEAD", "8 MiB"),
        ("VEILGATE_LIMITS_METADATA", "8 MiB"),
        ("VEILGATE_LIMITS_MEMORY", "24 MiB"),
    ];
    let server = start(folder.path(), &settings);
    let large = with_head(1, 5 << 20);
    assert_eq!(server.send(push(std::slice::from_ref(&large))).status, 200);
    let mut slow = begun(&server, large.len());
    slow.write_all(&large[..5 << 20]).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    let answer = server.send(push(std::slice::from_ref(&large)));
    assert_eq!(answer.status, 503, "{}", answer.text());
    assert!(answer.text().contains("limits.memory") && answer.header("retry-after").is_some());
    println!("refused after {:?}", begun.elapsed());
    serves(&server);
    let back = server.send(push(&[large_ct(2, 6_000_000)]).header("Accept", RESPOND));
    assert_eq!(back.status, 200, "an answer without memory lies in its file");
    slow.write_all(&large[5 << 20..]).unwrap();
    slow.shutdown(Shutdown::Write).unwrap();
    assert!(rest(&mut slow).starts_with("HTTP/1.1 200"), "who has a share goes on");
    assert_eq!(server.send(push(&[large])).status, 200, "the memory is free again");
    is_whole(&server);
}
