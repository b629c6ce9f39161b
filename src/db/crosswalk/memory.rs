//! The pairs that were met lately, in two generations: when the younger is full, the elder is forgotten. What is used
//! stays young.

use super::Mark;
use crate::deid::receipt::Phi;
use std::collections::HashMap;

/// Pairs in a generation: some 3 MB.
const GENERATION: usize = 16_384;

/// An original, and when its row was last seen in use, in milliseconds since 1970 UTC.
type Known = (Phi<String>, i64);

#[derive(Default)]
pub(super) struct Memory {
    young: HashMap<Mark, Known>,
    old: HashMap<Mark, Known>,
}

impl Memory {
    pub(super) fn get(&mut self, mark: &Mark) -> Option<Known> {
        if let Some(known) = self.young.get(mark) {
            return Some(known.clone());
        }
        let (original, seen) = self.old.remove(mark)?;
        self.keep(*mark, original.clone(), seen);
        Some((original, seen))
    }

    pub(super) fn keep(&mut self, mark: Mark, original: Phi<String>, seen: i64) {
        if self.young.len() >= GENERATION {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(mark, (original, seen));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn mark(number: usize) -> Mark {
        (number as u128).to_be_bytes()
    }

    #[test]
    fn it_holds_no_more_than_two_generations_and_keeps_what_is_used() {
        let mut memory = Memory::default();
        memory.keep(mark(0), Phi::new("first".to_owned()), 7);
        for number in 1..10 * GENERATION {
            memory.keep(mark(number), Phi::new(number.to_string()), 0);
            assert!(
                memory
                    .get(&mark(0))
                    .is_some_and(|(original, seen)| original.expose() == "first" && seen == 7)
            );
        }
        assert!(memory.young.len() + memory.old.len() <= 2 * GENERATION);
        assert!(memory.get(&mark(1)).is_none(), "what nobody asks for goes");
    }
}
