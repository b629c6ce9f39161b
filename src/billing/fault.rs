//! What can go wrong between us and Stripe, and whose fault it is. Stripe's own error text stays out: it may quote what
//! was sent, and it is not for customers.

use stripe::{ApiErrorsCode, StripeError};

/// Who has to act on a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// The request to us: the customer can mend it (400 or 422).
    Request,
    /// Keys, prices or account settings: the operator must mend it (503 to the customer).
    Operator,
    /// Stripe or the way to it: trying again later helps (503 with Retry-After).
    Stripe,
}

/// Why a call to Stripe came to nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A field of the request to us is unusable; never sent.
    #[error("{field}: {why}")]
    Request {
        /// Name of the field in the API.
        field: &'static str,
        /// What is wrong with it; holds no value.
        why: &'static str,
    },
    /// Settings are missing or unusable; never sent.
    #[error("billing is not set up: {0}")]
    Setup(&'static str),
    /// Stripe does not take our key (401, 403).
    #[error("the payment provider does not accept the API key (status {0})")]
    Key(u16),
    /// Stripe understood and refused: a price, customer or account setting that is not as expected (other 4xx).
    #[error("the payment provider refused the request (status {status}, code {code}, parameter {param})")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stripe's machine-readable code, `-` for none.
        code: String,
        /// The parameter it names, `-` for none.
        param: String,
    },
    /// Stripe asks for patience; nothing was done (409, 424, 429).
    #[error("the payment provider is busy (status {0})")]
    Busy(u16),
    /// No connection could be made; nothing was sent.
    #[error("the payment provider cannot be reached")]
    Unreachable,
    /// Stripe failed (5xx); whether it was done is unknown.
    #[error("the payment provider failed (status {0})")]
    Down(u16),
    /// Sent, but no answer that could be understood came in time; whether it was done is unknown.
    #[error("no usable answer came from the payment provider")]
    NoAnswer,
}

impl Fault {
    /// Who has to act.
    pub fn blame(&self) -> Blame {
        match self {
            Self::Request { .. } => Blame::Request,
            Self::Setup(_) | Self::Key(_) | Self::Refused { .. } => Blame::Operator,
            Self::Busy(_) | Self::Unreachable | Self::Down(_) | Self::NoAnswer => Blame::Stripe,
        }
    }

    /// Whether Stripe may have carried the call out all the same.
    pub fn may_be_done(&self) -> bool {
        matches!(self, Self::Down(_) | Self::NoAnswer)
    }

    /// Reduce the client's error to kind, status and machine-readable code.
    pub(super) fn from_client(error: &StripeError) -> Self {
        match error {
            StripeError::Stripe(said, status) => {
                let code = said.code.as_ref().map(ApiErrorsCode::as_str);
                Self::from_status(*status, code, said.param.as_deref())
            }
            // The client reports every failure of the wire as text; only this one says that nothing was sent. Another
            // wording would fall to the careful side.
            StripeError::ClientError(text) if text.contains("(Connect)") => Self::Unreachable,
            StripeError::ClientError(_) | StripeError::JSONDeserialize(_) | StripeError::Timeout => {
                Self::NoAnswer
            }
            StripeError::ConfigError(_) => Self::Setup("the client's configuration is unusable"),
        }
    }

    fn from_status(status: u16, code: Option<&str>, param: Option<&str>) -> Self {
        match status {
            401 | 403 => Self::Key(status),
            409 | 424 | 429 => Self::Busy(status),
            400..=499 => Self::Refused { status, code: token(code), param: token(param) },
            _ => Self::Down(status),
        }
    }
}

/// A machine-readable word of Stripe's, or `-`: anything that could be a sentence is not passed on.
fn token(word: Option<&str>) -> String {
    let plain = |it: char| it.is_ascii_alphanumeric() || "_[].".contains(it);
    match word {
        Some(word) if !word.is_empty() && word.len() <= 80 && word.chars().all(plain) => word.to_owned(),
        _ => "-".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::expect_used, clippy::panic)]
    use super::*;

    #[test]
    fn statuses_tell_who_must_act_and_whether_it_may_be_done() {
        let told = |status| {
            let fault = Fault::from_status(status, None, None);
            (fault.blame(), fault.may_be_done())
        };
        assert_eq!(told(401), (Blame::Operator, false));
        assert_eq!(told(404), (Blame::Operator, false));
        assert_eq!(told(429), (Blame::Stripe, false));
        assert_eq!(told(500), (Blame::Stripe, true));
        assert_eq!(told(302), (Blame::Stripe, true));
    }

    #[test]
    fn nothing_that_could_be_a_sentence_gets_out() {
        let fault = Fault::from_status(400, Some("resource_missing"), Some("line_items[0][price]"));
        assert!(fault.to_string().contains("resource_missing, parameter line_items[0][price]"));
        let chatty = Fault::from_status(400, Some("No such customer: a@b.example"), Some(""));
        assert!(chatty.to_string().ends_with("code -, parameter -)"), "{chatty}");
        let said = StripeError::ClientError("error for https://a@b.example".into());
        assert_eq!(Fault::from_client(&said), Fault::NoAnswer);
    }

    #[test]
    fn only_a_failed_connection_is_taken_for_not_sent() {
        let refused = StripeError::ClientError("client error (Connect)".into());
        assert!(!Fault::from_client(&refused).may_be_done());
        let broken = StripeError::ClientError("client error (SendRequest)".into());
        assert!(Fault::from_client(&broken).may_be_done());
        assert!(Fault::from_client(&StripeError::Timeout).may_be_done());
    }
}
