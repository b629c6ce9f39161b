//! `veilgate project erase`. What goes is decided in `db::erase`; the objects are the archive's.

use super::{at_desk, show, value, wrong};
use crate::archive::{Archive, Site};
use crate::cli::args::AccountArgs;
use crate::cli::{Exit, Failure, stdio};
use crate::db::erase::Whom;
use crate::serve;

/// Erases whom was named twice: nothing brings it back.
///
/// # Errors
/// Nobody is known so, the arguments are wrong, or database or archive fail.
pub(super) fn run(
    project: &str,
    whom: Whom<'_>,
    confirm: &str,
    common: &AccountArgs,
) -> Result<Exit, Failure> {
    let (Whom::Patient(named) | Whom::Study(named)) = whom;
    if named.is_empty() || confirm != named {
        return Err(Failure::Usage(
            "--confirm must repeat the pseudonym as it is named; nothing was erased".to_owned(),
        ));
    }
    let (erased, left) = at_desk(&common.store, async |desk| {
        // Before anything is erased: an archive that cannot be used is a mistake in the settings.
        let archive =
            Archive::open(&desk.config.archive, desk.db.clone()).map_err(serve::Failure::Archive)?;
        let found = desk.db.project(project).await.map_err(|fault| wrong(project, fault))?;
        let erased = desk.db.erase(&desk.hand, &desk.master, &found.id, whom).await;
        let erased = erased.map_err(|fault| wrong(named, fault))?;
        let left = archive.remove(erased.objects.iter().map(String::as_str)).await;
        if desk.config.archive == Site::Memory && !erased.objects.is_empty() {
            stdio::say("the archive is in the memory of the gateway: the bytes go when that ends");
        }
        Ok((erased, left))
    })?;
    let done = show(common, &value(&erased))?;
    match left {
        0 => Ok(done),
        left => Err(Failure::Machine(format!(
            "{left} objects could not be removed; no catalog names them, and a gateway sweeps them"
        ))),
    }
}
