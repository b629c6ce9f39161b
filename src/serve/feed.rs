//! What the second sink of the audit is fed with: the entries in the database, from its cursor there.

use crate::audit::chain::Sealed;
use crate::audit::value::Id;
use crate::db::{Db, Fault};
use crate::sink::Source;

/// The database as a source of entries.
pub(super) struct Feed(pub(super) Db);

impl Source for Feed {
    type Fault = Fault;

    async fn next(&self, most: usize) -> Result<Vec<Sealed>, Fault> {
        self.0.unsent_entries(most as u64).await
    }

    async fn sent(&self, last: &[(Id, u64)]) -> Result<(), Fault> {
        self.0.sent_entries(last).await
    }
}
