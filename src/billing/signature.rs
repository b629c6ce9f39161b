//! Whether a webhook body is Stripe's: HMAC-SHA256 over time and body, in constant time, within five minutes.
//! By hand, because the client's crate checks the signature and parses the whole event as one API version in one call.

use crate::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Verifies webhook deliveries against one or more signing secrets.
#[derive(Debug, Clone)]
pub struct Webhook {
    secrets: Vec<Secret>,
}

/// Why a delivery is not taken for Stripe's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// No signing secret is set (503).
    #[error("no webhook secret is set")]
    NoSecret,
    /// The body exceeds [`Webhook::BODY_LIMIT`] (413).
    #[error("the webhook body is too large")]
    TooLarge,
    /// The header is absent or not of the form `t=…,v1=…` (400).
    #[error("the signature header is missing or malformed")]
    Malformed,
    /// No signature matches any secret (400).
    #[error("the signature does not match")]
    Mismatch,
    /// Rightly signed, but more than [`Webhook::TOLERANCE`] seconds from now: replayed, or a clock is wrong (400).
    #[error("the signature's time is too far from now")]
    Untimely,
}

impl Webhook {
    /// How far the signed time may be from now, in seconds, both ways.
    pub const TOLERANCE: i64 = 300;
    /// Largest body, in bytes; the server must stop reading there.
    pub const BODY_LIMIT: usize = 1 << 20;
    /// Longest header, in bytes; it has a few signatures of 64 digits.
    const HEADER_LIMIT: usize = 4_096;

    /// With every secret that is valid now: two while one is being rotated. Empty ones are left out.
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        Webhook { secrets: secrets.into_iter().filter(|it| !it.expose().is_empty()).collect() }
    }

    /// Whether any delivery can pass.
    pub fn has_secret(&self) -> bool {
        !self.secrets.is_empty()
    }

    /// Check a delivery: `header` is `Stripe-Signature`, `body` the raw bytes as received, `now` the gateway's time.
    pub fn verify(&self, header: &str, body: &[u8], now: i64) -> Result<(), Forged> {
        if self.secrets.is_empty() {
            return Err(Forged::NoSecret);
        }
        if body.len() > Self::BODY_LIMIT {
            return Err(Forged::TooLarge);
        }
        let (time, signatures) = parse(header).ok_or(Forged::Malformed)?;
        if !self.secrets.iter().any(|secret| matches(secret, time, body, &signatures)) {
            return Err(Forged::Mismatch);
        }
        // Told apart only after the signature, so that a stranger learns nothing about our clock.
        let signed_at: i64 = time.parse().map_err(|_| Forged::Malformed)?;
        match now.checked_sub(signed_at).map(i64::unsigned_abs) {
            Some(apart) if apart <= Self::TOLERANCE.unsigned_abs() => Ok(()),
            _ => Err(Forged::Untimely),
        }
    }
}

/// The time as written, and every signature of scheme v1; None when either is missing or the time comes twice.
fn parse(header: &str) -> Option<(&str, Vec<[u8; 32]>)> {
    if header.len() > Webhook::HEADER_LIMIT {
        return None;
    }
    let (mut time, mut signatures) = (None, Vec::new());
    for (name, value) in header.split(',').filter_map(|part| part.trim().split_once('=')) {
        match name {
            "t" if time.is_some() => return None,
            "t" => time = Some(value),
            "v1" => signatures.extend(from_hex(value)),
            // v0 is a scheme for tests, others may come: not ours to judge.
            _ => {}
        }
    }
    (!signatures.is_empty()).then_some((time?, signatures))
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let digit = |it: u8| char::from(it).to_digit(16).and_then(|it| u8::try_from(it).ok());
    let bytes = text.as_bytes();
    if bytes.len() != 64 {
        return None;
    }
    let mut out = [0; 32];
    for (to, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *to = digit(*high)? << 4 | digit(*low)?;
    }
    Some(out)
}

