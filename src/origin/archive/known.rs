//! What is known of stored objects without reading their pixels: their layout, the image's shape, where fragments stand.
//! Objects never change, so what was learned stays true; how much is remembered is bounded.

use crate::archive::Archive;
use crate::db::held::Held;
use crate::dicom::frames::Fragments;
use crate::dicom::image::Image;
use crate::dicom::instance::Limits;
use crate::dicom::layout::{Layout, Reader};
use crate::origin::Fault;
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The first bytes that are read of an object: enough for the head of most.
const FIRST: u64 = 16 << 10;

/// Most bytes that are remembered of all objects together.
const MOST: usize = 64 << 20;

/// One object.
pub(super) struct Known {
    /// Its name.
    pub object: String,
    /// Its size in bytes.
    pub size: u64,
    /// Where its parts stand.
    pub layout: Layout,
    /// What its head says about its pixels.
    pub image: Image,
    /// Its fragments as far as they were seen.
    pub fragments: tokio::sync::Mutex<Fragments>,
}

impl Known {
    /// Reads the head of an object, and nothing behind it but what the last read brought along.
    pub async fn read(archive: &Archive, held: &Held) -> Result<Self, Fault> {
        let mut reader = Reader::new(Limits::default());
        let mut window = FIRST;
        loop {
            let from = reader.taken();
            let to = held.size.min(from.saturating_add(window));
            let bytes = archive.read(&held.object, from..to).await?;
            window = window.saturating_mul(4);
            if let Some(layout) = reader.push(&bytes, to == held.size).map_err(|_| Fault::Damaged)? {
                let image = Image::of(&layout).map_err(|_| Fault::Damaged)?;
                let fragments = Fragments::new(layout.bulk.map_or(0, |bulk| bulk.value_at));
                let fragments = tokio::sync::Mutex::new(fragments);
                return Ok(Self { object: held.object.clone(), size: held.size, layout, image, fragments });
            }
        }
    }

    /// What stands behind the bulk value. Fragments tell where they end only when all were seen; an object that ends
    /// with their delimiter has nothing behind them.
    pub async fn tail(&self, archive: &Archive) -> Result<Bytes, Fault> {
        const DELIMITER: &[u8] = b"\xFE\xFF\xDD\xE0\0\0\0\0";
        let Some(bulk) = self.layout.bulk else { return Ok(Bytes::new()) };
        let from = match bulk.end() {
            Some(end) => end,
            None => {
                let last = archive.read(&self.object, self.size.saturating_sub(8)..self.size).await?;
                if last == DELIMITER {
                    return Ok(Bytes::new());
                }
                super::frames::end(archive, self).await?
            }
        };
        Ok(archive.read(&self.object, from..self.size.max(from)).await?)
    }

    fn weight(&self) -> usize {
        let fragments = self.fragments.try_lock().map_or(0, |fragments| fragments.weight());
        let tables = (self.image.offsets.len() + self.image.lengths.len()) * 8;
        512 + self.layout.head.len() + tables + fragments
    }
}

/// What was learned lately.
#[derive(Default)]
pub(super) struct Memory(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    known: HashMap<String, Entry>,
    uses: u64,
    /// Of all entries, as they weighed when they came.
    weight: usize,
}

struct Entry {
    known: Arc<Known>,
    used: u64,
}

impl Memory {
    /// What is known of an object, read now if it is not remembered.
    pub async fn of(&self, archive: &Archive, held: &Held) -> Result<Arc<Known>, Fault> {
        if let Some(known) = self.remembered().find(&held.object) {
            return Ok(known);
        }
        let known = Arc::new(Known::read(archive, held).await?);
        self.remembered().keep(&known, MOST);
        Ok(known)
    }

    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Remembered {
    fn find(&mut self, object: &str) -> Option<Arc<Known>> {
        self.uses += 1;
        let entry = self.known.get_mut(object)?;
        entry.used = self.uses;
        Some(Arc::clone(&entry.known))
    }

    fn keep(&mut self, known: &Arc<Known>, most: usize) {
        self.uses += 1;
        self.weight += known.weight();
        self.known.insert(known.object.clone(), Entry { known: Arc::clone(known), used: self.uses });
        if self.weight > most {
            self.forget(most / 2);
        }
    }

    /// Forgets what was used longest ago, until the rest weighs at most `most`. Fragments seen since are weighed now.
    fn forget(&mut self, most: usize) {
        let mut by_use: Vec<_> = self
            .known
            .values()
            .map(|entry| (entry.used, entry.known.weight(), entry.known.object.clone()))
            .collect();
        by_use.sort_unstable_by_key(|(used, ..)| std::cmp::Reverse(*used));
        self.weight = 0;
        for (_, weight, object) in by_use {
            if self.weight + weight > most {
                self.known.remove(&object);
            } else {
                self.weight += weight;
            }
        }
    }
}
