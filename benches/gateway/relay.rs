//! A relay that looks at nothing and passes all bytes on: what any program between a client and a server costs on this
//! machine. It accounts for nothing, changes nothing, and has no HTTP.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;

/// The address of a new relay before `server`; it lives as long as the process.
pub fn before(server: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("bind");
    let address = listener.local_addr().expect("address").to_string();
    let server = server.to_owned();
    thread::spawn(move || {
        for client in listener.incoming() {
            let (client, server) = (client.expect("client"), TcpStream::connect(&server).expect("server"));
            for stream in [&client, &server] {
                stream.set_nodelay(true).expect("nodelay");
            }
            let (from, to) = (client.try_clone().expect("clone"), server.try_clone().expect("clone"));
            thread::spawn(move || pass(from, to));
            thread::spawn(move || pass(server, client));
        }
    });
    address
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = vec![0; 256 << 10];
    while let Ok(got @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..got]).is_err() {
            break;
        }
    }
    // Whoever waits for more learns that none comes.
    let _ = to.shutdown(std::net::Shutdown::Write);
}
