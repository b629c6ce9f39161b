//! A downstream server that behaves as it is told, on a bare socket; no code of the product.

use super::uid;
use crate::support::multipart;
use serde_json::json;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it does with a request.
#[derive(Clone, Debug)]
pub enum Manner {
    /// Stores all and says so.
    Store,
    /// Stores all but says so of all but the last.
    ListShort,
    /// 200 with an empty body.
    Empty200,
    /// 500 with a text that quotes the patient.
    Text500,
    /// Answers this status, then stores.
    Busy(u16, usize),
    /// Refuses each instance with this reason.
    Refuse(u16),
    /// Refuses requests with more than one instance as a whole, with 400.
    OnlySingle,
    /// Reads the request and never answers.
    Hang,
    /// Takes nothing at all.
    Stall,
    /// Closes the connection in the middle of the body.
    Reset,
    /// Wants credentials.
    Denies,
}

/// What it saw.
#[derive(Default, Debug)]
pub struct Seen {
    /// Requests whose head was read.
    pub requests: usize,
    /// Heads, for their headers.
    pub heads: Vec<String>,
    /// Instances of complete requests.
    pub instances: Vec<Vec<u8>>,
    /// Requests whose body ended before its end.
    pub truncated: usize,
    /// Requests at the same time, and the most of them.
    pub running: usize,
    pub most: usize,
}

pub struct Double {
    pub url: String,
    seen: Arc<Mutex<Seen>>,
}

impl Double {
    pub fn start(manner: Manner) -> Double {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/dicom-web", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Seen::default()));
        let shared = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (manner, seen) = (manner.clone(), Arc::clone(&shared));
                std::thread::spawn(move || serve(stream, &manner, &seen));
            }
        });
        Double { url, seen }
    }

    pub fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().unwrap())
    }
}

fn serve(stream: TcpStream, manner: &Manner, seen: &Mutex<Seen>) {
    let mut reader = BufReader::new(stream);
    while let Some(head) = read_head(&mut reader) {
        let number = {
            let mut seen = seen.lock().unwrap();
            seen.requests += 1;
            seen.running += 1;
            seen.most = seen.most.max(seen.running);
            seen.heads.push(head.clone());
            seen.requests
        };
        let answered = answer(&mut reader, &head, manner, number, seen);
        seen.lock().unwrap().running -= 1;
        if answered.is_none() {
            return;
        }
    }
}

fn answer(
    reader: &mut BufReader<TcpStream>,
    head: &str,
    manner: &Manner,
    number: usize,
    seen: &Mutex<Seen>,
) -> Option<()> {
    match manner {
        Manner::Stall => std::thread::sleep(Duration::from_secs(60)),
        Manner::Reset => {
            let _ = reader.read(&mut [0; 1000]);
            return None;
        }
        _ => {}
    }
    let Some(body) = read_body(reader, head) else {
        seen.lock().unwrap().truncated += 1;
        return None;
    };
    let content_type = header(head, "content-type")?;
    let parts: Vec<Vec<u8>> =
        multipart::read(&content_type, &body)?.into_iter().map(|part| part.body).collect();
    // Long enough for others to come meanwhile.
    std::thread::sleep(Duration::from_millis(20));
    let (status, text) = reply(manner, &parts, number);
    if status == 200 && !matches!(manner, Manner::Empty200) {
        seen.lock().unwrap().instances.extend(parts);
    }
    let retry = if status == 503 { "Retry-After: 0\r\n" } else { "" };
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/dicom+json\r\n{retry}Content-Length: {}\r\n\r\n{text}",
        text.len()
    );
    reader.get_mut().write_all(answer.as_bytes()).ok()
}

fn reply(manner: &Manner, parts: &[Vec<u8>], number: usize) -> (u16, String) {
    let item = |part: &Vec<u8>| json!({"00081155": {"vr": "UI", "Value": [uid(part)]}});
    let listed = |parts: &[Vec<u8>]| {
        let items: Vec<_> = parts.iter().map(item).collect();
        json!({"00081199": {"vr": "SQ", "Value": items}}).to_string()
    };
    match manner {
        Manner::ListShort => (200, listed(&parts[..parts.len() - 1])),
        Manner::Empty200 => (200, String::new()),
        Manner::Text500 => (500, "Rigpatient^Rosa made me fail".to_owned()),
        Manner::Busy(status, times) if number <= *times => (*status, "later".to_owned()),
        Manner::Denies => (401, String::new()),
        Manner::OnlySingle if parts.len() > 1 => (400, "one only".to_owned()),
        Manner::Refuse(reason) => {
            let failed = |part| {
                let mut item = item(part);
                item["00081197"] = json!({"vr": "US", "Value": [reason]});
                item
            };
            let items: Vec<_> = parts.iter().map(failed).collect();
            (409, json!({"00081198": {"vr": "SQ", "Value": items}}).to_string())
        }
        Manner::Hang => {
            std::thread::sleep(Duration::from_secs(60));
            (500, String::new())
        }
        _ => (200, listed(parts)),
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    loop {
        let from = head.len();
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
        if &head[from..] == "\r\n" {
            return Some(head);
        }
    }
}

pub fn header(head: &str, name: &str) -> Option<String> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
}

/// None if the body ends before its end.
fn read_body(reader: &mut impl BufRead, head: &str) -> Option<Vec<u8>> {
    if let Some(length) = header(head, "content-length") {
        let mut body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        return Some(body);
    }
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(&chunk[..size]);
    }
}
