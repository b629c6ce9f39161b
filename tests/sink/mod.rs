//! Entries for the tests of the second sink, and a source that keeps them in memory.

// Each test binary compiles this module whole and uses a part of it.
#![allow(dead_code)]

use std::sync::{Arc, Mutex};
use veilgate::audit::action::Action;
use veilgate::audit::chain::{Entry, Head, Sealed};
use veilgate::audit::event::{By, Event};
use veilgate::audit::key::SigningKey;
use veilgate::audit::value::{Id, Time};
use veilgate::sink::Source;

pub fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

pub fn by(action: Action) -> By {
    By { actor: id("key-7f3a"), request: Some(id("req-0001")), action }
}

/// Chains events, a second apart.
pub fn chain(project: &str, events: impl IntoIterator<Item = Event>) -> Vec<Sealed> {
    let head = Head::genesis(&id(project), SigningKey::from_seed(&[1; 32]).public());
    let time = |at: usize| Time::from_unix_millis(1_795_000_000_000 + 1000 * at as i64).unwrap();
    head.append(events.into_iter().enumerate().map(|(at, event)| (time(at), event))).unwrap().1
}

/// So many entries of a project.
pub fn entries(project: &str, count: usize) -> Vec<Sealed> {
    let event = || Event::request(&by(Action::Store), veilgate::audit::action::Outcome::Done, 1, 0);
    chain(project, (0..count).map(|_| event()))
}

/// An entry from JSON, with the hash that it has.
pub fn sealed(json: &str) -> Sealed {
    let body = Entry::parse(json).unwrap();
    Sealed { hash: body.hash(), body }
}

/// Entries and cursors in memory.
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    entries: Vec<Sealed>,
    sent: Vec<(Id, u64)>,
    is_down: bool,
}

impl Memory {
    pub fn of(entries: Vec<Sealed>) -> Self {
        let memory = Self::default();
        memory.add(entries);
        memory
    }

    pub fn add(&self, entries: Vec<Sealed>) {
        self.0.lock().unwrap().entries.extend(entries);
    }

    pub fn fail(&self, is_down: bool) {
        self.0.lock().unwrap().is_down = is_down;
    }

    /// Number of the last entry sent of a project.
    pub fn cursor(&self, project: &str) -> u64 {
        self.0.lock().unwrap().cursor(&id(project))
    }
}

impl State {
    fn cursor(&self, project: &Id) -> u64 {
        self.sent.iter().find(|(name, _)| name == project).map_or(0, |(_, sequence)| *sequence)
    }
}

impl Source for Memory {
    type Fault = &'static str;

    async fn next(&self, most: usize) -> Result<Vec<Sealed>, &'static str> {
        let state = self.0.lock().unwrap();
        if state.is_down {
            return Err("down");
        }
        let waits = |entry: &&Sealed| entry.body.sequence > state.cursor(&entry.body.project);
        Ok(state.entries.iter().filter(waits).take(most).cloned().collect())
    }

    async fn sent(&self, last: &[(Id, u64)]) -> Result<(), &'static str> {
        let mut state = self.0.lock().unwrap();
        state.sent.retain(|(project, _)| last.iter().all(|(other, _)| other != project));
        state.sent.extend_from_slice(last);
        Ok(())
    }
}
