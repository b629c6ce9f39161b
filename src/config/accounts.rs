//! Settings of the accounts: where the database is, what seals it, who may have how much.

use super::sources::Sources;
use super::{secret, values};
use crate::db::Address;
use crate::db::seal::{MasterKey, unhex};
use crate::db::usage::Quotas;
use crate::layer::Rates;
use std::time::Duration;

/// Who may have how much, and how it is accounted for.
#[derive(Debug, Clone, Copy)]
pub struct Accounts {
    /// Instances a month by tier.
    pub quotas: Quotas,
    /// A checkpoint of an audit chain is kept for good at the latest after so many entries,
    pub checkpoint_entries: u64,
    /// and after this time, if there are new ones.
    pub checkpoint_time: Duration,
}

pub(super) fn database(text: &str) -> Result<Option<Address>, String> {
    match text.split_once("://") {
        _ if text.is_empty() => Ok(None),
        Some(("postgres" | "postgresql", _)) => Ok(Some(Address::Postgres(text.to_owned()))),
        _ => {
            Err("give postgres://USER:PASSWORD@HOST/NAME, or nothing for SQLite in the data folder"
                .to_owned())
        }
    }
}

pub(super) fn master_key(from: &mut Sources) -> Option<MasterKey> {
    let text = secret(from, "master_key", "master_key_file")?;
    let key = unhex(text.expose().trim()).and_then(|bytes| bytes.try_into().ok()).map(MasterKey::new);
    if key.is_none() {
        from.wrong("master_key", "the key is not 64 hexadecimal digits".to_owned());
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
    }
}
