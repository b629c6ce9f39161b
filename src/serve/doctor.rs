//! Tries what a server of these settings needs, one thing after the other, and says what to do about what is not right.
//! Nothing that lasts is made or changed, and a server that runs beside it goes on undisturbed. How results are shown is
//! `cli::doctor`'s.
//!
//! | what is tried | open |
//! |---|---|
//! | settings as a whole | `settings` |
//! | data folder, its rights and its disk; files of secrets | `files` |
//! | database, master key, audit key | `database` |
//! | archive, downstream server, Stripe, the audit's sink | `servers` |
//! | clock | `clock` |
//! | bounds that the system sets to the process | `process` |

mod clock;
mod database;
mod files;
mod process;
mod servers;
mod settings;

pub(super) use settings::{LENGTHEN, NAME_IT, nowhere, short};

use crate::config::Config;
use clock::Clocks;
use serde::Serialize;
use std::time::Duration;

/// Longest time that one thing is tried.
const PATIENCE: Duration = Duration::from_secs(20);

/// How a thing was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// The server works, but somebody should look at it.
    Warning,
    /// The server does not start, or fails at requests.
    Fault,
}

impl State {
    /// For tables.
    pub fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

/// What was found of one thing. Holds no secret, and no value of a data set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How it was found.
    pub state: State,
    /// What was looked at.
    pub check: &'static str,
    /// What was seen.
    pub seen: String,
    /// What to do; empty where there is nothing to do.
    pub advice: String,
}

impl Finding {
    fn new(state: State, check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self { state, check, seen: seen.into(), advice: advice.into() }
    }

    fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self::new(State::Ok, check, seen, "")
    }

    fn warning(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(State::Warning, check, seen, advice)
    }

    /// Something is wrong.
    pub fn fault(check: &'static str, seen: impl Into<String>, advice: impl Into<String>) -> Self {
        Self::new(State::Fault, check, seen, advice)
    }
}

/// Tries all of it.
pub async fn examine(config: &Config) -> Vec<Finding> {
    let mut clocks = Clocks::default();
    let mut found = settings::examine(config);
    found.extend(files::data(config));
    found.extend(files::secrets(config));
    found.extend(database::examine(config, &mut clocks).await);
    found.push(servers::archive(config).await);
    found.extend(servers::downstream(config, &mut clocks).await);
    #[cfg(feature = "billing")]
    found.extend(servers::stripe(config, &mut clocks).await);
    found.extend(servers::sink(config));
    found.push(clocks.examine());
    found.push(process::descriptors(config));
    found.push(process::memory(config));
    found
}
