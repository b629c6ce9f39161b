//! The origin behind the veil as a destination of what was made on pseudonymized data: what names stand for is looked up in
//! the crosswalk, whose they are is asked of the origin. Judging the answers, and restoring, is `deid::restore`'s.

use super::Fault;
use crate::db::crosswalk::{Crosswalk, Kind};
use crate::deid::engine::Engine;
use crate::deid::receipt::{Names, Phi, Receipt, Refused};
use crate::deid::refusal::Refusal;
use crate::deid::restore::{Asked, Found, Known, Options, Restorer, Study, Wanted};
use crate::dicomweb::data_set::DataSet;
use crate::dicomweb::json_in;
use crate::downstream::{self, Downstream};
use bytes::Bytes;
use dicom_core::Tag;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SOP_INSTANCE: Tag = Tag(0x0008, 0x0018);
const STUDY: Tag = Tag(0x0020, 0x000D);
const SERIES: Tag = Tag(0x0020, 0x000E);

const JSON: &str = "application/dicom+json";

/// Most bytes of an answer: metadata of one instance, or the results of one search.
const HELD: usize = 32 << 20;

/// UIDs asked for in one search: the URL stays below 4 KiB.
const AT_ONCE: usize = 40;

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
}

/// An instance on its way.
pub struct Restoring {
    restorer: Restorer,
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
        Ok(Known { uids, patient, restored: restored.is_some() })
    }

    /// The answer to a request for JSON; `None` where there is nothing.
    async fn ask(&self, path: &str) -> Result<Option<Bytes>, downstream::Fault> {
        let reply = self.downstream.get(path, JSON, None).await?;
        if reply.nothing { Ok(None) } else { reply.held(HELD).await.map(Some) }
    }

    async fn search(&self, path: &str) -> Result<Vec<DataSet>, downstream::Fault> {
        let Some(body) = self.ask(path).await? else { return Ok(Vec::new()) };
        let results: Vec<BTreeMap<String, Value>> =
            serde_json::from_slice(&body).map_err(|_| downstream::Fault::Nonsense)?;
        Ok(results.into_iter().map(DataSet).collect())
    }

    /// What the metadata of one of its instances says of a study; `None` if the origin does not have it.
    async fn study(&self, study: &str) -> Result<Option<Study>, downstream::Fault> {
        if !is_plain(study) {
            return Ok(None);
        }
        let results = self.search(&format!("studies/{study}/instances?limit=1&includefield=0020000E")).await;
        let results = match results {
            Err(downstream::Fault::NotFound) => return Ok(None),
            results => results?,
        };
        let Some(one) = results.first() else { return Ok(None) };
        let (series, instance) = (one.text(SERIES), one.text(SOP_INSTANCE));
        if !is_plain(series) || !is_plain(instance) {
            return Err(downstream::Fault::Nonsense);
        }
        let path = format!("studies/{study}/series/{series}/instances/{instance}/metadata");
        let body = self.ask(&path).await?.ok_or(downstream::Fault::Nonsense)?;
        let read = json_in::parse(&body).map_err(|_| downstream::Fault::Nonsense)?;
        let metadata = read.into_iter().next().and_then(Result::ok).ok_or(downstream::Fault::Nonsense)?;
        let study_of = Study::new(metadata.encoded(&Study::wants)).ok();
        study_of.filter(|it| it.uid() == study).map(Some).ok_or(downstream::Fault::Nonsense)
    }

    /// The studies of those of these instances that the origin has.
    async fn located(&self, uids: &[&str], below: &str) -> Result<Vec<(String, String)>, downstream::Fault> {
        let mut located = Vec::new();
        for uids in uids.chunks(AT_ONCE) {
            let path = format!("{below}?SOPInstanceUID={}&includefield=0020000D", uids.join("%2C"));
            for result in self.search(&path).await? {
                let (instance, study) = (result.text(SOP_INSTANCE), result.text(STUDY));
                if !uids.contains(&instance) {
                    // It does not understand the filter, and may have left out what was asked for.
                    return Err(downstream::Fault::Unsupported);
                }
                located.push((instance.to_owned(), study.to_owned()));
            }
        }
        Ok(located)
    }
}

impl Visit {
    /// Of the instances of one request.
    pub fn new(clinic: Clinic) -> Self {
        Self { clinic, studies: Arc::default() }
    }

    /// An instance begins.
    pub fn begin(&self, engine: &Engine, options: Options) -> Restoring {
        Restoring { restorer: Restorer::new(engine, options), visit: self.clone() }
    }

