//! A server's database, opened beside the server, with the key that signs and verifies its chains.

use crate::cli::Failure;
use crate::cli::accounts::wrong;
use crate::cli::args::{AuditStoreArgs, StoreArgs};
use crate::cli::store::settings;
use crate::config::Config;
use crate::db::chain::{GATEWAY, Keeper};
use crate::db::{Db, Fault};
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

    /// The id of the project named, else of the first; acts that belong to none have a chain of their own.
    pub(super) async fn project(&self, args: &AuditStoreArgs) -> Result<String, Failure> {
        match args.project.as_deref() {
            Some(GATEWAY) => return Ok(GATEWAY.to_owned()),
            Some(called) => return self.chain(called).await,
            None => {}
        }
        let first = self.db.first_project().await?;
        first.ok_or_else(|| Failure::Usage("there is no project yet".to_owned()))
    }

    /// The chain of the project that is called so, else the one of this name, whose project may be lost. None is made.
    async fn chain(&self, called: &str) -> Result<String, Failure> {
        match self.db.project(called).await {
            Ok(project) => Ok(project.id),
            Err(Fault::Missing)
                if self.db.snapshot().await?.chains().await?.iter().any(|it| it == called) =>
            {
                Ok(called.to_owned())
            }
            Err(fault) => Err(wrong(called, fault)),
        }
    }
}
