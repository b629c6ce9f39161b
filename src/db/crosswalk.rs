//! The crosswalk: which original a pseudonym stands for, by project. At rest nobody can read it without the project's
//! secret: names are marks under a key of the project, originals are sealed under another. Who may ask is decided above.
//!
//! Names of what is pulled can be found again at their origin, so `enter` does not wait for the disk. Those of what is
//! pushed cannot: they are `entries` of the request's settlement, in one transaction with its account.

mod memory;
mod rows;

pub(super) use rows::{erase, erase_patient, insert, marks_of};

use super::seal::SealKey;
use super::{Db, Fault, now};
use crate::deid::own_pseudonyms::OwnPseudonyms;
use crate::deid::pseudonym::{KeyedIndex, ProjectKey, sub_key};
use crate::deid::receipt::Phi;
use memory::Memory;
use rows::{Row, Rows};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{mpsc, oneshot};

/// What a pseudonym names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A study, series, instance or anything else that has a UID.
    Uid,
    /// A patient. The original is the text of `Facts::patient`.
    Patient,
    /// An instance that was led back and stored at the origin under the UID that its sender gave it: that UID, and in the
    /// place of the original the study that it was stored in.
    Restored,
}

impl Kind {
    /// As it is stored.
    fn word(self) -> &'static str {
        match self {
            Self::Uid => "uid",
            Self::Patient => "patient",
            Self::Restored => "restored",
        }
    }
}

/// How names are marked.
fn index(key: &ProjectKey) -> KeyedIndex {
    KeyedIndex::new(key, "crosswalk-index")
}

/// The mark of a name.
type Mark = [u8; 16];

/// How a patient's pseudonym is marked, as it is stored.
pub(super) fn mark_of(key: &ProjectKey, pseudonym: &str) -> String {
    rows::text(&index(key).mark(Kind::Patient.word(), pseudonym))
}

/// How who stands behind pseudonyms is marked.
fn original_mark(index: &KeyedIndex, kind: Kind, original: &str) -> Mark {
    index.mark(&format!("original/{}", kind.word()), original)
}

/// Pairs that may wait to be written, by request.
const QUEUE: usize = 256;

/// A row is written again, to tell that it is in use, once it was seen so long ago: a day.
const STALE: i64 = 86_400_000;

/// The crosswalk of one project. Cheap to clone; what was met lately is in memory.
#[derive(Clone)]
pub struct Crosswalk(Arc<Inner>);

struct Inner {
    db: Db,
    project: String,
    index: KeyedIndex,
    seal: SealKey,
    memory: Mutex<Memory>,
    /// Patients with a pseudonym of the project's own; these hold, whatever was met before.
    own: HashMap<String, Phi<String>>,
    jobs: mpsc::Sender<Job>,
}

/// Names to be entered, ready for the database. Cheap to clone.
#[derive(Clone, Default)]
pub struct Entries(Arc<Made>);

#[derive(Default)]
struct Made {
    rows: Rows,
    /// What the rows tell, for the memory.
    names: Vec<(Mark, Phi<String>)>,
    at: i64,
}

impl Entries {
    /// True if there is nothing to be entered.
    pub(super) fn is_empty(&self) -> bool {
        self.0.rows.is_empty()
    }
}

struct Job {
    entries: Entries,
    reply: oneshot::Sender<Result<(), Fault>>,
}

impl Crosswalk {
    /// The crosswalk of a project. Its task, which ends with the last clone, writes for all who wait together. To be called
    /// within the runtime.
    pub fn new(db: Db, project: &str, key: &ProjectKey) -> Self {
        Self::with_own(db, project, key, &OwnPseudonyms::default())
    }