    async fn answer(&self, restorer: &mut Restorer, out: &mut Vec<Bytes>) -> Result<(), Stop> {
        while let Some(asked) = restorer.asked() {
            let known = self.clinic.known(&asked).await.map_err(|fault| Stop::Fault(fault, None))?;
            let Some(wanted) = restorer.identify(known, out)? else { continue };
            let found = self.find(&wanted).await.map_err(|miss| match miss {
                Miss::Refusal(refusal) => Stop::Refused(restorer.refused(refusal)),
                Miss::Fault(fault) => Stop::Fault(Fault::Downstream(fault), restorer.names()),
            })?;
            restorer.restore(found, out)?;
        }
        Ok(())
    }

    /// What the origin says.
    async fn find(&self, wanted: &Wanted) -> Result<Found, Miss> {
        let own = wanted.study.expose();
        let study = self.study(own).await?;
        let named: BTreeSet<&String> = wanted.others.iter().map(Phi::expose).collect();
        let located = self.locate(wanted, &named).await?;
        let mut others: BTreeSet<String> = named.into_iter().cloned().collect();
        others.extend(located.iter().map(|(_, study)| study.clone()).filter(|study| study != own));
        let mut patients = Vec::new();
        for other in others.iter().filter(|other| *other != own) {
            patients.push(self.study(other).await?.patient().clone());
        }
        let is_taken = located.iter().any(|(instance, _)| instance == wanted.instance.expose());
        Ok(Found { study, patients, is_taken })
    }

    /// Where the instances are that an instance refers to, and one of its own name if there is one. Not every server
    /// searches all its instances: then all must be in the studies named.
    async fn locate(
        &self,
        wanted: &Wanted,
        named: &BTreeSet<&String>,
    ) -> Result<Vec<(String, String)>, Miss> {
        use downstream::Fault::{NotFound, Refused, Unsupported};
        let instance = wanted.instance.expose().as_str();
        let references = wanted.references.iter().map(|uid| uid.expose().as_str());
        let uids: Vec<&str> = references.chain([instance]).collect();
        if !uids.iter().all(|uid| is_plain(uid)) {
            return Err(Refusal::Untold.into());
        }
        match self.clinic.located(&uids, "instances").await {
            Ok(located) if located.iter().all(|(_, study)| is_plain(study)) => return Ok(located),
            Ok(_) | Err(NotFound | Refused(_) | Unsupported) => {}
            Err(fault) => return Err(fault.into()),
        }
        let mut located = Vec::new();
        for study in named.iter().copied().chain([wanted.study.expose()]) {
            let found = self.clinic.located(&uids, &format!("studies/{study}/instances")).await?;
            located.extend(found.into_iter().map(|(instance, _)| (instance, study.clone())));
        }
        let is_located = |uid: &&str| *uid == instance || located.iter().any(|(found, _)| found == uid);
        if uids.iter().all(is_located) { Ok(located) } else { Err(Refusal::Untold.into()) }
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
    /// Takes the next bytes; what can go out is appended to `out`.
    ///
    /// # Errors
    /// It does not go on.
    pub async fn push(&mut self, bytes: Bytes, out: &mut Vec<Bytes>) -> Result<(), Stop> {
        self.restorer.push(bytes, out)?;
        self.visit.answer(&mut self.restorer, out).await
    }

    /// The instance is complete.
    ///
    /// # Errors
    /// It does not go on; what went out must be discarded.
    pub async fn finish(mut self, out: &mut Vec<Bytes>) -> Result<Receipt, Stop> {
        self.restorer.end(out)?;
        self.visit.answer(&mut self.restorer, out).await?;
        Ok(self.restorer.finish(out)?)
    }
}

/// Why the origin's side is not told.
enum Miss {
    Refusal(Refusal),
    Fault(downstream::Fault),
}

impl From<Refusal> for Miss {
    fn from(refusal: Refusal) -> Self {
        Self::Refusal(refusal)
    }
}

impl From<downstream::Fault> for Miss {
    fn from(fault: downstream::Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<Refused> for Stop {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// Digits and dots, as may stand in a URL. There are more such UIDs than legal ones.
fn is_plain(uid: &str) -> bool {
    (1..=128).contains(&uid.len()) && uid.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn failing(fault: crate::db::Fault) -> Fault {
    tracing::error!(%fault, "the crosswalk cannot be read");
    Fault::Storage
}
