//! Checks of what customers and operators name: URLs, e-mail, ids. No network.

use super::fault::Fault;
use http::Uri;
use std::net::IpAddr;

/// Longer URLs are refused; Stripe and browsers take this much.
const LONGEST_URL: usize = 2_000;

/// Check a URL that Stripe will send the customer back to: absolute https, or http on a loopback host; no user
/// information, no control characters. `field` is named in the error.
pub(super) fn return_url(field: &'static str, url: &str) -> Result<(), Fault> {
    let wrong = |why| Err(Fault::Request { field, why });
    if url.len() > LONGEST_URL || !url.bytes().all(|it| it.is_ascii_graphic()) {
        return wrong("must be a URL of at most 2000 visible ASCII characters");
    }
    match secure(url) {
        Some(_) => Ok(()),
        None => wrong("must be an absolute https URL (http only on a loopback address)"),
    }
}

/// The base URL of Stripe's API in the form the client needs, with a slash at its end.
pub(super) fn base_url(url: &str) -> Result<String, Fault> {
    let unusable =
        Fault::Setup("the base URL must be https (http only on a loopback address), without query");
    let parsed = secure(url).filter(|it| it.query().is_none() && !url.contains('#'));
    let Some(_) = parsed else { return Err(unusable) };
    Ok(format!("{}/", url.trim_end_matches('/')))
}

/// An absolute URL over a connection that nobody can listen to.
fn secure(url: &str) -> Option<Uri> {
    let parsed: Uri = url.parse().ok()?;
    let authority = parsed.authority()?;
    if authority.as_str().contains('@') || authority.host().is_empty() || url.contains('\\') {
        return None;
    }
    let kept = match parsed.scheme_str()? {
        "https" => true,
        "http" => is_loopback(authority.host()),
        _ => false,
    };
    kept.then_some(parsed)
}

fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|it| it.is_loopback())
}

/// Check an e-mail address as far as to keep nonsense out; Stripe judges the rest.
pub(super) fn email(field: &'static str, address: &str) -> Result<(), Fault> {
    let parts = address.split_once('@');
    let plain = !address.chars().any(|it| it.is_control() || it.is_whitespace());
    match parts {
        Some((local, domain)) if plain && !local.is_empty() && !domain.is_empty() && address.len() <= 254 => {
            Ok(())
        }
        _ => Err(Fault::Request { field, why: "must be an e-mail address" }),
    }
}

/// Check an id that goes into a path or form: 1 to `most` letters, digits, `_` or `-`.
pub(super) fn id(field: &'static str, id: &str, most: usize) -> Result<(), Fault> {
    let plain = id.bytes().all(|it| it.is_ascii_alphanumeric() || it == b'_' || it == b'-');
    if plain && !id.is_empty() && id.len() <= most {
        Ok(())
    } else {
        Err(Fault::Request { field, why: "must be an id of letters, digits, _ and -" })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn customers_are_sent_back_over_https_or_to_loopback_only() {
        for good in [
            "https://clinic.example/paid?session={CHECKOUT_SESSION_ID}",
            "https://clinic.example:8443/#/billing",
            "http://localhost:3000/paid",
            "http://127.0.0.1/",
            "http://[::1]:8080/x",
        ] {
            assert_eq!(return_url("success_url", good), Ok(()), "{good}");
        }
    }

    #[test]
    fn urls_that_run_code_leak_or_mislead_are_refused() {
        let long = format!("https://a.example/{}", "x".repeat(2_000));
        for bad in [
            "javascript:alert(1)",
            "data:text/html,x",
            "http://clinic.example/",
            "//clinic.example/",
            "/paid",
            "clinic.example",
            "https://",
            "https:///x",
            "https://good.example@evil.example/",
            "https://good.example\\@evil.example/",
            "https://a.example/\r\nLocation: x",
            "https://a.example/ b",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example/",
            "",
            long.as_str(),
        ] {
            assert!(return_url("success_url", bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_base_url_ends_in_one_slash_and_is_secure() {
        assert_eq!(base_url("https://api.stripe.com").unwrap(), "https://api.stripe.com/");
        assert_eq!(base_url("http://127.0.0.1:9/stripe/").unwrap(), "http://127.0.0.1:9/stripe/");
        for bad in ["http://api.stripe.com/", "https://api.stripe.com/?a=b", "api.stripe.com", ""] {
            assert!(base_url(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_and_addresses_cannot_carry_paths_or_lines() {
        assert_eq!(id("subscription", "sub_1Abc-2", 255), Ok(()));
        for bad in ["", "../customers", "sub 1", "sub%2f", "süb"] {
            assert!(id("subscription", bad, 255).is_err(), "{bad}");
        }
        assert_eq!(email("customer_email", "a.b@clinic.example"), Ok(()));
        for bad in ["", "a", "@x", "a@", "a b@c.example", "a@b\n.example"] {
            assert!(email("customer_email", bad).is_err(), "{bad}");
        }
    }
}
