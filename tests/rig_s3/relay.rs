//! A wire between the gateway and a server, that can be cut, dammed up and measured.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

#[derive(Default)]
struct Shared {
    /// Nobody listens.
    cut: AtomicBool,
    /// Bytes are taken and none are passed on.
    dammed: AtomicBool,
    /// Bytes that came from the server.
    down: AtomicU64,
    open: Mutex<Vec<TcpStream>>,
}

pub struct Relay {
    address: SocketAddr,
    server: String,
    shared: Arc<Shared>,
    listening: Option<JoinHandle<()>>,
}

impl Relay {
    /// To a server, `http://127.0.0.1:PORT`.
    pub fn to(server: &str) -> Relay {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut relay = Relay {
            address: listener.local_addr().unwrap(),
            server: server.trim_start_matches("http://").to_owned(),
            shared: Arc::default(),
            listening: None,
        };
        relay.listen(listener);
        relay
    }

    /// As a server's URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Bytes that came from the server so far.
    pub fn bytes_down(&self) -> u64 {
        self.shared.down.load(Ordering::SeqCst)
    }

    /// From now on nobody listens, and open connections are reset.
    pub fn cut(&mut self) {
        self.shared.cut.store(true, Ordering::SeqCst);
        self.listening.take().unwrap().join().unwrap();
        self.hang_up();
    }

    /// All is as before.
    pub fn mend(&mut self) {
        self.shared.cut.store(false, Ordering::SeqCst);
        self.listen(TcpListener::bind(self.address).unwrap());
    }

    /// From now on connections are taken and nothing is answered; or no more.
    pub fn dam(&self, dammed: bool) {
        self.shared.dammed.store(dammed, Ordering::SeqCst);
        self.hang_up();
    }

    fn hang_up(&self) {
        for stream in self.shared.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    fn listen(&mut self, listener: TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let (shared, server) = (Arc::clone(&self.shared), self.server.clone());
        self.listening = Some(std::thread::spawn(move || {
            while !shared.cut.load(Ordering::SeqCst) {
                match listener.accept() {
                    Ok((client, _)) => join(client, &server, &shared),
                    Err(_) => std::thread::sleep(Duration::from_millis(1)),
                }
            }
        }));
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.cut.store(true, Ordering::SeqCst);
        self.hang_up();
    }
}

fn join(client: TcpStream, server: &str, shared: &Arc<Shared>) {
    client.set_nonblocking(false).unwrap();
    let Ok(server) = TcpStream::connect(server) else { return };
    shared.open.lock().unwrap().extend([client.try_clone().unwrap(), server.try_clone().unwrap()]);
    let (up, down) = (Arc::clone(shared), Arc::clone(shared));
    let pair = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || pour(pair.0, pair.1, &up, None));
    std::thread::spawn(move || pour(server, client, &down, Some(&down.down)));
}

fn pour(mut from: TcpStream, mut to: TcpStream, shared: &Shared, counter: Option<&AtomicU64>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        if shared.dammed.load(Ordering::SeqCst) {
            continue;
        }
        if let Some(counter) = counter {
            counter.fetch_add(read as u64, Ordering::SeqCst);
        }
        if to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
