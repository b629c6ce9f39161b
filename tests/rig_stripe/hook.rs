//! A webhook of a few lines: verifies, reads and applies each delivery as the gateway's handler will, and keeps the
//! ledgers in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use veilgate::billing::{Event, Ledger, Prices, Standing, Terms, Webhook, standing};
use veilgate::secret::Secret;

pub struct Hook {
    pub url: String,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    webhook: Option<Webhook>,
    ledgers: BTreeMap<String, Ledger>,
    events: BTreeSet<String>,
}

impl Hook {
    /// Listen on a free port; the thread ends with the test's process.
    pub fn start(secrets: &[&str]) -> Hook {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/v1/billing/webhook", listener.local_addr().unwrap());
        let hook = Hook { url, state: Arc::default() };
        hook.secrets(secrets);
        let state = hook.state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                answer(stream, &state);
            }
        });
        hook
    }

    pub fn secrets(&self, secrets: &[&str]) {
        self.state.lock().unwrap().webhook = Some(Webhook::new(secrets.iter().map(|it| Secret::new(it))));
    }

    /// How many different events were taken.
    pub fn taken(&self) -> usize {
        self.state.lock().unwrap().events.len()
    }

    pub fn ledgers(&self) -> BTreeMap<String, Ledger> {
        self.state.lock().unwrap().ledgers.clone()
    }

    /// The id of the only subscription.
    pub fn subscription(&self) -> String {
        let ledgers = self.ledgers();
        assert_eq!(ledgers.len(), 1, "{:?}", ledgers.keys());
        ledgers.into_keys().next().unwrap()
    }

    pub fn standing(&self, prices: &Prices, terms: &Terms, now: i64) -> Standing {
        standing(self.ledgers().values(), prices, terms, now)
    }

    /// Wait until so many different events were taken.
    pub fn wait(&self, events: usize) {
        let until = Instant::now() + Duration::from_secs(20);
        while self.taken() < events {
            assert!(Instant::now() < until, "only {} of {events} events came", self.taken());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let (signature, body) = read(&mut stream);
    let mut state = state.lock().unwrap();
    let status = match take(&mut state, &signature, &body) {
        Some(()) => "200 OK",
        None => "400 Bad Request",
    };
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
}

fn take(state: &mut State, signature: &str, body: &[u8]) -> Option<()> {
    state.webhook.as_ref()?.verify(signature, body, super::now()).ok()?;
    let event = Event::read(body).ok()?;
    if let Some(subscription) = &event.about.subscription {
        state.ledgers.entry(subscription.clone()).or_default().apply(&event);
    }
    state.events.insert(event.id);
    Some(())
}

/// The signature header and the body.
fn read(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let (mut signature, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else {
            if line.trim_end().is_empty() { break } else { continue }
        };
        match name.to_ascii_lowercase().as_str() {
            "stripe-signature" => signature = value.trim().to_owned(),
            "content-length" => length = value.trim().parse().unwrap(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (signature, body)
}
