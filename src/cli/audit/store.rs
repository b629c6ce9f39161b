//! A server's database, opened beside the server, with the key that signs and verifies its chains.

use crate::cli::Failure;
use crate::cli::args::{AuditStoreArgs, StoreArgs};
use crate::cli::store::settings;
use crate::config::Config;
use crate::db::Db;
use crate::db::chain::Keeper;
use crate::serve;

/// An open database.
pub(super) struct Store {
    pub(super) config: Config,
    pub(super) db: Db,
}

impl Store {
    pub(super) async fn open(args: &StoreArgs) -> Result<Self, Failure> {
        let config = settings(args)?;
        let db = serve::database_beside(&config).await?;
        Ok(Self { config, db })
    }

    /// The keeper of its chains.
    pub(super) async fn keeper(&self) -> Result<Keeper, Failure> {
        let (installation, _) = serve::unlock_beside(&self.config, &self.db).await?;
        Ok(serve::keeper(&self.config, &installation))
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
