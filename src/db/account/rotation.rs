//! Another master key: everything that is sealed is wrapped anew in one transaction. What is sealed stands in one list.

use super::founding::{AUDIT_KEY, CHECK};
use super::project::login_owner;
use super::{Hand, may_seal};
use crate::audit::action::Action;
use crate::db::seal::MasterKey;
use crate::db::{Db, Fault, Write, chain};
use sqlx::Row;

/// A column of sealed texts.
struct Sealed {
    /// The id of each row, and what is sealed there.
    read: &'static str,
    /// Puts a text (2) into the row of an id (1).
    write: &'static str,
    /// What a seal there is bound to, by the row's id.
    owner: fn(&str) -> String,
}

/// Everything that is sealed under the master key.
const SEALED: [Sealed; 4] = [
    Sealed {
        read: "SELECT id, sealed_check FROM installation",
        write: "UPDATE installation SET sealed_check = $2 WHERE id = $1",
        owner: |_| CHECK.to_owned(),
    },
    Sealed {
        read: "SELECT id, sealed_audit_key FROM installation",
        write: "UPDATE installation SET sealed_audit_key = $2 WHERE id = $1",
        owner: |_| AUDIT_KEY.to_owned(),
    },
    Sealed {
        // One that was destroyed is empty.
        read: "SELECT id, sealed_secret FROM project WHERE sealed_secret <> ''",
        write: "UPDATE project SET sealed_secret = $2 WHERE id = $1",
        owner: str::to_owned,
    },
    Sealed {
        read: "SELECT id, sealed_downstream FROM project WHERE sealed_downstream IS NOT NULL",
        write: "UPDATE project SET sealed_downstream = $2 WHERE id = $1",
        owner: login_owner,
    },
];

impl Db {
    /// True if `master` is the key that seals at present.
    ///
    /// # Errors
    /// The database fails, or is new.
    pub async fn is_sealed_under(&self, master: &MasterKey) -> Result<bool, Fault> {
        let check: String =
            sqlx::query_scalar("SELECT sealed_check FROM installation").fetch_one(&self.readers).await?;
        Ok(master.open(CHECK, &check).is_ok())
    }

    /// Seals under `new` all that is sealed under `old`; how many secrets that were. All or none.
    ///
    /// # Errors
    /// Something does not open under `old`, or the database fails.
    pub async fn rotate_master_key(&self, by: &Hand, old: &MasterKey, new: &MasterKey) -> Result<u64, Fault> {
        let mut transaction = self.write().await?;
        by.lock(&mut transaction, chain::GATEWAY).await?;
        // Locks the installation: nothing is sealed under the old key meanwhile.
        may_seal(&mut transaction, old).await?;
        let mut done = 0;
        for sealed in &SEALED {
            done += rewrap(&mut transaction, sealed, old, new).await?;
        }
        by.record(&mut transaction, chain::GATEWAY, Action::RotateMasterKey, "master-key", None).await?;
        transaction.commit().await?;
        Ok(done)
    }
}

async fn rewrap(
    transaction: &mut Write,
    sealed: &Sealed,
    old: &MasterKey,
    new: &MasterKey,
) -> Result<u64, Fault> {
    let rows = sqlx::query(sealed.read).fetch_all(&mut **transaction).await?;
    for row in &rows {
        let (id, text): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let owner = (sealed.owner)(&id);
        let anew = new.seal(&owner, &old.open_bytes(&owner, &text)?)?;
        sqlx::query(sealed.write).bind(id).bind(anew).execute(&mut **transaction).await?;
    }
    Ok(rows.len() as u64)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn no_sealed_column_of_the_schema_is_left_out() {
        let schema = crate::db::MIGRATIONS.concat();
        let words = schema.split(|it: char| !it.is_ascii_alphanumeric() && it != '_');
        let columns: std::collections::BTreeSet<&str> =
            words.filter(|word| word.starts_with("sealed_")).collect();
        assert_eq!(columns.len(), SEALED.len());
        for column in columns {
            assert!(
                SEALED.iter().any(|it| it.read.contains(column) && it.write.contains(column)),
                "{column}"
            );
        }
    }
}
