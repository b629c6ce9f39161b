//! Problems of asking for pseudonyms and originals, and of a project's own pseudonyms.

use super::{Blame, MALFORMED, PROCESSING, RESOURCES};
use crate::deid::own_pseudonyms::Mistake;
use axum::http::StatusCode;

/// Why it cannot be done. Never holds a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// Too many in one request.
    TooMany {
        /// The most.
        limit: usize,
    },
    /// Originals would stand in the URL.
    InUrl,
    /// A table of own pseudonyms has these mistakes.
    Table(Vec<Mistake>),
}

impl Names {
    #[rustfmt::skip]
    pub(super) fn sentence(&self) -> (Blame, StatusCode, u16, &'static str, &'static str) {
        use StatusCode as S;
        let (status, reason, title, remedy) = match self {
            Self::TooMany { .. } => (S::BAD_REQUEST, RESOURCES, "the request names too much", "Ask in several requests."),
            Self::InUrl => (S::METHOD_NOT_ALLOWED, PROCESSING, "originals have no place in a URL", "Send them as JSON with POST: proxies keep URLs in their logs."),
            Self::Table(_) => (S::UNPROCESSABLE_ENTITY, MALFORMED, "the table of pseudonyms has mistakes", "Correct the lines that the detail names, and send the whole table again."),
        };
        (Blame::Request, status, reason, title, remedy)
    }

    pub(super) fn detail(&self) -> Option<String> {
        match self {
            Self::TooMany { limit } => Some(format!("at most {limit} names")),
            Self::InUrl => None,
            Self::Table(mistakes) => Some(told(mistakes)),
        }
    }
}

fn told(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
