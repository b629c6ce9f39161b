//! Clients in numbers: those that push as fast as they can and note what they were told, and those that misbehave on a
//! bare socket.

use crate::stow::{RESPOND, ct, push, stored};
use crate::support::server::Server;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What clients saw.
#[derive(Default)]
pub struct Seen {
    over: AtomicBool,
    /// Requests answered with 200.
    pub served: AtomicU64,
    /// Instances that were reported as stored.
    pub stored: Mutex<BTreeSet<String>>,
    /// How long each refusal with 503 took.
    pub refused: Mutex<Vec<Duration>>,
    /// Requests whose connection was refused or broke.
    pub broken: AtomicU64,
}

impl Seen {
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::SeqCst)
    }

    /// Waits until so many requests were served.
    pub fn await_served(&self, count: u64) {
        let until = Instant::now() + Duration::from_secs(60);
        while self.served() < count {
            assert!(Instant::now() < until, "only {} requests were served", self.served());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Ends the load when dropped, also when the probe fails.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// So many clients push to an address without pause, every second one to be answered with what it sent, while `probe`
/// runs. Any answer but 200 and 503 with `Retry-After` fails.
pub fn under_load(address: &str, key: &str, clients: u32, probe: impl FnOnce(&Seen)) -> Seen {
    let seen = Seen::default();
    std::thread::scope(|scope| {
        for client in 0..clients {
            let seen = &seen;
            scope.spawn(move || load(address, key, client, seen));
        }
        let _end = End(&seen.over);
        probe(&seen);
    });
    seen
}

fn load(address: &str, key: &str, client: u32, seen: &Seen) {
    let mut number = client * 10_000;
    while !seen.over.load(Ordering::SeqCst) {
        number += 1;
        let request = push(&[ct(number)]).header("X-API-Key", key);
        let archived = number.is_multiple_of(2);
        let request = if archived { request } else { request.header("Accept", RESPOND) };
        let begun = Instant::now();
        match request.send(address) {
            Ok(answer) if answer.status == 200 => {
                seen.served.fetch_add(1, Ordering::SeqCst);
                if archived {
                    seen.stored.lock().unwrap().extend(stored(&answer));
                }
            }
            Ok(answer) => {
                assert_eq!(answer.status, 503, "{}", answer.text());
                assert!(answer.header("retry-after").is_some());
                seen.refused.lock().unwrap().push(begun.elapsed());
                std::thread::sleep(Duration::from_millis(20));
            }
            Err(_) => {
                seen.broken.fetch_add(1, Ordering::SeqCst);
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}

/// A connection on which the head of a push stands, of a body of `length` bytes that is yet to come.
pub fn begun(server: &Server, length: usize) -> TcpStream {
    let head = format!(
        "POST /dicom-web/studies HTTP/1.1\r\nHost: x\r\nX-API-Key: {}\r\nContent-Type: application/dicom\r\n\
         Content-Length: {length}\r\n\r\n",
        server.key
    );
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

/// What the server says on a connection until it closes it; fails if it does not in 20 s.
pub fn rest(stream: &mut TcpStream) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut said = Vec::new();
    match stream.read_to_end(&mut said) {
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => panic!("the connection stays open"),
        // A reset is an end too.
        _ => String::from_utf8_lossy(&said).into_owned(),
    }
}

/// Sends a byte every 50 ms until the server closes the connection; what it said, and after how long.
pub fn trickle(mut stream: TcpStream, byte: u8, most: Duration) -> (String, Duration) {
    let begun = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut said = Vec::new();
    loop {
        let mut buffer = [0; 1024];
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => said.extend(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                // It is told by the next read if that fails.
                let _ = stream.write_all(&[byte]);
            }
            Err(_) => break,
        }
        assert!(begun.elapsed() < most, "a slow client is still there");
    }
    (String::from_utf8_lossy(&said).into_owned(), begun.elapsed())
}
