//! SHA-256 of an instance while it is received: computed beside the request's task, as a
//! hash costs as much as everything else that is done with a byte.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use tokio::task::{JoinHandle, spawn_blocking};

/// Bytes that are handed over at once; less is hashed in place.
const BLOCK: usize = 256 << 10;

/// A digest under way. Holds two blocks at most: one in work, one gathered.
#[derive(Default)]
pub(super) struct Sha {
    state: Sha256,
    /// The block in work, which has the state meanwhile.
    work: Option<JoinHandle<Sha256>>,
    gathered: Vec<Bytes>,
    len: usize,
    /// A block was lost, and the digest with it.
    lost: bool,
}

impl Sha {
    /// Takes the next bytes; waits while the block before them is in work.
    pub(super) async fn push(&mut self, bytes: Bytes) {
        self.len += bytes.len();
        self.gathered.push(bytes);
        if self.len >= BLOCK {
            self.arrive().await;
            let (state, block) = (std::mem::take(&mut self.state), std::mem::take(&mut self.gathered));
            self.len = 0;
            self.work = Some(spawn_blocking(move || updated(state, &block)));
        }
    }

    /// The digest of all bytes; `None` if the system failed to compute it.
    pub(super) async fn finish(mut self) -> Option<[u8; 32]> {
        self.arrive().await;
        let state = updated(self.state, &self.gathered);
        (!self.lost).then(|| state.finalize().into())
    }

    async fn arrive(&mut self) {
        let Some(work) = self.work.take() else { return };
        match work.await {
            Ok(state) => self.state = state,
            Err(_) => self.lost = true,
        }
    }
}

fn updated(mut state: Sha256, block: &[Bytes]) -> Sha256 {
    block.iter().for_each(|bytes| state.update(bytes));
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn any_cutting_gives_the_digest_of_the_whole() {
        let data: Vec<u8> = (0..=250).cycle().take(3 * BLOCK + 11).collect();
        let whole: [u8; 32] = Sha256::digest(&data).into();
        for step in [1000, BLOCK - 1, BLOCK, 2 * BLOCK, data.len()] {
            let mut sha = Sha::default();
            for chunk in data.chunks(step) {
                sha.push(Bytes::copy_from_slice(chunk)).await;
            }
            assert_eq!(sha.finish().await, Some(whole), "{step}");
        }
        let empty: [u8; 32] = Sha256::digest([]).into();
        assert_eq!(Sha::default().finish().await, Some(empty));
    }
}
