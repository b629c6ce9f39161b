//! From whose address a request comes: the connection's, or what a trusted proxy says. It is for the log alone: who calls
//! is told by keys and tokens, and links are built from the public URL, never from what a request or proxy names.

use axum::extract::Request;
use axum::http::{HeaderMap, header};
use ipnet::IpNet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Most proxies in a row that are looked through.
const MOST: usize = 16;

/// Other end of a connection, put into each of its requests by the server loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(IpAddr);

impl Peer {
    /// Of a connection from there. An IPv4 address is one, also where a socket of IPv6 shows it.
    pub fn of(address: SocketAddr) -> Self {
        Self(address.ip().to_canonical())
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Proxies that are believed.
#[derive(Debug, Clone, Default)]
pub(super) struct Proxies(Vec<IpNet>);

impl Proxies {
    pub(super) fn new(networks: &[IpNet]) -> Self {
        Self(networks.to_vec())
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(&address))
    }

    /// The address of the client, as far as trusted proxies tell it: each appends whom it was called by, so the list is
    /// read from its end, up to the first that is not trusted. What stands before that one anybody may have written.
    pub(super) fn client(&self, request: &Request) -> Option<IpAddr> {
        let Peer(mut client) = *request.extensions().get()?;
        if self.trust(client) {
            for said in said(request.headers()).into_iter().rev().take(MOST) {
                let Some(address) = said else { break };
                client = address;
                if !self.trust(client) {
                    break;
                }
            }
        }
        Some(client)
    }
}

/// What X-Forwarded-For, or else Forwarded (RFC 7239), lists; nothing for what is no address.
fn said(headers: &HeaderMap) -> Vec<Option<IpAddr>> {
    let all = |name: &str| -> Vec<String> {
        let lines = headers.get_all(name).iter();
        lines
            .flat_map(|line| line.to_str().unwrap_or("?").split(',').map(str::to_owned).collect::<Vec<_>>())
            .collect()
    };
    let plain = all("x-forwarded-for");
    if !plain.is_empty() {
        return plain.iter().map(|entry| address(entry)).collect();
    }
    let node = |entry: &String| {
        entry.split(';').find_map(|pair| {
            let (name, value) = pair.split_once('=')?;
            name.trim().eq_ignore_ascii_case("for").then(|| address(value))?
        })
    };
    all(header::FORWARDED.as_str()).iter().map(node).collect()
}

/// An address, perhaps in quotes or brackets, perhaps with a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim().trim_matches('"');
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let with_port = || text.parse::<SocketAddr>().ok().map(|it| it.ip());
    bare.parse().ok().or_else(with_port).map(|it: IpAddr| it.to_canonical())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use axum::body::Body;

    fn client(peer: &str, headers: &[(&str, &str)]) -> String {
        let proxies = Proxies(vec!["10.0.0.0/8".parse().unwrap(), "fd00::/8".parse().unwrap()]);
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        assert_eq!(proxies.client(&request), None, "nobody is there");
        request.extensions_mut().insert(Peer::of(SocketAddr::new(peer.parse().unwrap(), 1)));
        proxies.client(&request).unwrap().to_string()
    }

    const FOR: &str = "X-Forwarded-For";

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        for headers in [(FOR, "192.0.2.7"), ("Forwarded", "for=192.0.2.7")] {
            assert_eq!(client("203.0.113.5", &[headers]), "203.0.113.5");
            assert_eq!(client("10.1.2.3", &[headers]), "192.0.2.7");
            assert_eq!(client("::ffff:10.1.2.3", &[headers]), "192.0.2.7", "IPv4 on a socket of IPv6");
        }
        assert_eq!(client("10.1.2.3", &[]), "10.1.2.3");
    }

    #[test]
    fn what_a_client_wrote_itself_is_not_reached() {
        assert_eq!(client("10.0.0.1", &[(FOR, "1.1.1.1, 192.0.2.7, 10.0.0.9")]), "192.0.2.7");
        assert_eq!(client("10.0.0.1", &[(FOR, "1.1.1.1"), (FOR, "192.0.2.7")]), "192.0.2.7");
        let forged = "for=\"1.1.1.1, for=2.2.2.2\", for=192.0.2.7;proto=https";
        assert_eq!(client("10.0.0.1", &[("Forwarded", forged)]), "192.0.2.7");
        assert_eq!(client("10.0.0.1", &[(FOR, "192.0.2.7"), ("Forwarded", "for=1.1.1.1")]), "192.0.2.7");
    }

    #[test]
    fn ports_brackets_and_quotes_are_read_and_what_is_no_address_ends_the_list() {
        assert_eq!(client("fd00::1", &[(FOR, "[2001:db8::7]:47011")]), "2001:db8::7");
        assert_eq!(client("fd00::1", &[("Forwarded", "by=10.0.0.1;For=\"[2001:db8::7]\"")]), "2001:db8::7");
        assert_eq!(client("10.0.0.1", &[(FOR, "192.0.2.7:80")]), "192.0.2.7");
        assert_eq!(client("10.0.0.1", &[(FOR, "1.1.1.1, unknown, 10.0.0.2")]), "10.0.0.2");
        assert_eq!(client("10.0.0.1", &[("Forwarded", "for=1.1.1.1, for=_hidden")]), "10.0.0.1");
        let long = vec!["10.0.0.2"; 5000].join(",");
        assert_eq!(client("10.0.0.1", &[(FOR, &format!("192.0.2.7,{long}"))]), "10.0.0.2");
    }
}
