//! Customers, their projects and API keys: what they have in common, and who acts on them. Each has its file. What a
//! caller may do is decided in `layer`.

mod claimed;
mod customer;
mod destroy;
mod environment;
mod founding;
mod key;
mod own;
mod project;
mod rights;
mod rotation;
mod used;

pub use claimed::Claimed;
pub use customer::{Customer, CustomerWish, Quota};
pub(super) use destroy::secret;
pub use environment::EnvironmentKey;
pub use founding::Installation;
pub use key::{ApiKey, FreshKey, KeyOwner, KeyWish, is_ahead, moment};
pub use own::{Login, OwnProfile, Places, Route, Source};
pub(super) use project::touch;
pub use project::{Project, ProjectSettings, ProjectWish};
pub use rights::{Right, Rights};
pub(super) use used::{Marks, mark_used};

use super::chain::{self, Keeper};
use super::seal::{MasterKey, hex};
use super::{Fault, Write};
use crate::audit::action::{Action, Outcome};
use crate::audit::event::{By, Event};
use crate::audit::value::{Id, Time};
use serde::{Serialize, Serializer};
use sqlx::{Any, Executor};
use std::borrow::Cow;

/// What a customer pays for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Tier {
    /// Nothing.
    Free,
    /// By the month or the year.
    Pro,
    /// By contract.
    Enterprise,
}

impl Tier {
    /// As it is stored and told.
    pub fn word(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Pro => "pro",
            Self::Enterprise => "enterprise",
        }
    }

    /// From its word.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Free, Self::Pro, Self::Enterprise].into_iter().find(|tier| tier.word() == word)
    }

    /// The higher of what the operator gave and what is paid for at `now`, in milliseconds since 1970 UTC. A damaged
    /// word is the lowest.
    pub(super) fn effective(given: &str, paid: Option<&str>, until: Option<i64>, now: i64) -> Self {
        let paid = paid.filter(|_| until.is_none_or(|until| until > now)).and_then(Self::parse);
        Self::parse(given).unwrap_or(Self::Free).max(paid.unwrap_or(Self::Free))
    }
}

impl Serialize for Tier {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

/// Who makes administrative acts, and under which key the chains tell of them.
#[derive(Clone)]
pub struct Hand {
    keeper: Keeper,
    actor: Cow<'static, str>,
    request: Option<Id>,
}

impl Hand {
    /// Whoever holds the command line.
    pub fn operator(keeper: Keeper) -> Self {
        Self { keeper, actor: "operator".into(), request: None }
    }

    /// The gateway itself, at its start.
    pub fn system(keeper: Keeper) -> Self {
        Self { keeper, actor: "system".into(), request: None }
    }

    /// Whoever holds the admin key, in the request of this name.
    pub fn admin(keeper: Keeper, request: &str) -> Self {
        Self { keeper, actor: "admin".into(), request: Id::new(request).ok() }
    }

    /// Whoever calls under this name: of an API key, or of a token's subject.
    pub fn caller(keeper: Keeper, key: &str) -> Self {
        Self { keeper, actor: key.to_owned().into(), request: None }
    }

    /// Locks the end of a chain. An act does this before anything else: so does the writer, and two that lock in the same
    /// order never wait for each other.
    pub(super) async fn lock(&self, transaction: &mut Write, chain: &str) -> Result<(), Fault> {
        chain::lock(transaction, &self.keeper, chain).await.map(drop)
    }

    /// Writes an act into a chain, in the transaction of the act itself.
    pub(super) async fn record(
        &self,
        transaction: &mut Write,
        chain: &str,
        action: Action,
        subject: &str,
        reason: Option<&'static str>,
    ) -> Result<(), Fault> {
        let named = |name: &str| Id::new(name).map_err(|_| Fault::Name);
        let by = By { actor: named(&self.actor)?, request: self.request.clone(), action };
        let event = Event::act(&by, Outcome::Done, Some(named(subject)?));
        let event = reason.map_or_else(|| event.clone(), |reason| event.clone().because(reason));
        chain::record(transaction, &self.keeper, chain, event).await.map(drop)
    }
}

/// Bytes of randomness in the names of entries.
const ID_BYTES: usize = 16;

/// Checks under a lock that `master` is the key that seals at present: what is sealed under another would be lost with
/// it. Held until the transaction ends, so that no rotation comes in between.
async fn may_seal(transaction: &mut Write, master: &MasterKey) -> Result<(), Fault> {
    let check: String = sqlx::query_scalar("UPDATE installation SET one = one RETURNING sealed_check")
        .fetch_one(&mut **transaction)
        .await?;
    master.open(founding::CHECK, &check).map(drop)
}

/// The id of the one entry that `statement` finds (its only parameter is what it was called).
async fn only<'a>(
    executor: impl Executor<'a, Database = Any>,
    statement: &'static str,
    called: &str,
) -> Result<String, Fault> {
    let found: Vec<String> =
        sqlx::query_scalar(statement).bind(called.to_owned()).fetch_all(executor).await?;
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(id), None) => Ok(id),
        (None, _) => Err(Fault::Missing),
        _ => Err(Fault::Ambiguous),
    }
}

/// A name that an operator gives: what the audit admits, and never to be taken for an id.
fn name(text: &str) -> Result<Id, Fault> {
    let like_an_id = text.len() == 2 * ID_BYTES && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    Id::new(text).ok().filter(|_| !like_an_id).ok_or(Fault::Name)
}

fn time(millis: i64) -> Result<Time, Fault> {
    Time::from_unix_millis(millis).map_err(|_| Fault::Failing("a stored time is damaged"))
}

/// A random name of an entry.
fn id() -> Result<String, Fault> {
    random::<ID_BYTES>().map(|bytes| hex(&bytes))
}

fn random<const BYTES: usize>() -> Result<[u8; BYTES], Fault> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes).map_err(|_| Fault::Failing("the system gives no random bytes"))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests;
