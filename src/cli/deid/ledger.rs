//! Settles inputs in their order, whichever thread is done first: gives outputs their
//! names, writes receipt and mapping, counts. So a run with many threads gives what a run
//! with one gives.

use super::mapping::Mapping;
use super::naming::Naming;
use super::outcome::{Outcome, Reason, Verdict};
use super::record::{Entry, Record};
use super::source::About;
use super::staging::Shelf;
use super::summary::Summary;
use crate::cli::args::DeidArgs;
use crate::cli::{Failure, stdio};
use crate::deid::plan::Plan;
use crate::deid::receipt::Receipt;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use tempfile::TempPath;

/// How many inputs may be ready before the one whose turn it is: bounds what is held.
const AHEAD: u64 = 1024;

/// The books of one run.
pub struct Ledger {
    books: Mutex<Books>,
    turned: Condvar,
}

struct Books {
    turn: u64,
    waiting: BTreeMap<u64, (About, Outcome)>,
    naming: Naming,
    shelf: Shelf,
    record: Option<Record>,
    mapping: Option<Mapping>,
    summary: Summary,
    broken: Option<io::Error>,
}

impl Ledger {
    /// Opens the books: makes the receipt file and the folder for the mapping.
    pub fn open(args: &DeidArgs, out: &Path, plan: &Plan) -> Result<Self, Failure> {
        let mapping = args.mapping.as_deref().map(Mapping::create).transpose()?;
        let record = args.receipt.as_deref().map(|path| Record::create(path, plan)).transpose()?;
        let books = Books {
            turn: 0,
            waiting: BTreeMap::new(),
            naming: Naming::new(args.names),
            shelf: Shelf::new(out.to_owned()),
            record,
            mapping,
            summary: Summary::default(),
            broken: None,
        };
        Ok(Self { books: Mutex::new(books), turned: Condvar::new() })
    }

    /// Takes the outcome of the input whose number is `turn`; waits if it is far ahead.
    pub fn settle(&self, turn: u64, about: About, outcome: Outcome) {
        let mut books = self.books();
        while turn >= books.turn + AHEAD && books.broken.is_none() {
            books = self.turned.wait(books).unwrap_or_else(PoisonError::into_inner);
        }
        books.waiting.insert(turn, (about, outcome));
        books.settle_ready();
        drop(books);
        self.turned.notify_all();
    }

    /// True if the receipt cannot be written any more: what is not on record must not go
    /// out.
    pub fn is_broken(&self) -> bool {
        self.books().broken.is_some()
    }

    /// Closes the books.
    pub fn close(self) -> Result<Summary, Failure> {
        let books = self.books.into_inner().unwrap_or_else(PoisonError::into_inner);
        let failed = |what: &'static str| {
            move |error: io::Error| {
                Failure::Machine(format!("cannot write the {what}: {}", stdio::why(&error)))
            }
        };
        let mapped = books.mapping.map_or(Ok(()), Mapping::close);
        books.broken.map_or(Ok(()), Err).map_err(failed("receipt; stopped"))?;
        mapped.map_err(failed("mapping; the outputs stand"))?;
        Ok(books.summary)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    fn settle_ready(&mut self) {
        while self.broken.is_none()
            && let Some((about, outcome)) = self.waiting.remove(&self.turn)
        {
            let settled = match outcome {
                Outcome::Ready { receipt, output } => self.ready(&about, &receipt, output),
                Outcome::Not(reason) => self.not(&about, &reason),
            };
            self.broken = settled.err();
            self.turn += 1;
        }
    }

    /// The line comes first: a run may be killed at any time, and then no output stands without its line.
    fn ready(&mut self, about: &About, receipt: &Receipt, output: TempPath) -> io::Result<()> {
        let name = self.naming.give(&about.relative, &receipt.names);
        let line = |verdict| Entry { about, verdict, reason: None, done: Some((receipt, &name)) };
        self.write(&line(Verdict::Done))?;
        let verdict = match self.shelf.place(output, &name) {
            Ok(verdict) => verdict,
            Err(reason) => {
                self.take_line_back()?;
                return self.not(about, &reason);
            }
        };
        if verdict != Verdict::Done {
            self.take_line_back()?;
            self.write(&line(verdict))?;
        }
        self.summary.count(verdict, receipt.bytes_in, None);
        if let Some(mapping) = &mut self.mapping {
            mapping.note(receipt);
        }
        Ok(())
    }

    fn not(&mut self, about: &About, reason: &Reason) -> io::Result<()> {
        self.summary.count(reason.verdict, 0, Some(&reason.text));
        self.write(&Entry { about, verdict: reason.verdict, reason: Some(reason), done: None })
    }

    fn write(&mut self, entry: &Entry<'_>) -> io::Result<()> {
        self.record.as_mut().map_or(Ok(()), |record| record.write(entry))
    }

    fn take_line_back(&mut self) -> io::Result<()> {
        self.record.as_mut().map_or(Ok(()), Record::take_back)
    }
}
