//! `veilgate health`: asks a running gateway whether it is ready, for containers and scripts.

use super::args::HealthArgs;
use super::store::block_on;
use super::{Exit, Failure, stdio};
use crate::config::Config;
use crate::dicomweb::links::Links;
use crate::downstream::probe::{Ask, Probe, Reply};
use crate::downstream::{Fault, Unusable};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

/// Longest reason that is passed on.
const LONGEST: usize = 200;

/// Asks; ends with 0 if the answer is 200, else with 1 and why in one line.
///
/// # Errors
/// The command line is wrong, or the system gives no threads.
pub fn run(args: &HealthArgs) -> Result<Exit, Failure> {
    let (root, at) = match &args.url {
        Some(url) => (url.clone(), None),
        None => match super::serve::load(&args.serve) {
            Ok(config) => asked(&config)?,
            Err(_) => return Ok(not_ready("the settings have mistakes: see `veilgate doctor`")),
        },
    };
    let root = Links::new(&root).map_err(|bad| Failure::Usage(format!("--url: {bad}")))?;
    let ca = args.ca.as_deref().map(certificates).transpose()?;
    let patience = Duration::from_secs(args.timeout);
    let path = if args.live { "/health" } else { "/ready" };
    let asked = block_on(async {
        let probe = Probe::quick(root.root(), patience, ca.as_deref(), at).map_err(unusable)?;
        Ok(probe.ask(Ask { path: path.to_owned(), ..Ask::default() }).await)
    })?;
    match asked {
        Ok(reply) if reply.status == 200 => {
            stdio::print(if args.live { "alive\n" } else { "ready\n" })?;
            Ok(Exit::Done)
        }
        Ok(reply) => Ok(not_ready(&format!("status {}{}", reply.status, reason(&reply)))),
        Err(fault) => Ok(not_ready(said(&fault, root.root().starts_with("https:")))),
    }
}

/// Status 1, as containers expect it, whatever the reason.
fn not_ready(why: &str) -> Exit {
    stdio::say(&format!("not ready: {why}"));
    Exit::Refused
}

fn unusable(unusable: Unusable) -> Failure {
    match unusable {
        Unusable::Certificates => Failure::Usage("--ca: the file holds no PEM certificates".to_owned()),
        other => Failure::Machine(other.to_string()),
    }
}

/// The words of the client are about a downstream server.
fn said(fault: &Fault, secured: bool) -> &'static str {
    match fault {
        Fault::TimedOut => "the gateway does not answer in time",
        Fault::Unreachable if secured => {
            "the gateway cannot be reached, or its certificate is not for the name asked for (--url) or of no authority \
             that is known here (--ca)"
        }
        Fault::Unreachable => "the gateway cannot be reached",
        _ => "the gateway broke the connection",
    }
}

/// What our own answer says of the reason; other servers' words are left out.
fn reason(reply: &Reply) -> String {
    let is_ours = reply.header("content-type") == Some("application/problem+json");
    let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let detail = body.get("detail").and_then(|it| it.as_str()).unwrap_or_default();
    match is_ours && !detail.is_empty() && detail.len() <= LONGEST && !detail.contains(char::is_control) {
        true => format!(", {detail}"),
        false => String::new(),
    }
}

/// The URL by which the settings say that this machine's gateway is asked, and where that is.
fn asked(config: &Config) -> Result<(String, Option<SocketAddr>), Failure> {
    let address = here(config.listen);
    if address.port() == 0 {
        return Err(Failure::Usage("listen takes any free port: give --url".to_owned()));
    }
    if config.tls.is_none() {
        return Ok((format!("http://{address}"), None));
    }
    // A certificate is seldom in the name of the loopback address.
    match config.public.as_ref().and_then(name) {
        Some(name) => Ok((format!("https://{name}:{}", address.port()), Some(address))),
        None => Ok((format!("https://{address}"), None)),
    }
}

/// The name that clients know a gateway by; `None` for an address, which another machine may have.
fn name(public: &Links) -> Option<String> {
    let uri: http::Uri = public.root().parse().ok()?;
    let host = uri.host().filter(|host| !host.starts_with('[') && host.parse::<IpAddr>().is_err());
    host.map(str::to_owned)
}

/// Who listens on all addresses is reached on the loopback address.
fn here(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

fn certificates(file: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |error: std::io::Error| Failure::Usage(format!("{}: {}", file.display(), stdio::why(&error)));
    std::fs::read(file).map_err(wrong)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_gateway_that_listens_everywhere_is_asked_on_the_loopback_address() {
        for (listen, asked) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8443", "[::1]:8443"),
            ("10.0.0.7:80", "10.0.0.7:80"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
        ] {
            assert_eq!(here(listen.parse().unwrap()).to_string(), asked);
        }
    }
}
