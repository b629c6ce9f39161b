//! An object of the archive as the bytes of an instance.

use crate::archive::Archive;
use crate::db::held::Held;
use crate::origin::stored::Ranged;
use crate::origin::{Answer, ByteStream, Fault};
use bytes::Bytes;
use futures_util::stream::{StreamExt, TryStreamExt};
use std::ops::Range;

/// One object.
pub(super) struct Object {
    archive: Archive,
    name: String,
    size: u64,
}

impl Object {
    pub(super) fn of(archive: &Archive, held: &Held) -> Self {
        Self { archive: archive.clone(), name: held.object.clone(), size: held.size }
    }
}

impl Ranged for Object {
    fn size(&self) -> u64 {
        self.size
    }

    fn read(&self, range: Range<u64>) -> Answer<'_, Bytes> {
        Box::pin(async move { Ok(self.archive.read(&self.name, range).await?) })
    }

    fn stream(&self, range: Range<u64>) -> ByteStream {
        self.archive.stream(&self.name, range).map_err(Fault::from).boxed()
    }
}
