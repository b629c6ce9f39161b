//! Names led back: the original that a pseudonymous UID of a path stands for. One that was never met is looked for by
//! walking what it may belong to; walks are rare and bounded, so that guessing makes no load.

use super::{Fault, Place, Veil};
use crate::db::crosswalk::Kind;
use crate::deid::engine::{SERIES, SOP_INSTANCE, STUDY, Subject};
use crate::deid::patient::Patient;
use crate::deid::receipt::Phi;
use crate::deid::search::Shown;
use crate::dicomweb::levels::Level;
use crate::dicomweb::query::{Include, Query};
use dicom_core::{Tag, VR};
use std::collections::HashMap;
use std::time::{Duration, Instant};
use tokio::sync::Mutex;

/// Most results that one walk looks at.
const WALKED: u64 = 20_000;

/// Results that a walk asks for at a time.
const PAGE: u64 = 500;

/// How long what a walk found stands for all there is: a name that is unknown meanwhile is answered so at once.
const REST: Duration = Duration::from_secs(30);

/// Walks that are remembered.
const REMEMBERED: usize = 1000;

/// When what was walked last: the studies (an empty name), or the instances of a study by its original UID. Who holds it
/// walks; there is one walk at a time.
#[derive(Default)]
pub(super) struct Walks(Mutex<HashMap<String, Instant>>);

/// A pseudonym with what it stands for.
pub(super) type Pair = (Kind, String, Phi<String>);

impl Veil {
    /// The place under its original names.
    pub(super) async fn original(&self, place: &Place) -> Result<Place, Fault> {
        let study = self.study(&place.study).await?;
        let series = match &place.series {
            Some(name) => Some(self.below(&study, SERIES, name).await?),
            None => None,
        };
        let instance = match &place.instance {
            Some(name) => Some(self.below(&study, SOP_INSTANCE, name).await?),
            None => None,
        };
        Ok(Place { study, series, instance })
    }

    /// The original of a study.
    pub(super) async fn study(&self, name: &str) -> Result<String, Fault> {
        if let Some(original) = self.known(STUDY, name).await? {
            return Ok(original);
        }
        self.walk("").await?;
        self.known(STUDY, name).await?.ok_or(Fault::NotFound)
    }

    /// The original of a series or an instance of a study.
    pub(super) async fn below(&self, study: &str, tag: Tag, name: &str) -> Result<String, Fault> {
        if let Some(original) = self.known(tag, name).await? {
            return Ok(original);
        }
        self.walk(study).await?;
        self.known(tag, name).await?.ok_or(Fault::NotFound)
    }

    /// The patient that a pseudonym stands for.
    pub(super) async fn patient(&self, pseudonym: &str) -> Result<Option<Patient>, Fault> {
        let found = self.0.crosswalk.original(Kind::Patient, pseudonym).await?;
        Ok(found.and_then(|text| Patient::parse(text.expose())))
    }

    /// The original that is known for a name: the name itself where the plan keeps such UIDs.
    pub(super) async fn known(&self, tag: Tag, name: &str) -> Result<Option<String>, Fault> {
        if self.0.engine.shown(&[tag], VR::UI) == Shown::Kept {
            return Ok(Some(name.to_owned()));
        }
        Ok(self.0.crosswalk.original(Kind::Uid, name).await?.map(|original| original.expose().clone()))
    }

    /// What the crosswalk has to know of a subject before its names go out.
    pub(super) fn pairs(&self, subject: &Subject) -> Vec<Pair> {
        let (names, facts) = (&subject.names, &subject.facts);
        let patient = Phi::new(facts.patient());
        let mut pairs = vec![(Kind::Patient, subject.patient_id.clone(), patient)];
        for (tag, name, original) in [
            (STUDY, &names.study, &facts.study),
            (SERIES, &names.series, &facts.series),
            (SOP_INSTANCE, &names.instance, &facts.instance),
        ] {
            if self.0.engine.shown(&[tag], VR::UI) != Shown::Kept {
                pairs.push((Kind::Uid, name.clone(), Phi::new(original.clone())));
            }
        }
        pairs
    }

    /// Looks at all studies, or at all instances of a study, so that their names are known; not again for a while.
    pub(super) async fn walk(&self, study: &str) -> Result<(), Fault> {
        let mut walks = self.0.walks.0.lock().await;
        if walks.get(study).is_some_and(|at| at.elapsed() < REST) {
            return Ok(());
        }
        let mut query = everything(study);
        while query.offset < WALKED {
            let page = self.0.behind.search(&query).await?;
            let count = page.results.len() as u64;
            self.translated(&query, &query, page.results).await?;
            query.offset += count;
            if count < PAGE && page.remaining == crate::origin::Remaining::None || count == 0 {
                break;
            }
        }
        if walks.len() >= REMEMBERED {
            walks.retain(|_, at| at.elapsed() < REST);
        }
        walks.insert(study.to_owned(), Instant::now());
        Ok(())
    }
}

/// All studies, or all instances of one.
fn everything(study: &str) -> Query {
    let level = if study.is_empty() { Level::Study } else { Level::Instance };
    Query {
        level,
        study: Some(study.to_owned()).filter(|study| !study.is_empty()),
        series: None,
        keys: Vec::new(),
        include: Include::Tags(super::results::needed(level)),
        limit: Some(PAGE),
        offset: 0,
        notices: Vec::new(),
    }
}
