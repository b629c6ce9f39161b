//! Problems of what an admin asks of customers, projects and keys.

use super::{Blame, PROCESSING, Problem};
use crate::db::Fault;
use axum::http::StatusCode;

/// Why it cannot be done. Never holds a secret that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Account {
    /// The body is not the JSON that is asked for; where it ceases to be.
    Json {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// There is one of that name.
    Exists,
    /// Several are called so.
    Ambiguous,
    /// The key is not valid any more.
    Ended,
    /// The project's key was destroyed.
    Destroyed,
    /// A member's value cannot be used.
    Member {
        /// The member.
        name: &'static str,
        /// What is wrong.
        why: String,
    },
}

impl Account {
    /// A member's value cannot be used.
    pub fn member(name: &'static str, why: impl ToString) -> Problem {
        Problem::Account(Self::Member { name, why: why.to_string() })
    }

    #[rustfmt::skip]
    pub(super) fn sentence(&self) -> (Blame, StatusCode, u16, &'static str, &'static str) {
        use StatusCode as S;
        let (status, title, remedy) = match self {
            Self::Json { .. } => (S::BAD_REQUEST, "the body is not the JSON that is asked for", "Check names and types of its members; unknown ones are refused."),
            Self::Exists => (S::CONFLICT, "there is one of that name", "Choose another name."),
            Self::Ambiguous => (S::CONFLICT, "several are called so", "Name it by its id."),
            Self::Ended => (S::CONFLICT, "the key was revoked or has expired", "Make a new one."),
            Self::Destroyed => (S::FORBIDDEN, "the project's key was destroyed", "Its pseudonyms are final; use a key of another project."),
            Self::Member { .. } => (S::UNPROCESSABLE_ENTITY, "the value of a member cannot be used", "Correct it as the detail says."),
        };
        (Blame::Request, status, PROCESSING, title, remedy)
    }

    pub(super) fn detail(&self) -> Option<String> {
        match self {
            Self::Json { line, column } => Some(format!("line {line}, column {column}")),
            Self::Member { name, why } => Some(format!("{name}: {why}")),
            _ => None,
        }
    }
}

impl Problem {
    /// Of an operation on accounts, where other faults than outages are the request's.
    pub fn of_account(fault: Fault) -> Self {
        match fault {
            Fault::Missing => Self::NotFound,
            Fault::Exists => Self::Account(Account::Exists),
            Fault::Ambiguous => Self::Account(Account::Ambiguous),
            Fault::Ended => Self::Account(Account::Ended),
            Fault::Destroyed => Self::Account(Account::Destroyed),
            Fault::Name => Account::member("name", fault),
            Fault::NoDownstream | Fault::BehindVeil | Fault::NoVeil => Account::member("destination", fault),
            fault => fault.into(),
        }
    }
}
