//! A downstream server that reads what it gets, drops it and says it stored everything:
//! the forward destination without the cost of another product.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};

/// Starts the sink on a free port and returns its DICOMweb root.
pub fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let root = format!("http://{}/dicom-web", listener.local_addr().expect("address"));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || serve(stream));
        }
    });
    root
}

fn serve(stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut write = stream.try_clone().ok()?;
    let mut reader = BufReader::with_capacity(1 << 18, stream);
    loop {
        let length = head(&mut reader)?;
        let mut names = Names::default();
        match length {
            Some(length) => drain(&mut reader, length, &mut names)?,
            None => chunked(&mut reader, &mut names)?,
        }
        let items: Vec<String> = names.found.iter().map(|uid| item(uid)).collect();
        let body = format!("{{\"00081199\":{{\"vr\":\"SQ\",\"Value\":[{}]}}}}", items.join(","));
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/dicom+json\r\nContent-Length:";
        write!(write, "{head} {}\r\n\r\n{body}", body.len()).ok()?;
    }
}

fn item(uid: &str) -> String {
    let value = |uid: &str| format!("{{\"vr\":\"UI\",\"Value\":[\"{uid}\"]}}");
    format!("{{\"00081150\":{},\"00081155\":{}}}", value("1.2.840.10008.5.1.4.1.1.2"), value(uid))
}

/// Reads the request head; the body's length, or `None` for a chunked one.
fn head(reader: &mut BufReader<TcpStream>) -> Option<Option<u64>> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_ascii_lowercase();
        if line.is_empty() {
            return Some(length);
        }
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok();
        }
    }
}

fn chunked(reader: &mut BufReader<TcpStream>, names: &mut Names) -> Option<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let length = u64::from_str_radix(line.trim().split(';').next()?, 16).ok()?;
        drain(reader, length, names)?;
        reader.read_line(&mut line).ok()?;
        if length == 0 {
            return Some(());
        }
    }
}

fn drain(reader: &mut BufReader<TcpStream>, mut left: u64, names: &mut Names) -> Option<()> {
    let mut buffer = vec![0; 1 << 18];
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let got = reader.read(buffer.get_mut(..most)?).ok().filter(|got| *got > 0)?;
        names.look(buffer.get(..got)?);
        left -= got as u64;
    }
    Some(())
}

/// SOP Instance UIDs of the data sets that pass by, found by the bytes of their element.
#[derive(Default)]
struct Names {
    found: Vec<String>,
    /// The end of the last piece, where an element may have been cut.
    carry: Vec<u8>,
}

/// Tag and VR of SOP Instance UID; with its length and value at most 72 bytes.
const ELEMENT: &[u8] = b"\x08\0\x18\0UI";

impl Names {
    fn look(&mut self, bytes: &[u8]) {
        self.carry.extend_from_slice(bytes);
        let mut at = 0;
        while let Some(next) = memchr::memmem::find(&self.carry[at..], ELEMENT) {
            let start = at + next;
            let Some(uid) = uid(&self.carry[start..]) else {
                self.carry.drain(..start);
                return;
            };
            self.found.push(uid);
            at = start + ELEMENT.len();
        }
        let keep = self.carry.len().saturating_sub(ELEMENT.len() - 1).max(at);
        self.carry.drain(..keep);
    }
}

/// The value of the element at the start; `None` if it is cut.
fn uid(element: &[u8]) -> Option<String> {
    let length = usize::from(*element.get(ELEMENT.len())?);
    let value = element.get(8..8 + length)?;
    Some(String::from_utf8_lossy(value).trim_end_matches('\0').to_owned())
}
