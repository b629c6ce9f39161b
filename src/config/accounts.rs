//! Settings of the accounts: where the database is, what seals it, who may have how much.

use super::sources::Sources;
use super::{secret, values};
use crate::audit::value::Id;
use crate::db::Address;
use crate::db::account::{EnvironmentKey, FreshKey};
use crate::db::seal::{MasterKey, unhex};
use crate::db::usage::Quotas;
use crate::layer::Rates;
use crate::secret::Secret;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// Fewest characters of an admin key, and of a token for metrics. API keys may have less, for the vault's sake.
const ADMIN_KEY: usize = 16;

/// Who may have how much, and how it is accounted for.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// Instances a month by tier.
    pub quotas: Quotas,
    /// A checkpoint of an audit chain is kept for good at the latest after so many entries,
    pub checkpoint_entries: u64,
    /// and after this time, if there are new ones.
    pub checkpoint_time: Duration,
    /// Names of what is pushed are entered in the crosswalk, too.
    pub keeps_pushed: bool,
    /// Most rows of a project's crosswalk.
    pub crosswalk_rows: u64,
    /// API keys that stand in the settings.
    pub keys: Vec<EnvironmentKey>,
    /// Key of the admin API; `None`: there is none.
    pub admin_key: Option<Secret>,
    /// Token that opens the metrics, too.
    pub metrics_token: Option<Secret>,
}

impl Accounts {
    /// Customers with a key in the settings that is shorter than an admin key must be, each once: somebody may guess it.
    pub fn short_keys(&self) -> BTreeSet<&str> {
        let short = self.keys.iter().filter(|it| it.key.text.expose().len() < ADMIN_KEY);
        short.map(|it| it.customer.as_str()).collect()
    }
}

/// A URL as SQLAlchemy takes it too, whose driver (`postgresql+driver://`) says nothing here.
pub(super) fn database(text: &str) -> Result<Option<Address>, String> {
    let wrong = || {
        "give postgres://USER:PASSWORD@HOST/NAME, sqlite:///FILE, or nothing for SQLite in the data folder"
            .to_owned()
    };
    if text.is_empty() {
        return Ok(None);
    }
    let (scheme, rest) = text.split_once("://").ok_or_else(wrong)?;
    match (scheme.split('+').next().unwrap_or_default(), rest.strip_prefix('/')) {
        ("postgres" | "postgresql", _) => Ok(Some(Address::Postgres(format!("postgres://{rest}")))),
        ("sqlite", Some(file)) if !file.is_empty() && !file.contains(['?', '#']) && file != ":memory:" => {
            Ok(Some(Address::File(PathBuf::from(file))))
        }
        _ => Err(wrong()),
    }
}

/// `customer:key` separated by commas; the first colon splits.
fn keys(text: &str) -> Result<Vec<EnvironmentKey>, String> {
    let pairs = text.split([',', '\n']).map(str::trim).filter(|pair| !pair.is_empty());
    let mut found: Vec<EnvironmentKey> = Vec::new();
    for pair in pairs {
        let (customer, key) = pair.split_once(':').ok_or_else(String::new)?;
        let (customer, key) = (customer.trim(), FreshKey::of(key));
        let name = Id::new(customer).ok().filter(|_| !key.text.expose().is_empty());
        let name = name.ok_or_else(String::new)?.as_str().to_owned();
        match found.iter().find(|other| other.key.sha256 == key.sha256) {
            Some(other) if other.customer != name => return Err(String::new()),
            Some(_) => {}
            None => found.push(EnvironmentKey { customer: name, key }),
        }
    }
    Ok(found)
}

fn admin_key(from: &mut Sources, direct: &str, file: &str) -> Option<Secret> {
    let key = secret(from, direct, file)?;
    if key.expose().len() < ADMIN_KEY {
        from.wrong_secret(direct, "give 16 characters or more");
        return None;
    }
    Some(key)
}

pub(super) fn master_key(from: &mut Sources) -> Option<MasterKey> {
    let text = secret(from, "master_key", "master_key_file")?;
    let key = unhex(text.expose().trim()).and_then(|bytes| bytes.try_into().ok()).map(MasterKey::new);
    if key.is_none() {
        from.wrong_secret("master_key", "give 64 hexadecimal digits");
    }
    key
}

/// Requests a minute by tier; 0 would be no key at all, so it is no bound, too.
pub(super) fn rates(from: &mut Sources) -> Rates {
    Rates {
        free: from.take("rate.free", values::bound),
        pro: from.take("rate.pro", values::bound),
        enterprise: from.take("rate.enterprise", values::bound),
    }
}

pub(super) fn accounts(from: &mut Sources) -> Accounts {
    let quotas = Quotas {
        free: from.take("quota.free", values::bound),
        pro: from.take("quota.pro", values::bound),
        enterprise: from.take("quota.enterprise", values::bound),
    };
    Accounts {
        quotas,
        checkpoint_entries: from.take("audit.checkpoint_entries", values::count) as u64,
        checkpoint_time: from.take("audit.checkpoint_time", values::time),
        keeps_pushed: from
            .take("crosswalk.keep", |text| values::one_of(text, &[("always", true), ("pull", false)])),
        crosswalk_rows: from.take("crosswalk.rows", values::count) as u64,
        keys: from.take("api_keys", keys),
        admin_key: admin_key(from, "admin_key", "admin_key_file"),
        metrics_token: admin_key(from, "metrics.token", "metrics.token_file"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::indexing_slicing)]
    use super::*;

    #[test]
    fn the_first_colon_splits_and_what_is_no_pair_is_a_mistake() {
        let pairs = |text: &str| {
            let pair = |it: EnvironmentKey| (it.customer, it.key.text.expose().to_owned());
            keys(text).map(|found| found.into_iter().map(pair).collect::<Vec<_>>())
        };
        let pair = |customer: &str, key: &str| (customer.to_owned(), key.to_owned());
        assert_eq!(pairs("a:k:1, b:k2,a:k3"), Ok(vec![pair("a", "k:1"), pair("b", "k2"), pair("a", "k3")]));
        assert_eq!(pairs("a:k,a:k,"), Ok(vec![pair("a", "k")]), "twice the same");
        for bad in ["a", "a:", ":k", "a:k,b", "a:k,b:k", "Doe^John:k"] {
            assert!(pairs(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_database_is_named_as_sqlalchemy_names_it() {
        let file = |path: &str| Ok(Some(Address::File(PathBuf::from(path))));
        assert_eq!(database("sqlite:///./vault.db"), file("./vault.db"));
        assert_eq!(database("sqlite+pysqlite:////var/vault.db"), file("/var/vault.db"));
        let postgres = Ok(Some(Address::Postgres("postgres://u:p@h/n".to_owned())));
        assert_eq!(database("postgresql+psycopg2://u:p@h/n"), postgres);
        for bad in ["vault.db", "mysql://h/n", "sqlite://", "sqlite:///:memory:", "sqlite://host/file"] {
            assert!(database(bad).is_err(), "{bad}");
        }
    }
}
