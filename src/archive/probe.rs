//! Tries a site as a server would use it, before one does: for an operator who looks for what is wrong.

use super::store::{Site, Store, Trouble, Unusable};
use crate::db::seal::hex;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};

/// What is written.
const BODY: &[u8] = b"written by veilgate doctor, to be removed at once\n";

/// Is the site there, does it let us in, does it keep what is written? A folder exists. What is written for that is
/// removed; should we be killed in between, the next sweep of a server takes it for what no request finished.
///
/// # Errors
/// What is wrong, for the operator.
pub async fn try_out(site: &Site) -> Result<(), Unusable> {
    let store = Store::open(site)?;
    store.check().await?;
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|_| Trouble::Failed)?;
    // No folder is made for it, which would stay.
    let probe = ObjectPath::from(format!("doctor-{}", hex(&random)));
    let tried = write_and_read(store.objects.as_ref(), &probe).await;
    let removed = store.objects.delete(&probe).await;
    match tried.and_then(|same| removed.map(|()| same)) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Unusable::Unfaithful),
        Err(_) if matches!(site, Site::Folder(_)) => Err(Unusable::Folder),
        Err(error) => Err(match Trouble::from(error) {
            Trouble::Denied => Unusable::Denied,
            trouble => trouble.into(),
        }),
    }
}

/// True if what was written comes back.
async fn write_and_read(objects: &dyn ObjectStore, probe: &ObjectPath) -> object_store::Result<bool> {
    objects.put(probe, PutPayload::from_static(BODY)).await?;
    Ok(objects.get(probe).await?.bytes().await? == BODY)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[tokio::test]
    async fn a_folder_is_tried_and_nothing_stays_in_it() {
        let folder = tempfile::tempdir().unwrap();
        try_out(&Site::Folder(folder.path().to_owned())).await.unwrap();
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(try_out(&Site::Folder(file)).await, Err(Unusable::Folder));
    }
}
