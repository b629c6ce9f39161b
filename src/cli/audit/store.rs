//! A server's database, opened beside the server, with the key that signs and verifies its chains.

use crate::cli::args::{AuditStoreArgs, StoreArgs};
use crate::cli::{Failure, serve as settings};
use crate::config::Config;
use crate::db::chain::Keeper;
use crate::db::{Db, Fault};
use crate::serve;
use tokio::runtime::Runtime;

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Machine(fault.to_string())
    }
}

impl From<serve::Failure> for Failure {
    fn from(failure: serve::Failure) -> Self {
        Self::Machine(failure.to_string())
    }
}

/// An open database.
pub(super) struct Store {
    pub(super) config: Config,
    pub(super) db: Db,
}

impl Store {
    pub(super) async fn open(args: &StoreArgs) -> Result<Self, Failure> {
        let config = settings::settings(args)?;
        let db = serve::database_beside(&config).await?;
        Ok(Self { config, db })
    }

    /// The keeper of its chains.
    pub(super) async fn keeper(&self) -> Result<Keeper, Failure> {
        let installation = self.db.installation(&serve::master_key_beside(&self.config)?).await?;
        let accounts = &self.config.accounts;
        Ok(Keeper::new(installation.audit_key(), accounts.checkpoint_entries, accounts.checkpoint_time))
    }

    /// The project named, else the first.
    pub(super) async fn project(&self, args: &AuditStoreArgs) -> Result<String, Failure> {
        if let Some(project) = super::project(args.project.as_deref())? {
            return Ok(project.as_str().to_owned());
        }
        let first = self.db.first_project().await?;
        first.ok_or_else(|| Failure::Usage("there is no project yet".to_owned()))
    }
}

/// Runs a command's work to its end.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime: Runtime = runtime.map_err(|_| Failure::Machine("the system gives no threads".to_owned()))?;
    runtime.block_on(work)
}
