//! Tokens of an OpenID Connect issuer: JWTs (RFC 7519) that stand for a caller beside API keys. What comes in is believed
//! only under a signature of a key that the issuer publishes; what it then says of project and rights is read here, and
//! whether there is such a project is asked elsewhere.
//!
//! | I want to … | open |
//! |---|---|
//! | change which claims count | `claims` |
//! | change when the issuer's keys are fetched, and how long they hold | `keys` |
//! | change which algorithms are taken | `signature` |

mod claims;
mod keys;
mod signature;

pub use keys::Pace;

use crate::db::account::Rights;
use crate::downstream;
use crate::downstream::document::Documents;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Validation, decode, decode_header};
use keys::Keys;
use std::sync::Arc;
use std::time::Duration;

/// Longest token that is looked at, in bytes. Those with many claims have some KiB.
const LONGEST: usize = 16 << 10;

/// Whose tokens are taken, and how they are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The issuer's URL, letter for letter as it stands in `iss`.
    pub issuer: String,
    /// One of these must stand in `aud`.
    pub audience: Vec<String>,
    /// Claim that names the project.
    pub project_claim: String,
    /// Claim with the rights.
    pub rights_claim: String,
    /// URL of the keys; `None`: the issuer tells it (OpenID Connect Discovery 1.0, 4).
    pub jwks_url: Option<String>,
    /// PEM certificates of authorities to trust for it besides the system's.
    pub ca: Option<Vec<u8>>,
    /// How far two clocks may be apart.
    pub leeway: Duration,
    /// When keys are fetched.
    pub pace: Pace,
}

/// Whom a token stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Stable name of the subject that says nothing of it: `oidc:` and 16 hexadecimal digits of SHA-256.
    pub actor: String,
    /// The project that the token claims: an id, or `CUSTOMER/PROJECT`.
    pub project: String,
    /// What it may do beyond what every caller may.
    pub rights: Rights,
}

/// Why a token does not open anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is not to be believed; why, for the log. Never a word of it.
    Invalid(&'static str),
    /// The issuer's keys cannot be had now.
    Unchecked {
        /// Seconds after which it is worth another try.
        retry_after: u64,
    },
}

/// Checks tokens. Cheap to clone.
#[derive(Clone)]
pub struct Verifier {
    settings: Arc<Settings>,
    keys: Keys,
}

impl Verifier {
    /// A verifier of these settings. It asks the issuer for nothing before the first token comes.
    ///
    /// # Errors
    /// The certificates cannot be read, or TLS cannot be set up.
    pub fn new(settings: Settings) -> Result<Self, downstream::Unusable> {
        signature::install();
        let keys = Keys::new(&settings, Documents::new(settings.ca.as_deref())?);
        Ok(Self { settings: Arc::new(settings), keys })
    }

    /// Whom this token stands for.
    ///
    /// # Errors
    /// It is not to be believed, or that cannot be told now.
    pub async fn check(&self, token: &str) -> Result<Identity, Fault> {
        if token.len() > LONGEST {
            return Err(Fault::Invalid("too long"));
        }
        // Neither `none` nor a name of an algorithm that is not known is read at all.
        let header = decode_header(token).map_err(|_| Fault::Invalid("no JWT of a known algorithm"))?;
        if !signature::is_asymmetric(header.alg) {
            return Err(Fault::Invalid("an algorithm with a shared secret"));
        }
        let key = self.keys.find(header.kid.as_deref(), header.alg).await?;
        let mut rules = Validation::new(header.alg);
        rules.leeway = self.settings.leeway.as_secs();
        rules.validate_nbf = true;
        rules.set_issuer(&[&self.settings.issuer]);
        rules.set_audience(&self.settings.audience);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        let token = decode(token, &key, &rules).map_err(|error| Fault::Invalid(why(error.kind())))?;
        claims::identity(&token.claims, &self.settings)
    }
}

/// True if this has the form of a signed JWT (RFC 7515 7.1), which no API key that we make has.
pub fn is_token(text: &str) -> bool {
    // A header is a JSON object: these are the first letters of `{"`.
    text.starts_with("ey") && text.split('.').count() == 3
}

fn why(error: &ErrorKind) -> &'static str {
    match error {
        ErrorKind::InvalidSignature => "its signature",
        ErrorKind::ExpiredSignature => "it has expired",
        ErrorKind::ImmatureSignature => "it does not hold yet",
        ErrorKind::InvalidIssuer => "another issuer",
        ErrorKind::InvalidAudience => "for another audience",
        ErrorKind::MissingRequiredClaim(_) => "exp, iss, aud or sub is missing",
        _ => "malformed",
    }
}