    /// As `new`, of a project with pseudonyms of its own.
    pub fn with_own(db: Db, project: &str, key: &ProjectKey, own: &OwnPseudonyms) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        tokio::spawn(run(db.clone(), project.to_owned(), queue));
        Self(Arc::new(Inner {
            db,
            project: project.to_owned(),
            index: index(key),
            seal: SealKey::new(sub_key(key, "crosswalk-seal")),
            memory: Mutex::default(),
            own: own.pairs().map(|(name, patient)| (name.to_owned(), Phi::new(patient.text()))).collect(),
            jobs,
        }))
    }

    /// Enters what pseudonyms stand for: kind, pseudonym, original. What is known already costs no SQL. An empty name
    /// names nothing and is left out.
    ///
    /// # Errors
    /// The database fails.
    pub async fn enter(&self, pairs: Vec<(Kind, String, Phi<String>)>) -> Result<(), Fault> {
        const ENDED: Fault = Fault::Down("the crosswalk's writer has ended");
        let entries = self.entries(pairs)?;
        if entries.is_empty() {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        self.0.jobs.send(Job { entries: entries.clone(), reply }).await.map_err(|_| ENDED)?;
        answer.await.map_err(|_| ENDED)??;
        self.entered(&entries);
        Ok(())
    }

    /// What of these pairs is to be entered, for whoever enters it in a transaction of his own and says `entered` then.
    ///
    /// # Errors
    /// The system gives no random bytes.
    pub fn entries(&self, pairs: Vec<(Kind, String, Phi<String>)>) -> Result<Entries, Fault> {
        let at = now();
        let new = self.unknown(pairs, at);
        let rows = new.iter().map(|(kind, mark, original)| self.row(*kind, mark, original));
        let rows = rows.collect::<Result<Rows, Fault>>()?;
        let names = new.into_iter().map(|(_, mark, original)| (mark, original)).collect();
        Ok(Entries(Arc::new(Made { rows, names, at })))
    }

    /// These are in the database now.
    pub fn entered(&self, entries: &Entries) {
        let mut memory = self.memory();
        for (mark, original) in &entries.0.names {
            memory.keep(*mark, original.clone(), entries.0.at);
        }
    }

    /// What a pseudonym stands for, as far as is known.
    ///
    /// # Errors
    /// The database fails.
    pub async fn original(&self, kind: Kind, pseudonym: &str) -> Result<Option<Phi<String>>, Fault> {
        let found = self.originals(kind, &[pseudonym.to_owned()]).await?;
        Ok(found.into_values().next())
    }

    /// What these pseudonyms stand for, by pseudonym; those that are unknown are left out.
    ///
    /// # Errors
    /// The database fails.
    pub async fn originals(
        &self,
        kind: Kind,
        pseudonyms: &[String],
    ) -> Result<HashMap<String, Phi<String>>, Fault> {
        let mut found = HashMap::new();
        let mut asked: HashMap<Mark, &String> = HashMap::new();
        {
            let mut memory = self.memory();
            for pseudonym in pseudonyms {
                if let Some(own) = self.0.own.get(pseudonym).filter(|_| kind == Kind::Patient) {
                    found.insert(pseudonym.clone(), own.clone());
                    continue;
                }
                let mark = self.mark(kind, pseudonym);
                match memory.get(&mark) {
                    Some((original, _)) => drop(found.insert(pseudonym.clone(), original)),
                    None => drop(asked.insert(mark, pseudonym)),
                }
            }
        }
        let (db, project) = (&self.0.db, &self.0.project);
        let marks: Vec<Mark> = asked.keys().copied().collect();
        for stored in rows::read(db, project, kind, &marks).await? {
            let Some(pseudonym) = asked.get(&stored.mark) else { continue };
            let original = self.open(kind, &stored.mark, &stored.value)?;
            self.memory().keep(stored.mark, original.clone(), stored.seen);
            found.insert((*pseudonym).clone(), original);
        }
        Ok(found)
    }

    /// What is not known already, or was seen too long ago.
    fn unknown(&self, pairs: Vec<(Kind, String, Phi<String>)>, at: i64) -> Vec<(Kind, Mark, Phi<String>)> {
        let named =
            pairs.into_iter().filter(|(_, name, original)| !name.is_empty() && !original.expose().is_empty());
        let marked = named.map(|(kind, name, original)| (kind, self.mark(kind, &name), original));
        let mut memory = self.memory();
        let fresh = |known: Option<(Phi<String>, i64)>, original: &Phi<String>| {
            known.is_some_and(|(known, seen)| known == *original && seen > at.saturating_sub(STALE))
        };
        marked.filter(|(_, mark, original)| !fresh(memory.get(mark), original)).collect()
    }

    fn row(&self, kind: Kind, mark: &Mark, original: &Phi<String>) -> Result<((Kind, Mark), Row), Fault> {
        let value = self.0.seal.seal(&self.owner(kind, mark), original.expose().as_bytes())?;
        let original = original_mark(&self.0.index, kind, original.expose());
        Ok(((kind, *mark), Row { original, value }))
    }

    fn open(&self, kind: Kind, mark: &Mark, value: &[u8]) -> Result<Phi<String>, Fault> {
        let damaged = |_| Fault::Failing("a row of the crosswalk is damaged");
        let bytes = self.0.seal.open(&self.owner(kind, mark), value).map_err(damaged)?;
        String::from_utf8(bytes)
            .map(Phi::new)
            .map_err(|_| Fault::Failing("a row of the crosswalk is damaged"))
    }

    fn mark(&self, kind: Kind, pseudonym: &str) -> Mark {
        self.0.index.mark(kind.word(), pseudonym)
    }

    /// What the seal of a row is bound to.
    fn owner(&self, kind: Kind, mark: &Mark) -> String {
        format!("{}/{}/{}", self.0.project, kind.word(), rows::text(mark))
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes what waits, all of it at once.
async fn run(db: Db, project: String, mut queue: mpsc::Receiver<Job>) {
    let mut jobs = Vec::new();
    while queue.recv_many(&mut jobs, QUEUE).await > 0 {
        let (entries, replies): (Vec<_>, Vec<_>) = jobs.drain(..).map(|job| (job.entries, job.reply)).unzip();
        let written = rows::write(&db, &project, &entries).await;
        for reply in replies {
            let _ = reply.send(written);
        }
    }
}

#[cfg(test)]
mod tests;
