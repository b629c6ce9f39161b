//! A plain HTTP/1.1 client on two threads: one writes the body, one reads and drops the
//! answer, so that neither side waits for the other.

use super::data::{BOUNDARY, Body};
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
