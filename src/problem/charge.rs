//! What goes wrong about paying, and its statuses. No word of the payment provider's stands here: it may quote what was
//! sent, and it is not for customers.

use super::{Blame, PROCESSING, Problem, RESOURCES, Sentence};
use axum::http::StatusCode;

/// Why a request about paying was not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charge {
    /// A field of the request is unusable.
    Field {
        /// Its name.
        field: &'static str,
        /// What is wrong with it; holds no value.
        why: &'static str,
    },
    /// What came as an event is not the payment provider's; why, in our own words.
    Forged(&'static str),
    /// There is a subscription already: a second one would be paid twice.
    Subscribed,
    /// Nothing was ever bought.
    NoPurchase,
    /// What is needed for it is not set; what, in our own words.
    Unset(&'static str),
    /// The payment provider does not take what the operator set.
    Setup,
    /// The payment provider does not answer.
    Unreachable,
}

impl Charge {
    #[rustfmt::skip]
    pub(super) fn sentence(&self) -> Sentence {
        use Blame::{Request, Us};
        use StatusCode as S;
        let (blame, status, reason, title, remedy) = match self {
            Self::Field { .. } => (Request, S::UNPROCESSABLE_ENTITY, PROCESSING, "a field of the request cannot be used", "Mend the field."),
            Self::Forged(_) => (Request, S::BAD_REQUEST, PROCESSING, "this is no event of the payment provider's", "Check the signing secret and the clocks of both sides."),
            Self::Subscribed => (Request, S::CONFLICT, PROCESSING, "there is a subscription already", "Change or cancel it in the portal: POST /v1/billing/portal-session."),
            Self::NoPurchase => (Request, S::CONFLICT, PROCESSING, "nothing was bought yet", "Buy a plan first: POST /v1/billing/checkout-session."),
            Self::Unset(_) => (Us, S::SERVICE_UNAVAILABLE, RESOURCES, "billing is not set up", "The operator has to set it up."),
            Self::Setup => (Us, S::SERVICE_UNAVAILABLE, RESOURCES, "the payment provider does not take how billing is set up", "The operator finds the cause in the log."),
            Self::Unreachable => (Us, S::SERVICE_UNAVAILABLE, RESOURCES, "the payment provider does not answer", "Try again later."),
        };
        Sentence { blame, status, reason, title, remedy }
    }

    /// Clients of the vault show this text alone.
    pub(super) fn detail(&self) -> String {
        match self {
            Self::Field { field, why } => format!("{field} {why}"),
            Self::Forged(why) | Self::Unset(why) => (*why).to_owned(),
            _ => {
                let Sentence { title, remedy, .. } = self.sentence();
                format!("{title}. {remedy}")
            }
        }
    }
}

impl From<Charge> for Problem {
    fn from(charge: Charge) -> Self {
        Self::Charge(charge)
    }
}

#[cfg(feature = "billing")]
impl From<crate::billing::Fault> for Problem {
    fn from(fault: crate::billing::Fault) -> Self {
        use crate::billing::{Blame, Fault};
        match fault {
            Fault::Request { field, why } => return Charge::Field { field, why }.into(),
            Fault::Setup(what) => return Charge::Unset(what).into(),
            _ => {}
        }
        tracing::error!(%fault, "a call to the payment provider failed");
        match fault.blame() {
            Blame::Stripe => Charge::Unreachable.into(),
            Blame::Operator | Blame::Request => Charge::Setup.into(),
        }
    }
}

#[cfg(feature = "billing")]
impl From<crate::billing::Forged> for Problem {
    fn from(forged: crate::billing::Forged) -> Self {
        use crate::billing::{Forged, Webhook};
        let charge = match forged {
            Forged::TooLarge => return Self::BodyTooLarge { limit: Webhook::BODY_LIMIT as u64 },
            Forged::NoSecret => Charge::Unset("no webhook secret is set"),
            Forged::Malformed => Charge::Forged("the signature is missing or malformed"),
            Forged::Mismatch => Charge::Forged("the signature does not match"),
            Forged::Untimely => Charge::Forged("the signature's time is too far from now"),
        };
        charge.into()
    }
}
