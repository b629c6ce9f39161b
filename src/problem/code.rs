//! A short, stable name for each problem, for metrics and traces. What a client hears stands in `super`.

use super::{Account, Charge, Names, Problem, Token};

/// The name, put into the answer beside the blame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code(pub &'static str);

impl Problem {
    /// The name. Never holds a value.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoKey => "no-key",
            Self::BadKey => "bad-key",
            Self::Token(token) => token.code(),
            Self::NoAdminKey => "no-admin-key",
            Self::BadAdminKey => "bad-admin-key",
            Self::NoToken => "no-token",
            Self::BadToken => "bad-token",
            Self::NoChoice => "no-choice",
            Self::BadChoice(_) => "bad-choice",
            Self::NoRight(_) => "no-right",
            Self::OnlyRestores => "only-restores",
            Self::Account(account) => account.code(),
            Self::Names(names) => names.code(),
            Self::TooOften { .. } => "too-often",
            Self::NotFound => "not-found",
            Self::NoFrame => "no-frame",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::BadUid => "bad-uid",
            Self::BadFrames => "bad-frames",
            Self::BadParameter(_) => "bad-parameter",
            Self::Query(_) => "query",
            Self::Hidden(_) => "hidden-key",
            Self::Withheld(_) => "withheld",
            Self::TooBroad(_) => "too-broad",
            Self::NoAccept => "no-accept",
            Self::Accept(_) => "not-acceptable",
            Self::MediaType { .. } => "media-type",
            Self::EmptyBody => "empty-body",
            Self::Multipart(_) => "multipart",
            Self::CutOff => "cut-off",
            Self::Metadata(_) => "metadata",
            Self::Form(_) => "form",
            Self::Archive(_) => "zip-archive",
            Self::TooManyParts { .. } => "too-many-parts",
            Self::NothingDone { .. } => "nothing-done",
            Self::Silent => "silent",
            Self::BodyTooLarge { .. } => "body-too-large",
            Self::UriTooLong { .. } => "uri-too-long",
            Self::RangeBeyond { .. } => "range",
            Self::Undecodable(_) => "undecodable",
            Self::Downstream(_) => "downstream",
            Self::Charge(charge) => charge.code(),
            Self::QuotaSpent { .. } => "quota-spent",
            Self::Overloaded => "overloaded",
            Self::Memory => "memory",
            Self::Database => "database",
            Self::Storage => "storage",
            Self::Internal(_) => "internal",
        }
    }
}

impl Account {
    fn code(&self) -> &'static str {
        match self {
            Self::Json { .. } => "json",
            Self::Exists => "exists",
            Self::Ambiguous => "ambiguous",
            Self::Ended => "ended",
            Self::Destroyed => "key-destroyed",
            Self::Member { .. } => "member",
        }
    }
}

impl Token {
    fn code(self) -> &'static str {
        match self {
            Self::Invalid => "token-invalid",
            Self::Unchecked { .. } => "token-unchecked",
        }
    }
}

impl Names {
    fn code(&self) -> &'static str {
        match self {
            Self::TooMany { .. } => "too-many-names",
            Self::InUrl => "names-in-url",
            Self::Table(_) => "pseudonym-table",
        }
    }
}

impl Charge {
    fn code(&self) -> &'static str {
        match self {
            Self::Field { .. } => "billing-field",
            Self::Forged(_) => "billing-forged",
            Self::Subscribed => "billing-subscribed",
            Self::NoPurchase => "billing-no-purchase",
            Self::Unset(_) => "billing-unset",
            Self::Setup => "billing-setup",
            Self::Unreachable => "billing-unreachable",
        }
    }
}
