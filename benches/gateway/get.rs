//! A client that asks again and again and drops what it gets: the same for the gateway and for the server behind it.

use super::client::Answer;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// A client of a DICOMweb server.
pub struct Getter {
    reader: BufReader<TcpStream>,
    address: String,
    key: String,
    buffer: Vec<u8>,
}

impl Getter {
    /// Connects; `key` may be empty.
    pub fn open(address: &str, key: &str) -> Self {
        let (address, key) = (address.to_owned(), key.to_owned());
        Self { reader: connect(&address), address, key, buffer: vec![0; 1 << 18] }
    }

    /// One GET below the DICOMweb root; what comes is counted.
    pub fn get(&mut self, path: &str, accept: &str) -> Answer {
        self.ask(path, accept, &mut |_| {})
    }

    /// One GET of a JSON array.
    pub fn json(&mut self, path: &str) -> Vec<serde_json::Value> {
        let mut body = Vec::new();
        let answer = self.ask(path, "application/dicom+json", &mut |bytes| body.extend_from_slice(bytes));
        assert_eq!(answer.status, 200, "{path}");
        serde_json::from_slice(&body).expect("a JSON array")
    }

    fn ask(&mut self, path: &str, accept: &str, take: &mut dyn FnMut(&[u8])) -> Answer {
        let request = format!(
            "GET /dicom-web/{path} HTTP/1.1\r\nHost: {}\r\nX-API-Key: {}\r\nAccept: {accept}\r\n\r\n",
            self.address, self.key
        );
        // A new connection each time, which is not counted: not every server keeps one.
        self.reader = connect(&self.address);
        let start = Instant::now();
        self.reader.get_mut().write_all(request.as_bytes()).expect("request");
        let (status, ends) = self.head();
        let bytes = match ends {
            Ends::After(length) => self.take(length, take),
            Ends::Chunked => self.chunks(take),
            Ends::WithTheConnection => self.rest(take),
        };
        Answer { status, bytes, time: start.elapsed() }
    }

    /// The status, and how the body ends.
    fn head(&mut self) -> (u16, Ends) {
        let status = self.line().split(' ').nth(1).and_then(|code| code.parse().ok()).expect("status");
        let mut ends = Ends::WithTheConnection;
        loop {
            let line = self.line().to_ascii_lowercase();
            if line.is_empty() {
                return (status, ends);
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                ends = Ends::After(value.trim().parse().expect("length"));
            } else if line.starts_with("transfer-encoding:") {
                ends = Ends::Chunked;
            }
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        assert!(self.reader.read_line(&mut line).expect("line") > 0, "the server closed the connection");
        line.trim_end().to_owned()
    }

    fn rest(&mut self, take: &mut dyn FnMut(&[u8])) -> u64 {
        let mut bytes = 0;
        loop {
            let got = self.reader.read(&mut self.buffer).expect("body");
            if got == 0 {
                return bytes;
            }
            take(&self.buffer[..got]);
            bytes += got as u64;
        }
    }

    fn chunks(&mut self, take: &mut dyn FnMut(&[u8])) -> u64 {
        let mut bytes = 0;
        loop {
            let size = u64::from_str_radix(&self.line(), 16).expect("size of a chunk");
            bytes += self.take(size, take);
            assert!(self.line().is_empty(), "the end of a chunk");
            if size == 0 {
                return bytes;
            }
        }
    }

    fn take(&mut self, length: u64, take: &mut dyn FnMut(&[u8])) -> u64 {
        let mut left = length;
        while left > 0 {
            let want = left.min(self.buffer.len() as u64) as usize;
            let got = self.reader.read(&mut self.buffer[..want]).expect("body");
            assert!(got > 0, "the body was cut off");
            take(&self.buffer[..got]);
            left -= got as u64;
        }
        length
    }
}

/// How a body ends (RFC 9112 6.3).
enum Ends {
    After(u64),
    Chunked,
    WithTheConnection,
}

fn connect(address: &str) -> BufReader<TcpStream> {
    let stream = TcpStream::connect(address).expect("connect");
    stream.set_nodelay(true).expect("nodelay");
    BufReader::with_capacity(1 << 18, stream)
}
