//! Writes one object: small ones in one go, large ones in parts as they come. Until it
//! is finished nothing of it is to be seen.

use super::Fault;
use super::store::PART;
use bytes::Bytes;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, WriteMultipart};
use std::sync::Arc;

/// Parts of one object on their way at the same time.
const PARTS_IN_FLIGHT: usize = 2;

/// An object being written. Dropped before its end, it leaves nothing but, at worst, a
/// staged file or upload for the sweep.
pub struct Writer {
    store: Arc<dyn ObjectStore>,
    path: Path,
    held: Vec<Bytes>,
    held_len: usize,
    upload: Option<WriteMultipart>,
}

impl Writer {
    pub(super) fn new(store: Arc<dyn ObjectStore>, path: Path) -> Self {
        Self { store, path, held: Vec::new(), held_len: 0, upload: None }
    }

    /// Name of the object.
    pub fn object(&self) -> &str {
        self.path.as_ref()
    }

    /// Takes the next bytes; waits where the store is slow.
    ///
    /// # Errors
    /// The object store fails.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Fault> {
        if let Some(upload) = &mut self.upload {
            upload.wait_for_capacity(PARTS_IN_FLIGHT).await?;
            upload.put(bytes);
            return Ok(());
        }
        self.held_len += bytes.len();
        self.held.push(bytes);
        if self.held_len > PART {
            let upload = self.store.put_multipart(&self.path).await?;
            let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
            self.held.drain(..).for_each(|bytes| upload.put(bytes));
            self.upload = Some(upload);
        }
        Ok(())
    }

    /// The object is whole: once this returns it is safe under its name.
    ///
    /// # Errors
    /// The object store fails; nothing of the object is to be seen.
    pub async fn finish(mut self) -> Result<(), Fault> {
        match self.upload.take() {
            Some(upload) => upload.finish().await.map(drop)?,
            None => self.store.put(&self.path, PutPayload::from_iter(self.held)).await.map(drop)?,
        }
        Ok(())
    }

    /// The object must not come to be.
    pub async fn abort(mut self) {
        if let Some(upload) = self.upload.take() {
            let _ = upload.abort().await;
        }
    }
}
