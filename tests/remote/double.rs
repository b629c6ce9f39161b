//! A DICOMweb server that answers GETs with the bytes it is told, on a bare socket; no code of the product.

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it writes, and how long it keeps the connection open behind that.
#[derive(Clone)]
pub struct Reply {
    bytes: Vec<u8>,
    wait: Duration,
}

/// A whole answer.
pub fn ok(media: &str, body: impl AsRef<[u8]>) -> Reply {
    let body = body.as_ref();
    let head = format!(
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: {media}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Reply { bytes: [head.as_bytes(), body].concat(), wait: Duration::ZERO }
}

/// An answer of another status, with a text and headers that quote a patient.
pub fn status(code: u16) -> Reply {
    let text = "Rigpatient^Rosa could not be read";
    let head = format!(
        "HTTP/1.1 {code} Rigpatient^Rosa\r\nConnection: close\r\nX-Patient: Rigpatient^Rosa\r\nWarning: 299 x: Rigpatient^Rosa\r\n\
         ETag: \"Rigpatient^Rosa\"\r\nLocation: http://127.0.0.1:9/Rigpatient\r\nRetry-After: 999999\r\n\
         Content-Type: text/plain\r\nContent-Length: {}\r\n\r\n{text}",
        text.len()
    );
    raw(head)
}

/// These bytes and no others.
pub fn raw(bytes: impl Into<Vec<u8>>) -> Reply {
    Reply { bytes: bytes.into(), wait: Duration::ZERO }
}

impl Reply {
    /// The same without its last bytes.
    pub fn cut(mut self, missing: usize) -> Self {
        self.bytes.truncate(self.bytes.len() - missing);
        self
    }

    /// The same, and then nothing for a long time.
    pub fn hanging(mut self) -> Self {
        self.wait = Duration::from_secs(60);
        self
    }
}

pub struct Double {
    /// Its DICOMweb root.
    pub url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Double {
    /// Answers each target below the root, with its query, as `script` says.
    pub fn start(script: impl Fn(&str) -> Reply + Send + Sync + 'static) -> Double {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/dicom-web", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (seen, script) = (Arc::clone(&asked), Arc::new(script));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
                std::thread::spawn(move || serve(stream, &*script, &seen));
            }
        });
        Double { url, asked }
    }

    /// The heads of all requests so far.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(stream: TcpStream, script: &dyn Fn(&str) -> Reply, seen: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).unwrap_or(0) == 0 {
            return;
        }
    }
    let target = head.split(' ').nth(1).unwrap_or_default().trim_start_matches("/dicom-web/").to_owned();
    seen.lock().unwrap().push(head);
    let Reply { bytes, wait } = script(&target);
    let _ = reader.get_mut().write_all(&bytes);
    std::thread::sleep(wait);
}
