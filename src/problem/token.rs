//! What an issuer's token can be refused for, in no more words than a client needs: the log says why.

use super::{Blame, DENIED, RESOURCES, Sentence};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

/// About a token of the issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// It is not to be believed, or opens no project here (RFC 6750 3.1).
    Invalid,
    /// The issuer's keys cannot be had, so that it cannot be checked now.
    Unchecked {
        /// Seconds until it is worth another try.
        retry_after: u64,
    },
}

impl Token {
    pub(super) fn sentence(self) -> Sentence {
        let (blame, status, reason, title, remedy) = match self {
            Self::Invalid => (
                Blame::Right,
                StatusCode::UNAUTHORIZED,
                DENIED,
                "the token is not valid here",
                "Get a new one from the issuer; the operator finds the cause in the log.",
            ),
            Self::Unchecked { .. } => (
                Blame::Us,
                StatusCode::SERVICE_UNAVAILABLE,
                RESOURCES,
                "the token cannot be checked now",
                "Try again later; the operator finds the cause in the log.",
            ),
        };
        Sentence { blame, status, reason, title, remedy }
    }

    /// Adds the challenge; seconds after which another try is worth it.
    pub(super) fn headers(self, headers: &mut HeaderMap) -> Option<u64> {
        match self {
            Self::Invalid => {
                let challenge = "Bearer realm=\"veilgate\", error=\"invalid_token\"";
                headers.append(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
                None
            }
            Self::Unchecked { retry_after } => Some(retry_after),
        }
    }
}
