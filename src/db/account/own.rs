//! What a project may have of its own: a route, a profile, a login at its own server.

use crate::deid::plan::Plan;
use crate::deid::profile::{Mistake, Profile};
use crate::secret::Secret;
use serde::{Deserialize, Serialize};

/// Where a project's instances go that are not asked back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Route {
    /// Into the embedded archive.
    #[default]
    Archive,
    /// On to a server.
    Forward,
    /// Back to the server behind the veil, restored.
    Restore,
}

impl Route {
    /// As it is stored and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Forward => "forward",
            Self::Restore => "restore",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Archive, Self::Forward, Self::Restore].into_iter().find(|route| route.word() == word)
    }
}

/// Where a project's pulled resources come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, Default)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// The embedded archive.
    #[default]
    Archive,
    /// The downstream server, which holds pseudonymized studies.
    Downstream,
    /// The downstream server, which holds identified studies: pseudonymized on their way.
    Veil,
}

impl Source {
    /// As it is stored and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Downstream => "downstream",
            Self::Veil => "veil",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Archive, Self::Downstream, Self::Veil].into_iter().find(|source| source.word() == word)
    }
}

/// What the server's settings say of places, which holds for projects that say nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Places {
    /// Where instances go.
    pub route: Route,
    /// Where pulled resources come from.
    pub source: Source,
    /// There is a downstream server.
    pub downstream: bool,
}

/// A profile that a project has for itself: the name of a preset, or the text of a profile, kept as it was given.
#[derive(Clone)]
pub struct OwnProfile {
    pub(super) text: String,
    profile: Profile,
}

impl OwnProfile {
    /// Reads it.
    ///
    /// # Errors
    /// It is no preset, and its text has these mistakes.
    pub fn parse(text: &str) -> Result<Self, Vec<Mistake>> {
        let profile = match Profile::preset(text.trim()) {
            Some(preset) => preset,
            None => Profile::parse(text)?,
        };
        Ok(Self { text: text.trim().to_owned(), profile })
    }

    /// What it decides.
    pub fn plan(&self) -> Plan {
        Plan::new(&self.profile)
    }
}

/// How the gateway names itself to a project's own server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// User name and password.
    Basic(String, Secret),
    /// Bearer token.
    Token(Secret),
}

/// As it is sealed.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SealedLogin {
    user: Option<String>,
    secret: String,
}

impl Login {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let (user, secret) = match self {
            Self::Basic(user, password) => (Some(user.clone()), password),
            Self::Token(token) => (None, token),
        };
        serde_json::to_vec(&SealedLogin { user, secret: secret.expose().to_owned() }).unwrap_or_default()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let SealedLogin { user, secret } = serde_json::from_slice(bytes).ok()?;
        let secret = Secret::new(&secret);
        Some(match user {
            Some(user) => Self::Basic(user, secret),
            None => Self::Token(secret),
        })
    }
}