/// Whether one of the signatures is this secret's; each comparison takes constant time.
fn matches(secret: &Secret, time: &str, body: &[u8], signatures: &[[u8; 32]]) -> bool {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return false;
    };
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    signatures.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;

    const BODY: &[u8] = br#"{"id": "evt_1"}"#;
    const NOW: i64 = 1_800_000_000;

    fn sign(secret: &str, time: i64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(format!("{time}.").as_bytes());
        mac.update(body);
        mac.finalize().into_bytes().iter().map(|it| format!("{it:02x}")).collect()
    }

    fn header(secret: &str, time: i64) -> String {
        format!("t={time},v1={},v0={}", sign(secret, time, BODY), "0".repeat(64))
    }

    fn webhook(secrets: &[&str]) -> Webhook {
        Webhook::new(secrets.iter().map(|it| Secret::new(it)))
    }

    #[test]
    fn the_scheme_is_hmac_sha256_over_time_dot_body() {
        // Computed with `printf '1800000000.{"id": "evt_1"}' | openssl dgst -sha256 -hmac whsec_a`.
        let known = "5f3436d01805d306896aa97e1e0ca52ea446e9f0553b4d4f5a1046a9317606f5";
        assert_eq!(sign("whsec_a", NOW, BODY), known);
        assert_eq!(webhook(&["whsec_a"]).verify(&format!("t={NOW},v1={known}"), BODY, NOW), Ok(()));
    }

    #[test]
    fn a_signature_holds_for_five_minutes_both_ways() {
        let webhook = webhook(&["whsec_a"]);
        for (apart, said) in [
            (0, Ok(())),
            (300, Ok(())),
            (-300, Ok(())),
            (301, Err(Forged::Untimely)),
            (-301, Err(Forged::Untimely)),
            (i64::MIN / 2, Err(Forged::Untimely)),
        ] {
            assert_eq!(webhook.verify(&header("whsec_a", NOW + apart), BODY, NOW), said, "{apart}");
        }
    }

    #[test]
    fn any_of_the_valid_secrets_will_do_while_one_is_rotated() {
        let rotating = webhook(&["whsec_new", "whsec_old"]);
        assert_eq!(rotating.verify(&header("whsec_old", NOW), BODY, NOW), Ok(()));
        assert_eq!(rotating.verify(&header("whsec_new", NOW), BODY, NOW), Ok(()));
        assert_eq!(rotating.verify(&header("whsec_gone", NOW), BODY, NOW), Err(Forged::Mismatch));
        let both = format!("t={NOW},v1={},v1={}", "0".repeat(64), sign("whsec_old", NOW, BODY));
        assert_eq!(webhook(&["whsec_old"]).verify(&both, BODY, NOW), Ok(()));
    }

    #[test]
    fn a_changed_body_or_time_does_not_pass() {
        let webhook = webhook(&["whsec_a"]);
        let good = header("whsec_a", NOW);
        assert_eq!(webhook.verify(&good, br#"{"id": "evt_2"}"#, NOW), Err(Forged::Mismatch));
        let moved = good.replace(&NOW.to_string(), &(NOW + 1).to_string());
        assert_eq!(webhook.verify(&moved, BODY, NOW), Err(Forged::Mismatch));
    }

    #[test]
    fn broken_headers_are_refused_without_a_panic() {
        let webhook = webhook(&["whsec_a"]);
        let signature = sign("whsec_a", NOW, BODY);
        for bad in [
            String::new(),
            "t=".into(),
            format!("t={NOW}"),
            format!("v1={signature}"),
            format!("t={NOW},v0={signature}"),
            format!("t={NOW},v1={}", &signature[..62]),
            format!("t={NOW},v1={}", "ü".repeat(32)),
            format!("t={NOW},t={NOW},v1={signature}"),
            format!("{}t={NOW},v1={signature}", "x=1,".repeat(2_000)),
        ] {
            assert_eq!(webhook.verify(&bad, BODY, NOW), Err(Forged::Malformed), "{bad}");
        }
        let wordy = format!("t=soon,v1={signature}");
        assert_eq!(webhook.verify(&wordy, BODY, NOW), Err(Forged::Mismatch));
    }

    #[test]
    fn without_a_secret_nothing_passes_and_an_empty_one_is_none() {
        let none = webhook(&["", " "]);
        assert_eq!(none.verify(&header("", NOW), BODY, NOW), Err(Forged::NoSecret));
    }

    #[test]
    fn a_body_over_the_limit_is_refused_before_it_is_hashed() {
        let body = vec![b' '; Webhook::BODY_LIMIT + 1];
        assert_eq!(webhook(&["a"]).verify(&header("a", NOW), &body, NOW), Err(Forged::TooLarge));
    }
}
