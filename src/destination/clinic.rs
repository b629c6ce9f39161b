//! The origin behind the veil as a destination of what was made on pseudonymized data: what names stand for is looked up in
//! the crosswalk, whose they are is asked of the origin. Judging the answers, and restoring, is `deid::restore`'s.

mod again;
mod asking;
mod places;

use super::Fault;
use crate::db::crosswalk::{Crosswalk, Kind};
use crate::deid::engine::Engine;
use crate::deid::receipt::{Names, Phi, Receipt, Refused};
use crate::deid::refusal::Refusal;
use crate::deid::restore::{Asked, Found, Known, Options, Restorer, Study, Wanted};
use crate::downstream::{self, Downstream};
use again::Again;
use bytes::Bytes;
use places::{Above, Places};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Studies remembered within one request.
const REMEMBERED: usize = 64;

/// The clinical origin of one project. Cheap to clone.
#[derive(Clone)]
pub struct Clinic {
    downstream: Downstream,
    crosswalk: Crosswalk,
}

/// Why an instance does not go on.
pub enum Stop {
    /// It is refused.
    Refused(Refused),
    /// Nobody can say: the origin or the database fails. Under which names it is told, if they are known.
    Fault(Fault, Option<Box<Names>>),
}

/// The instances of one request: what was asked for one is not asked again for another. Clones are of the same request.
#[derive(Clone)]
pub struct Visit {
    clinic: Clinic,
    studies: Arc<Mutex<HashMap<String, Study>>>,
    /// Names that are no instance's, and what they are.
    above: Arc<Mutex<HashMap<String, Above>>>,
}

/// An instance on its way.
pub struct Restoring {
    restorer: Restorer,
    engine: Engine,
    visit: Visit,
}

impl Clinic {
    /// The origin that this client reaches, whose names stand in this crosswalk.
    pub fn new(downstream: Downstream, crosswalk: Crosswalk) -> Self {
        Self { downstream, crosswalk }
    }

    /// The server.
    pub fn downstream(&self) -> &Downstream {
        &self.downstream
    }

    async fn known(&self, asked: &Asked) -> Result<Known, Fault> {
        let uids = self.crosswalk.originals(Kind::Uid, &asked.uids).await.map_err(failing)?;
        let patient = match asked.patient.as_deref().filter(|id| !id.is_empty()) {
            Some(id) => self.crosswalk.original(Kind::Patient, id).await.map_err(failing)?,
            None => None,
        };
        let restored = match &asked.instance {
            Some(uid) => self.crosswalk.original(Kind::Restored, uid).await.map_err(failing)?,
            None => None,
        };
        Ok(Known { uids, patient, restored })
    }
}

impl Visit {
    /// Of the instances of one request.
    pub fn new(clinic: Clinic) -> Self {
        Self { clinic, studies: Arc::default(), above: Arc::default() }
    }

    /// An instance begins.
    pub fn begin(&self, engine: &Engine, options: Options) -> Restoring {
        Restoring { restorer: Restorer::new(engine, options), engine: engine.clone(), visit: self.clone() }
    }

    async fn answer(
        &self,
        engine: &Engine,
        restorer: &mut Restorer,
        out: &mut Vec<Bytes>,
    ) -> Result<(), Stop> {
        while let Some(asked) = restorer.asked() {
            let known = self.clinic.known(&asked).await.map_err(|fault| Stop::Fault(fault, None))?;
            let Some(wanted) = restorer.identify(known, out)? else { continue };
            let found = self.find(engine, &wanted).await.map_err(|miss| match miss {
                Miss::Refusal(refusal) => Stop::Refused(restorer.refused(refusal)),
                Miss::Fault(fault) => Stop::Fault(fault, restorer.names()),
            })?;
            restorer.restore(found, out)?;
        }
        Ok(())
    }

    /// What the origin says.
    async fn find(&self, engine: &Engine, wanted: &Wanted) -> Result<Found, Miss> {
        let (own, instance) = (wanted.study.expose(), wanted.instance.expose());
        let study = self.study(own).await?;
        let named: BTreeSet<&String> = wanted.others.iter().map(Phi::expose).collect();
        let within = named.iter().copied().chain([own]).collect();
        let mut places = Places::within(within);
        let references = texts(&wanted.references);
        self.place(&mut places, &texts(&wanted.names), &references, Some(instance)).await?;
        let is_taken = places.take(instance);
        let again = match wanted.lost.is_empty() {
            true => HashMap::new(),
            false => Again::new(&self.clinic, engine, &wanted.lost).find(own, &places.instances).await?,
        };
        self.place(&mut places, &texts(again.values()), &BTreeSet::new(), None).await?;
        let mut others: BTreeSet<&String> = places.studies().chain(named).collect();
        others.remove(own);
        let mut patients = Vec::new();
        for other in others {
            patients.push(self.study(other).await?.patient().clone());
        }
        Ok(Found { study, patients, series: places.series, is_taken, again })
    }

    async fn study(&self, study: &str) -> Result<Study, Miss> {
        let known = self.studies().get(study).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let found = self.clinic.study(study).await?.ok_or(Refusal::NoStudy)?;
        let mut studies = self.studies();
        if studies.len() >= REMEMBERED {
            studies.clear();
        }
        studies.insert(study.to_owned(), found.clone());
        Ok(found)
    }

    fn studies(&self) -> MutexGuard<'_, HashMap<String, Study>> {
        self.studies.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Restoring {
    /// Bytes of head or tail that are held now.
    pub fn held(&self) -> usize {
        self.restorer.held()
    }

    /// Takes the next bytes; what can go out is appended to `out`.
    ///
    /// # Errors
    /// It does not go on.
    pub async fn push(&mut self, bytes: Bytes, out: &mut Vec<Bytes>) -> Result<(), Stop> {
        self.restorer.push(bytes, out)?;
        self.visit.answer(&self.engine, &mut self.restorer, out).await
    }

    /// The instance is complete.
    ///
    /// # Errors
    /// It does not go on; what went out must be discarded.
    pub async fn finish(mut self, out: &mut Vec<Bytes>) -> Result<Receipt, Stop> {
        self.restorer.end(out)?;
        self.visit.answer(&self.engine, &mut self.restorer, out).await?;
        Ok(self.restorer.finish(out)?)
    }
}

fn texts<'a>(names: impl IntoIterator<Item = &'a Phi<String>>) -> BTreeSet<&'a str> {
    names.into_iter().map(|name| name.expose().as_str()).collect()
}

/// Why the origin's side is not told.
enum Miss {
    Refusal(Refusal),
    Fault(Fault),
}

impl From<Refusal> for Miss {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<Fault> for Miss {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<downstream::Fault> for Miss {
    fn from(fault: downstream::Fault) -> Self {
        Self::Fault(Fault::Downstream(fault))
    }
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

fn failing(fault: crate::db::Fault) -> Fault {
    tracing::error!(%fault, "the crosswalk cannot be read");
    Fault::Storage
}

#[cfg(test)]
mod tests;
