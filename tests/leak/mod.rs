//! Looking for planted values in whatever leaves the gateway: which values are looked for, in which forms, and where.
//!
//! | want | take |
//! |---|---|
//! | the values of a file that must not come out | [`marks::of_file`] |
//! | a file with a value of its own in every attribute of the dictionary | [`plant`] |
//! | the forms one value can take on its way | [`forms`] |
//! | to search bytes, whatever they are packed in | [`Search`] |

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

pub mod crawl;
pub mod forms;
pub mod marks;
pub mod plant;
pub mod unpack;

use aho_corasick::AhoCorasick;
use marks::Mark;
use std::collections::{BTreeMap, BTreeSet};

/// A search for many values in many bytes, and what came of it.
pub struct Search {
    marks: Vec<Mark>,
    automaton: AhoCorasick,
    /// The mark of each pattern of the automaton.
    owners: Vec<usize>,
    /// Bytes searched, packed ones twice.
    pub bytes: usize,
    /// Marks that were found, with the first place of each.
    pub hits: BTreeMap<usize, String>,
}

impl Search {
    /// For these marks, in every form, in upper or lower case.
    pub fn new(marks: Vec<Mark>) -> Search {
        let mut patterns = Vec::new();
        let mut owners = Vec::new();
        for (number, mark) in marks.iter().enumerate() {
            let forms: BTreeSet<Vec<u8>> = mark.forms.iter().cloned().collect();
            owners.extend(std::iter::repeat_n(number, forms.len()));
            patterns.extend(forms);
        }
        let automaton = AhoCorasick::builder().ascii_case_insensitive(true).build(&patterns).unwrap();
        Search { marks, automaton, owners, bytes: 0, hits: BTreeMap::new() }
    }

    /// Search these bytes and what is packed in them.
    pub fn look(&mut self, place: &str, bytes: &[u8]) {
        self.bytes += bytes.len();
        for found in self.automaton.find_overlapping_iter(bytes) {
            let owner = self.owners[found.pattern().as_usize()];
            self.hits.entry(owner).or_insert_with(|| place.to_owned());
        }
        for (inside, bytes) in unpack::unpacked(bytes) {
            self.look(&format!("{place}, {inside}"), &bytes);
        }
    }

    /// How many values of this kind are looked for.
    pub fn planted(&self, of: impl Fn(&Mark) -> bool) -> usize {
        self.marks.iter().filter(|mark| of(mark)).count()
    }

    /// The marks of this kind that were not found.
    pub fn lost(&self, of: impl Fn(&Mark) -> bool) -> Vec<&str> {
        let marks = self.marks.iter().enumerate();
        let lost = marks.filter(|(number, mark)| of(mark) && !self.hits.contains_key(number));
        lost.map(|(_, mark)| mark.planted.as_str()).collect()
    }

    /// The found marks of which this is true, each with where it was planted and where it was found.
    pub fn found(&self, of: impl Fn(&Mark) -> bool) -> Vec<String> {
        let hits = self.hits.iter().filter(|(number, _)| of(&self.marks[**number]));
        hits.map(|(number, place)| format!("{} in {place}", self.marks[*number].planted)).collect()
    }
}
