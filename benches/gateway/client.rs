//! A plain HTTP/1.1 client on two threads: one writes the body, one reads and drops the
//! answer, so that neither side waits for the other.

use super::data::{BOUNDARY, Body};
use super::process::Process;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// What came back.
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// From the first byte sent to the last received.
    pub time: Duration,
}

/// One POST of `body` to `path`, asking for `accept`.
pub fn post(address: &str, path: &str, key: &str, accept: &str, body: &Body) -> Answer {
    let stream = TcpStream::connect(address).expect("connect");
    stream.set_nodelay(true).expect("nodelay");
    let mut write = stream.try_clone().expect("clone");
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: bench\r\nX-API-Key: {key}\r\nAccept: {accept}\r\nContent-Length: {}\r\n\
         Content-Type: {}; boundary={BOUNDARY}\r\nConnection: close\r\n\r\n",
        body.len, body.media
    );
    let pieces = body.pieces.clone();
    let start = Instant::now();
    let writer = std::thread::spawn(move || {
        write.write_all(head.as_bytes())?;
        pieces.iter().try_for_each(|piece| write.write_all(piece))
    });
    let (status, bytes) = read(stream);
    let time = start.elapsed();
    writer.join().expect("writer").expect("body sent");
    Answer { status, bytes, time }
}

/// Reads head and body; with `Connection: close` the body ends with the stream.
fn read(stream: TcpStream) -> (u16, u64) {
    let mut reader = BufReader::with_capacity(1 << 18, stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("status line");
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("status");
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0;
    loop {
        match reader.read(&mut buffer).expect("answer") {
            0 => return (status, bytes),
            count => bytes += count as u64,
        }
    }
}

/// A connection that is kept for many small pushes.
pub struct Kept {
    reader: BufReader<TcpStream>,
    head: String,
}

impl Kept {
    /// Connects to the store resource of a server.
    pub fn open(server: &Process) -> Self {
        let stream = TcpStream::connect(&server.address).expect("connect");
        stream.set_nodelay(true).expect("nodelay");
        let head = format!(
            "POST /dicom-web/studies HTTP/1.1\r\nHost: bench\r\nX-API-Key: {}\r\nAccept: multipart/related; \
             type=\"application/dicom\"\r\nContent-Type: multipart/related; type=\"application/dicom\"; \
             boundary={BOUNDARY}\r\n",
            server.key
        );
        Self { reader: BufReader::new(stream), head }
    }

    /// One push, answered with 200; the time until its last byte.
    pub fn push(&mut self, body: &Body) -> Duration {
        let mut sent = format!("{}Content-Length: {}\r\n\r\n", self.head, body.len).into_bytes();
        body.pieces.iter().for_each(|piece| sent.extend_from_slice(piece));
        let start = Instant::now();
        self.reader.get_mut().write_all(&sent).expect("sent");
        let (mut line, mut length, mut first) = (String::new(), 0, true);
        loop {
            line.clear();
            self.reader.read_line(&mut line).expect("head");
            assert!(!first || line.contains(" 200 "), "{line}");
            first = false;
            let lower = line.to_ascii_lowercase();
            if let Some(value) = lower.strip_prefix("content-length:") {
                length = value.trim().parse().expect("length");
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut answer = vec![0; length];
        self.reader.read_exact(&mut answer).expect("body");
        start.elapsed()
    }
}
