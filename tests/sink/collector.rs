//! A syslog collector on loopback, over TCP or TLS, that can misbehave.

use crate::support::authority::Authority;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::Duration;

/// What a collector does with one connection; with those not listed it does as it should.
#[derive(Clone, Copy)]
pub enum Manner {
    /// Ends it without reading.
    Refuse,
    /// Reads so many bytes and breaks it.
    Break(usize),
    /// Reads all and does not end it.
    StayOpen,
}

/// One message of RFC 5424, taken apart at its BOM.
#[derive(Debug, Clone)]
pub struct Message {
    pub header: String,
    pub xml: String,
}

/// Collects the messages of connections that were read to their end.
pub struct Collector {
    pub port: u16,
    got: Arc<Mutex<Vec<Message>>>,
}

impl Collector {
    pub fn tcp(manners: &[Manner]) -> Self {
        Self::start(manners, None)
    }

    /// Under a certificate for `name`; if `asks`, only for clients with a certificate of the same authority.
    pub fn tls(authority: &Authority, name: &str, asks: bool) -> Self {
        Self::start(&[], Some(authority.server(name, asks)))
    }

    fn start(manners: &[Manner], tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let got = Arc::new(Mutex::new(Vec::new()));
        let (shared, mut manners) = (Arc::clone(&got), VecDeque::from(manners.to_vec()));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                serve(stream, manners.pop_front(), tls.as_ref(), &shared);
            }
        });
        Self { port, got }
    }

    pub fn messages(&self) -> Vec<Message> {
        self.got.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    manner: Option<Manner>,
    tls: Option<&Arc<ServerConfig>>,
    got: &Mutex<Vec<Message>>,
) {
    let mut bytes = Vec::new();
    let kept = matches!(manner, Some(Manner::StayOpen)).then(|| stream.try_clone().unwrap());
    match (manner, tls) {
        // Bytes left unread make it a reset.
        (Some(Manner::Refuse), _) => sleep(Duration::from_millis(50)),
        (Some(Manner::Break(count)), _) => stream.read_exact(&mut vec![0; count]).unwrap_or_default(),
        (None | Some(Manner::StayOpen), None) => {
            stream.read_to_end(&mut bytes).unwrap_or_default();
        }
        (None | Some(Manner::StayOpen), Some(config)) => {
            let connection = ServerConnection::new(Arc::clone(config)).unwrap();
            let mut stream = StreamOwned::new(connection, stream);
            if stream.read_to_end(&mut bytes).is_ok() {
                stream.conn.send_close_notify();
                stream.flush_all();
            }
        }
    }
    got.lock().unwrap().extend(messages(&bytes));
    if kept.is_some() {
        std::thread::spawn(move || {
            sleep(Duration::from_secs(30));
            drop(kept);
        });
    }
}

/// Takes the octet-counted frames apart (RFC 6587 3.4.1).
fn messages(mut bytes: &[u8]) -> Vec<Message> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').expect("a length");
        let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().expect("a length");
        let (message, rest) = bytes[space + 1..].split_at(length);
        let text = std::str::from_utf8(message).unwrap();
        let (header, xml) = text.split_once(" \u{feff}").expect("a BOM before the text");
        all.push(Message { header: header.to_owned(), xml: xml.to_owned() });
        bytes = rest;
    }
    all
}

/// Writes what TLS still has to say.
trait FlushAll {
    fn flush_all(&mut self);
}

impl FlushAll for StreamOwned<ServerConnection, TcpStream> {
    fn flush_all(&mut self) {
        while self.conn.wants_write() {
            match self.conn.write_tls(&mut self.sock) {
                Err(error) if error.kind() != ErrorKind::Interrupted => return,
                _ => {}
            }
        }
    }
}
