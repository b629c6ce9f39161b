//! The settings, which are legal each by itself, taken together.

use super::Finding;
use crate::config::{Config, is_loopback};
use crate::downstream::Credentials;
use std::net::SocketAddr;

const CHECK: &str = "settings";

/// What to do where answers name nowhere.
pub(in crate::serve) const NAME_IT: &str =
    "set public_base_url to the URL of the DICOMweb root as clients see it";

/// Answers of a server that listens on `address` name a place that is none, unless it is told how clients see it.
pub(in crate::serve) fn nowhere(config: &Config, address: SocketAddr) -> Option<String> {
    let named = config.public.is_some() || !address.ip().is_unspecified();
    (!named)
        .then(|| format!("answers name {}, which no client reaches", crate::serve::origin(config, address)))
}

/// What is seen of a customer whose key in the settings is short.
pub(in crate::serve) fn short(customer: &str) -> String {
    format!("api_keys: a key of {customer} has less than 16 characters and may be guessed")
}

/// What to do about it.
pub(in crate::serve) const LENGTHEN: &str = "give it a random one, as of openssl rand -hex 32";

/// What may not be meant so.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(seen) = nowhere(config, config.listen) {
        found.push(Finding::warning(CHECK, seen, NAME_IT));
    }
    if let Some(downstream) = &config.downstream
        && is_plain_abroad(&downstream.url)
    {
        let what = match downstream.credentials {
            Credentials::None => "instances go",
            _ => "instances and credentials go",
        };
        found.push(Finding::warning(
            CHECK,
            format!("{what} to the downstream server unencrypted (http://)"),
            "give it TLS and an https:// downstream.url, unless that network is yours alone",
        ));
    }
    let short = config.accounts.short_keys().into_iter().map(short);
    found.extend(short.map(|seen| Finding::warning(CHECK, seen, LENGTHEN)));
    if found.is_empty() {
        found.push(Finding::ok(CHECK, "without mistakes"));
    }
    found
}

/// Plain HTTP to what is not this machine.
fn is_plain_abroad(url: &str) -> bool {
    let uri: Option<http::Uri> = url.parse().ok();
    let host = uri.as_ref().and_then(http::Uri::host).unwrap_or_default();
    url.starts_with("http://") && !is_loopback(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_told_where_it_leaves_the_machine() {
        for here in
            ["http://127.0.0.1:8042/dicom-web", "http://[::1]/d", "http://localhost/d", "https://pacs/d"]
        {
            assert!(!is_plain_abroad(here), "{here}");
        }
        assert!(is_plain_abroad("http://pacs:8042/dicom-web") && is_plain_abroad("http://10.0.0.7/d"));
    }
}
