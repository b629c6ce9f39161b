//! Things that are remembered under a name as long as they are used, bounded by what they weigh together.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Something that takes room.
pub(super) trait Weighed {
    /// How much, in bytes, as it is now.
    fn weight(&self) -> u64;
}

/// What was used lately. What is handed out stays whole when it is forgotten here.
pub(super) struct Recent<V> {
    most: u64,
    held: Mutex<Held<V>>,
}

struct Held<V> {
    entries: HashMap<String, Entry<V>>,
    uses: u64,
    /// Of all entries, as they weighed when they came.
    weight: u64,
}

struct Entry<V> {
    value: V,
    used: u64,
    weight: u64,
}

impl<V: Weighed + Clone> Recent<V> {
    /// Remembers what weighs `most` bytes together at the most.
    pub(super) fn new(most: u64) -> Self {
        Self { most, held: Mutex::new(Held { entries: HashMap::new(), uses: 0, weight: 0 }) }
    }

    /// What is remembered under this name.
    pub(super) fn find(&self, name: &str) -> Option<V> {
        let mut held = self.held();
        held.uses += 1;
        let uses = held.uses;
        let entry = held.entries.get_mut(name)?;
        entry.used = uses;
        Some(entry.value.clone())
    }

    /// What is remembered under this name and still `good`; else what `make` gives, remembered from now on.
    pub(super) fn find_or(&self, name: &str, good: impl Fn(&V) -> bool, make: impl FnOnce() -> V) -> V {
        let mut held = self.held();
        held.uses += 1;
        let uses = held.uses;
        if let Some(entry) = held.entries.get_mut(name).filter(|entry| good(&entry.value)) {
            entry.used = uses;
            return entry.value.clone();
        }
        let value = make();
        held.put(name, value.clone(), self.most);
        value
    }

    /// Remembers it, in place of what was there under this name.
    pub(super) fn keep(&self, name: &str, value: V) {
        self.held().put(name, value, self.most);
    }

    fn held(&self) -> MutexGuard<'_, Held<V>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<V: Weighed> Held<V> {
    fn put(&mut self, name: &str, value: V, most: u64) {
        self.uses += 1;
        let weight = value.weight();
        let entry = Entry { value, used: self.uses, weight };
        let before = self.entries.insert(name.to_owned(), entry).map_or(0, |before| before.weight);
        self.weight = self.weight.saturating_sub(before) + weight;
        if self.weight > most {
            self.forget(most);
        }
    }

    /// Forgets what was used longest ago, until the rest weighs at most half of `most` or is the last alone. What grew
    /// is weighed anew.
    fn forget(&mut self, most: u64) {
        let entries = self.entries.iter();
        let mut by_use: Vec<_> =
            entries.map(|(name, entry)| (entry.used, entry.value.weight(), name.clone())).collect();
        by_use.sort_unstable_by_key(|(used, ..)| std::cmp::Reverse(*used));
        self.weight = 0;
        for (_, weight, name) in by_use {
            let most = if self.weight == 0 { most } else { most / 2 };
            if self.weight + weight > most {
                self.entries.remove(&name);
            } else {
                self.weight += weight;
                self.entries.get_mut(&name).into_iter().for_each(|entry| entry.weight = weight);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Weighed for u64 {
        fn weight(&self) -> u64 {
            *self
        }
    }

    #[test]
    fn what_was_used_longest_ago_goes_first_and_what_is_too_large_never_stays() {
        let recent = Recent::new(10);
        let found = |names: [&str; 4]| names.map(|name| recent.find(name).is_some());
        for (name, weight) in [("a", 4), ("b", 4), ("b", 1), ("c", 1)] {
            recent.keep(name, weight);
        }
        assert_eq!(found(["c", "b", "a", "d"]), [true, true, true, false], "what is replaced weighs once");
        recent.keep("d", 5);
        assert_eq!(found(["a", "b", "c", "d"]), [false, false, false, true]);
        recent.keep("e", 10);
        assert_eq!(found(["a", "d", "e", "e"]), [false, false, true, true]);
        recent.keep("f", 11);
        assert_eq!(found(["d", "e", "f", "f"]), [false, true, false, false]);
    }
}
