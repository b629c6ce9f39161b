//! A small HTTP/1.1 client over a bare socket, so that tests send exactly the bytes real clients send:
//! chunked or with a length, `Expect: 100-continue`, odd line ends. One connection a request.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How a body is delimited on the wire (RFC 9112 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    Length,
    /// Chunks of at most so many bytes, without Content-Length.
    Chunked(usize),
}

/// A request to be sent.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub framing: Framing,
    /// Ask with `Expect: 100-continue` and send the body only after the answer 100.
    pub expect: bool,
}

/// An answer, its body whole and unchunked.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn new(method: &str, target: &str) -> Self {
        Request {
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
            framing: Framing::Length,
            expect: false,
        }
    }

    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    pub fn framing(mut self, framing: Framing) -> Self {
        self.framing = framing;
        self
    }

    pub fn expect_continue(mut self) -> Self {
        self.expect = true;
        self
    }

    /// Send to `address` (host:port) and read the whole answer.
    pub fn send(&self, address: &str) -> std::io::Result<Response> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        stream.set_write_timeout(Some(Duration::from_secs(60)))?;
        self.over(&mut stream, address)
    }

    /// The same over a connection that is there, such as one of TLS.
    pub fn over(&self, stream: &mut (impl Read + Write), address: &str) -> std::io::Result<Response> {
        stream.write_all(&self.head(address))?;
        if self.expect {
            let interim = read_head(stream)?;
            if interim.status != 100 {
                return read_body(interim, stream);
            }
        }
        // A server may answer and close before it has read everything: then the answer counts, not the broken pipe.
        let sent = stream.write_all(&self.wire_body());
        match read_answer(stream, self.method == "HEAD") {
            Ok(answer) => Ok(answer),
            Err(error) => Err(sent.err().unwrap_or(error)),
        }
    }

    fn head(&self, address: &str) -> Vec<u8> {
        let mut head =
            format!("{} {} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        match self.framing {
            Framing::Chunked(_) => head += "Transfer-Encoding: chunked\r\n",
            Framing::Length if self.body.is_empty() && self.method == "GET" => {}
            Framing::Length => head += &format!("Content-Length: {}\r\n", self.body.len()),
        }
        if self.expect {
            head += "Expect: 100-continue\r\n";
        }
        (head + "\r\n").into_bytes()
    }

    fn wire_body(&self) -> Vec<u8> {
        let Framing::Chunked(most) = self.framing else {
            return self.body.clone();
        };
        let mut out = Vec::new();
        for chunk in self.body.chunks(most.max(1)) {
            out.extend(format!("{:x}\r\n", chunk.len()).bytes());
            out.extend(chunk);
            out.extend(b"\r\n");
        }
        out.extend(b"0\r\n\r\n");
        out
    }
}

impl Response {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let name = name.to_ascii_lowercase();
        self.headers.iter().find(|header| header.0 == name).map(|header| header.1.as_str())
    }

    /// The body as text; for messages and JSON.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in the answer {}: {}", self.status, self.text()))
    }
}

/// With `bare` only what stands before a body: so an answer to HEAD ends, whatever length it tells (RFC 9110 9.3.2).
fn read_answer(stream: &mut impl Read, bare: bool) -> std::io::Result<Response> {
    loop {
        let head = read_head(stream)?;
        // Interim answers are not the answer (RFC 9110 15.2).
        if head.status >= 200 {
            return if bare { Ok(head) } else { read_body(head, stream) };
        }
    }
}

fn read_head(stream: &mut impl Read) -> std::io::Result<Response> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| std::io::Error::other("no status line"))?;
    let headers = lines.filter_map(|line| line.split_once(':'));
    let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
    Ok(Response { status, headers, body: Vec::new() })
}

fn read_body(mut answer: Response, stream: &mut impl Read) -> std::io::Result<Response> {
    if answer.header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
        answer.body = read_chunks(stream)?;
    } else if let Some(length) = answer.header("content-length").and_then(|value| value.parse().ok()) {
        answer.body = vec![0; length];
        stream.read_exact(&mut answer.body)?;
    } else {
        stream.read_to_end(&mut answer.body)?;
    }
    Ok(answer)
}

fn read_chunks(stream: &mut impl Read) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::new();
    loop {
        let mut line = Vec::new();
        let mut byte = [0];
        while !line.ends_with(b"\r\n") {
            stream.read_exact(&mut byte)?;
            line.push(byte[0]);
        }
        let line = String::from_utf8_lossy(&line).into_owned();
        let size = line.trim().split(';').next().unwrap_or_default().to_owned();
        let size = usize::from_str_radix(&size, 16).map_err(std::io::Error::other)?;
        let mut chunk = vec![0; size + 2];
        stream.read_exact(&mut chunk)?;
        if size == 0 {
            return Ok(out);
        }
        out.extend(&chunk[..size]);
    }
}
